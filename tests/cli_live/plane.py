"""A control plane with people, tokens and two services: three Vaults over TLS, a Nomad and a Consul with ACLs on.

Nothing of the rehearsal's network is needed: all of it runs on loopback addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers import Api
from tests.cli.directory import GROUPS
from tests.cli.directory import settings as ldap_settings
from tests.cli.vaults import HOSTS, Vaults
from tests.servers.real import Server, wait_for


@dataclass
class Plane:
    """All that a control plane is to the command, running."""

    folder: Path
    vaults: Vaults
    shares: list[str]
    root: str
    nomad: Server
    consul: Server

    def environment(self, **more: str) -> dict[str, str]:
        """Where the systems are, and nobody's token."""
        first = self.vaults.addresses[HOSTS[0]]
        return {
            "SSL_CERT_FILE": str(self.vaults.ca),
            "VAULT_ADDR": f"https://{first}",
            "NOMAD_ADDR": self.nomad.address,
            "CONSUL_HTTP_ADDR": self.consul.address,
            "FLEET_STACK": "local",
            "COLUMNS": "40",
            **more,
        }

    @property
    def vault(self) -> Api:
        """Vault for who holds the root token."""
        return self.vaults.api(HOSTS[0], self.root)


def set_up(plane: Plane, ldap: str) -> None:
    api, root = plane.vault, plane.nomad.api
    for system, server in (("nomad", plane.nomad), ("consul", plane.consul)):
        api.post(
            f"/v1/sys/mounts/{system}", {"type": system, "config": {"default_lease_ttl": "1h", "max_lease_ttl": "8h"}}
        )
        address = server.address if system == "nomad" else server.address.removeprefix("http://")
        api.post(f"/v1/{system}/config/access", {"address": address, "token": server.token})
    for name, level in (("observer", "read"), ("operator", "write")):
        rules = f'namespace "*" {{ policy = "{level}" }}\nnode {{ policy = "{level}" }}'
        root.post(f"/v1/acl/policy/{name}", {"Name": name, "Rules": rules})
    api.post("/v1/nomad/role/management", {"type": "management"})
    for name in ("observer", "operator"):
        api.post(f"/v1/nomad/role/{name}", {"policies": [name]})
    rules = (
        'node_prefix "" { policy = "read" }\nservice_prefix "" { policy = "read" }\nagent_prefix "" { policy = "read" }'
    )
    plane.consul.api.put("/v1/acl/policy", {"Name": "observer", "Rules": rules})
    api.post("/v1/consul/roles/root", {"consul_policies": ["global-management"]})
    api.post("/v1/consul/roles/observer", {"consul_policies": ["observer"]})
    api.put(
        "/v1/sys/policies/acl/operator",
        {"policy": 'path "nomad/*" { capabilities = ["read"] }\npath "consul/*" { capabilities = ["read"] }'},
    )
    api.put("/v1/sys/policies/acl/observer", {"policy": 'path "nomad/creds/observer" { capabilities = ["read"] }'})
    api.post("/v1/sys/auth/ldap", {"type": "ldap"})
    api.post("/v1/auth/ldap/config", ldap_settings(ldap))
    for group in GROUPS:
        api.post(f"/v1/auth/ldap/groups/{group}", {"policies": group.removesuffix("s")})
    root.post("/v1/jobs", job("web", 3, "while true; do date +%s.%N; sleep 0.3; done"))
    root.post("/v1/jobs", job("one", 1, "echo begun; echo oops >&2; exec sleep 1000"))
    for name, count in (("web", 3), ("one", 1)):
        wait_for(f"job {name}", lambda name=name, count=count: len(running(plane, name)) == count)  # type: ignore[misc]


def job(name: str, count: int, script: str, kind: str = "service") -> dict[str, Any]:
    task = {
        "Name": "app",
        "Driver": "raw_exec",
        "Config": {"command": "/bin/sh", "args": ["-c", script]},
        "Resources": {"CPU": 20, "MemoryMB": 20},
    }
    group = {
        "Name": "app",
        "Count": count,
        "Tasks": [task],
        "RestartPolicy": {"Attempts": 20, "Interval": 6 * 10**11, "Delay": 10**9, "Mode": "delay"},
    }
    update = {"MaxParallel": 1, "MinHealthyTime": 10**9, "HealthyDeadline": 3 * 10**10, "ProgressDeadline": 6 * 10**10}
    return {
        "Job": {
            "ID": name,
            "Name": name,
            "Type": kind,
            "Datacenters": ["*"],
            "TaskGroups": [group],
            "Update": update if kind == "service" else None,
        }
    }


def running(plane: Plane, name: str) -> list[dict[str, Any]]:
    return up(plane.nomad.api.get(f"/v1/job/{name}/allocations"))


def up(stubs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in stubs if one["ClientStatus"] == "running" and one["DesiredStatus"] == "run"]

"""Real servers on the loopback that hold a stack's rights, so that the servers themselves say what these mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.control.plan import ANONYMOUS_TOKEN, ConsulPlan, ControlPlan, NomadPlan, VaultPlan
from servers import Api
from tests.servers import real


@dataclass(frozen=True)
class Held:
    """The three servers and a token each that may do everything."""

    nomad: Api
    consul: Api
    vault: Api

    def of(self, system: str, token: str | None) -> Api:
        """A system as somebody with another token, or with none."""
        address = {"nomad": self.nomad, "consul": self.consul, "vault": self.vault}[system].address
        return Api(system, address, token)  # type: ignore[arg-type]


@contextmanager
def holding(plan: ControlPlan, folder: Path) -> Iterator[Held]:
    """Three fresh servers with everything of the plan. Vault makes the other two's first tokens, as in a fleet."""
    with ExitStack() as stack:
        nomad = stack.enter_context(real.nomad(folder / "nomad", bootstrap=False))
        consul = stack.enter_context(real.consul(folder / "consul", bootstrap=False))
        vault = stack.enter_context(real.vault(folder / "vault"))
        real.wait_for("nomad's leader", lambda: nomad.open.get("/v1/status/leader"))
        real.wait_for("consul's leader", lambda: consul.open.get("/v1/status/leader"))
        root = vault.api
        _vault(root, plan.vault, nomad.address, consul.address)
        manager = root.get("/v1/nomad/creds/management")["data"]["secret_id"]
        keeper = root.get("/v1/consul/creds/root")["data"]["token"]
        held = Held(Api("nomad", nomad.address, manager), Api("consul", consul.address, keeper), root)
        _nomad(held.nomad, plan.nomad)
        _consul(held.consul, plan.consul)
        real.wait_for("nomad's node", lambda: [n for n in held.nomad.get("/v1/nodes") if n["Status"] == "ready"])
        yield held


def _vault(api: Api, plan: VaultPlan, nomad: str, consul: str) -> None:
    for name, policy in plan.policies.items():
        api.put(f"/v1/sys/policies/acl/{name}", {"policy": policy.rules})
    for system in ("nomad", "consul"):
        api.post(f"/v1/sys/mounts/{system}", {"type": system, "config": {"max_lease_ttl": "744h"}})
    api.put("/v1/nomad/config/access", {"address": nomad})
    api.put("/v1/nomad/config/lease", {"ttl": plan.nomad.default_seconds, "max_ttl": plan.nomad.longest_seconds})
    api.put("/v1/consul/config/access", {"address": consul.removeprefix("http://"), "scheme": "http"})
    for role, tokens in plan.nomad_roles.items():
        kind = {"policies": list(tokens.policies)} if tokens.policies else {"type": "management"}
        api.put(f"/v1/nomad/role/{role}", kind)
    for role, its in plan.consul_roles.items():
        api.put(
            f"/v1/consul/roles/{role}",
            {
                "consul_policies": list(its.policies),
                "consul_roles": list(its.roles),
                "node_identities": list(its.nodes),
                "ttl": its.seconds,
                "max_ttl": its.longest_seconds,
            },
        )
    for login in ("ldap", "cert"):
        api.post(f"/v1/sys/auth/{login}", {"type": login})
    ldap = {"url": plan.ldap.url, "userdn": plan.ldap.user_dn, "groupfilter": plan.ldap.group_filter}
    api.put("/v1/auth/ldap/config", ldap)


def _nomad(api: Api, plan: NomadPlan) -> None:
    for name, purpose in plan.namespaces.items():
        api.put("/v1/namespace", {"Name": name, "Description": purpose})
    for name, policy in plan.policies.items():
        body: dict[str, Any] = {"Name": name, "Description": policy.purpose, "Rules": policy.rules}
        if policy.job:
            body["JobACL"] = {"Namespace": policy.job[0], "JobID": policy.job[1]}
        api.put(f"/v1/acl/policy/{name}", body)
    for name, role in plan.roles.items():
        policies = [{"Name": policy} for policy in role.policies]
        api.put("/v1/acl/role", {"Name": name, "Description": role.purpose, "Policies": policies})


def _consul(api: Api, plan: ConsulPlan) -> None:
    for name, policy in plan.policies.items():
        api.put("/v1/acl/policy", {"Name": name, "Description": policy.purpose, "Rules": policy.rules})
    for name, role in plan.roles.items():
        policies = [{"Name": policy} for policy in role.policies]
        api.put("/v1/acl/role", {"Name": name, "Description": role.purpose, "Policies": policies})
    anonymous = [{"Name": policy} for policy in plan.anonymous]
    api.put(f"/v1/acl/token/{ANONYMOUS_TOKEN}", {"Policies": anonymous})

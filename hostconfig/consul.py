"""Consul: a server on control hosts, a client on all others; TLS and gossip encryption, default deny.

It listens on the fabric only, but for DNS, which the host's own resolver asks on the loopback.
"""

from __future__ import annotations

import json
from typing import Any

from hostconfig.desired_control import Agents, Member, Servers
from hostconfig.parts import ManagedFile, Part, Platform, Service
from hostconfig.restarting import RESTART
from hostconfig.services import hang_up, restart
from hostconfig.supervised import (
    CA,
    GOSSIP,
    KEY,
    LEAF,
    Daemon,
    account_name,
    gossip,
    merged,
    secret_fragment,
    service_name,
    supervised,
)

FOLDER = "/etc/consul.d"
HTTPS = 8501
DNS = 8600
RELOAD = "consul-reload"
# The candidate is judged as a whole configuration; where the program is missing, the service says so itself.
CHECK = '! command -v consul >/dev/null || consul validate -quiet -config-format=json "$new"'


def text_of(config: dict[str, Any]) -> str:
    """A configuration as JSON, the same for the same data."""
    return json.dumps(config, indent=2, sort_keys=True) + "\n"


def config_of(desired: Member) -> dict[str, Any]:
    """What server and client have in common."""
    return {
        "node_name": desired.hostname,
        "datacenter": desired.datacenter,
        "data_dir": "/var/lib/consul",
        "bind_addr": desired.address,
        "advertise_addr": desired.address,
        "client_addr": "127.0.0.1",
        "addresses": {"https": desired.address, "dns": "127.0.0.1"},
        "ports": {"http": -1, "https": HTTPS, "dns": DNS, "grpc": -1, "grpc_tls": -1},
        "retry_join": desired.others,
        "retry_interval": "5s",
        "rejoin_after_leave": True,
        # A host that reboots comes back: it is not to be forgotten in between.
        "leave_on_terminate": False,
        "skip_leave_on_interrupt": True,
        "tls": {
            "defaults": {
                "ca_file": CA,
                "cert_file": LEAF,
                "key_file": KEY,
                "verify_outgoing": True,
                "tls_min_version": "TLSv1_2",
            },
            "internal_rpc": {"verify_incoming": True, "verify_server_hostname": True},
            # People come through the control vhosts, with tokens and without certificates.
            "https": {"verify_incoming": False},
        },
        "auto_reload_config": True,
        "enable_agent_tls_for_checks": True,
        "acl": {
            "enabled": True,
            "default_policy": "deny",
            "down_policy": "extend-cache",
            "enable_token_persistence": True,
        },
        "disable_update_check": True,
        "disable_remote_exec": True,
        "telemetry": {"prometheus_retention_time": "24h", "disable_hostname": True},
        "log_level": "INFO",
    }


def server_config(desired: Servers) -> dict[str, Any]:
    """What a voter adds. The first quorum forms by itself once all voters are there, and only then."""
    return {
        "server": True,
        "bootstrap_expect": len(desired.voters),
        "ui_config": {"enabled": True},
        "performance": {"raft_multiplier": desired.raft_multiplier},
        # A voter that is off for a day is no reason to do with fewer voters than were declared.
        "autopilot": {"min_quorum": len(desired.voters)},
    }


def vault_service(desired: Member) -> ManagedFile:
    """This host's Vault in Consul. Not registered by Vault itself, which would need a token of its own for that."""
    health = f"https://{desired.address}:8200/v1/sys/health?standbyok=true&perfstandbyok=true"
    service = {
        "name": "vault",
        "id": "vault",
        "address": desired.address,
        "port": 8200,
        "checks": [{"id": "vault-open", "name": "Vault is open", "http": health, "interval": "10s", "timeout": "5s"}],
    }
    return ManagedFile(f"{FOLDER}/50-vault.json", text_of({"service": service}), wakes=RELOAD)


def own_services(desired: Agents, platform: Platform) -> Part:
    """What a host itself has running that others look for, beside its jobs."""
    if not desired.votes:
        return Part()
    reload = Service(RELOAD, hang_up(service_name("consul"), platform), supervised=False)
    return Part(files=(vault_service(desired),), services=(reload,))


def _daemon(platform: Platform) -> Daemon:
    group = account_name("consul", platform.os)
    fragment = secret_fragment(f"{FOLDER}/80-gossip.json", '{"encrypt": "%s"}', f"{GOSSIP}/consul", group)
    return Daemon("consul", f"consul agent -config-dir={FOLDER}", needs=(gossip("consul"),), before=(fragment,))


def consul_server(desired: Servers, platform: Platform) -> Part:
    """The server of a control host; restarted only while the others are well."""
    text = text_of(config_of(desired) | server_config(desired))
    own = Part(files=(ManagedFile(f"{FOLDER}/10-agent.json", text, check=CHECK, wakes=service_name("consul")),))
    return merged([own, supervised(_daemon(platform), desired, platform, f"{RESTART} consul")])


def consul_client(desired: Agents, platform: Platform) -> Part:
    """The client of every other host."""
    if desired.votes:
        return Part()
    text = text_of(config_of(desired) | {"server": False})
    own = Part(files=(ManagedFile(f"{FOLDER}/10-agent.json", text, check=CHECK, wakes=service_name("consul")),))
    hear = restart(service_name("consul"), platform)
    return merged([own, supervised(_daemon(platform), desired, platform, hear)])

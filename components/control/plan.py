"""What Nomad, Vault and Consul are to hold, as records: rights as text, every derived name decided. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from components.control import rules
from model import Fleet
from model.access import Access, Ldap, VaultCapability
from model.control import Control

# Hosts log in anew each week; four weeks of a sealed Vault disturb none of them. Vault takes no more than 32 days.
HOST_SECONDS = 30 * 86400
# Where the logins of people and of hosts are, and Vault's engines.
LDAP, HOSTS, NOMAD, CONSUL = "ldap", "hosts", "nomad", "consul"
ANONYMOUS_TOKEN = "00000000-0000-0000-0000-000000000002"
# Policies that Consul brings along, by the ids that it knows them by everywhere.
BUILT_IN = {"global-management": "00000000-0000-0000-0000-000000000001"}
_READ: tuple[VaultCapability, ...] = ("read",)


@dataclass(frozen=True)
class Policy:
    """A policy of any of the three: its text, the job of Nomad that it is bound to, and the namespaces it names."""

    rules: str
    purpose: str
    job: tuple[str, str] | None = None
    namespaces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Role:
    """Policies under one name."""

    purpose: str
    policies: tuple[str, ...]


@dataclass(frozen=True)
class NomadPlan:
    """What Nomad is to hold."""

    address: str
    namespaces: dict[str, str]
    algorithm: str
    memory_oversubscription: bool
    preemption: dict[str, bool]
    policies: dict[str, Policy]
    roles: dict[str, Role]


@dataclass(frozen=True)
class Mount:
    """A store of Vault."""

    type: str
    purpose: str
    options: dict[str, str]
    default_seconds: int | None
    longest_seconds: int | None


@dataclass(frozen=True)
class NomadTokens:
    """Tokens of Nomad under one name; without policies it is a management token."""

    policies: tuple[str, ...]


@dataclass(frozen=True)
class ConsulTokens:
    """Tokens of Consul under one name, and how long they live. `nodes`: name:datacenter of those it may register."""

    policies: tuple[str, ...]
    roles: tuple[str, ...]
    nodes: tuple[str, ...]
    seconds: int
    longest_seconds: int


@dataclass(frozen=True)
class Engine:
    """Vault's engine for another system's tokens: where that system answers, over the fabric."""

    address: str
    default_seconds: int
    longest_seconds: int


@dataclass(frozen=True)
class VaultPlan:
    """What Vault is to hold. `hosts`: managed host, and the name that its certificate is for."""

    address: str
    mounts: dict[str, Mount]
    policies: dict[str, Policy]
    ldap: Ldap
    groups: dict[str, tuple[str, ...]]
    hosts: dict[str, str]
    nomad: Engine
    nomad_roles: dict[str, NomadTokens]
    consul: Engine
    consul_roles: dict[str, ConsulTokens]


@dataclass(frozen=True)
class ConsulPlan:
    """What Consul is to hold."""

    address: str
    datacenter: str
    policies: dict[str, Policy]
    roles: dict[str, Role]
    anonymous: tuple[str, ...]


@dataclass(frozen=True)
class ControlPlan:
    """All three, and who votes in them."""

    nomad: NomadPlan
    vault: VaultPlan
    consul: ConsulPlan
    voters: tuple[str, ...]


def plan(fleet: Fleet) -> ControlPlan | None:
    """What the three are to hold; None where a stack has no control plane, or says nothing of rights."""
    if fleet.control is None or fleet.access is None:
        return None
    return ControlPlan(
        nomad=_nomad(fleet.control, fleet.access),
        vault=_vault(fleet, fleet.control, fleet.access),
        consul=_consul(fleet.control, fleet.access),
        voters=fleet.voters,
    )


def _nomad(control: Control, access: Access) -> NomadPlan:
    said = access.nomad
    return NomadPlan(
        address=f"https://{control.names.nomad}",
        namespaces={name: its.purpose for name, its in sorted(said.namespaces.items())},
        algorithm=said.scheduler.algorithm,
        memory_oversubscription=said.scheduler.memory_oversubscription,
        preemption={
            f"{kind}_scheduler_enabled": getattr(said.scheduler.preemption, kind)
            for kind in ("batch", "service", "sysbatch", "system")
        },
        policies={
            name: Policy(
                rules.nomad(its.rules),
                its.purpose,
                (its.job.namespace, its.job.job) if its.job else None,
                tuple(sorted({*its.rules.namespaces, *([its.job.namespace] if its.job else [])})),
            )
            for name, its in sorted(said.policies.items())
        },
        roles={name: Role(role.purpose, tuple(sorted(role.policies))) for name, role in sorted(said.roles.items())},
    )


def _vault(fleet: Fleet, control: Control, access: Access) -> VaultPlan:
    said = access.vault
    hosts = {host: fleet.fqdn(host) for host in fleet.managed}
    policies = {name: Policy(rules.vault(its.paths), its.purpose) for name, its in said.policies.items()}
    policies |= {f"host-{host}": _host_policy(fleet, host) for host in hosts}
    return VaultPlan(
        address=f"https://{control.names.vault}",
        mounts={
            path.strip("/"): Mount(
                type=its.type,
                purpose=its.purpose,
                options={"version": str(its.version)} if its.version else {},
                default_seconds=its.default_lease_seconds,
                longest_seconds=its.max_lease_seconds,
            )
            for path, its in sorted(said.mounts.items())
        },
        policies=dict(sorted(policies.items())),
        ldap=said.ldap,
        groups={name: tuple(sorted(group.policies)) for name, group in sorted(said.groups.items())},
        hosts=hosts,
        nomad=Engine(
            f"https://server.{control.region}.nomad:4646",
            said.nomad.default_lease_seconds,
            said.nomad.max_lease_seconds,
        ),
        nomad_roles={
            name: NomadTokens(tuple(sorted(tokens.policies))) for name, tokens in sorted(said.nomad.roles.items())
        },
        # The mount's own limit holds for hosts too, so it is theirs; people's shorter one stands with their roles.
        consul=Engine(
            f"https://server.{control.datacenter}.consul:8501",
            said.consul.default_lease_seconds,
            max(said.consul.max_lease_seconds, HOST_SECONDS),
        ),
        consul_roles=dict(sorted(_consul_roles(fleet, control, access).items())),
    )


def host_roles(fleet: Fleet, host: str) -> tuple[str, ...]:
    """The roles of Vault's Consul engine that a host takes tokens of: its agent's, and Nomad's where it runs there."""
    nomad = "nomad-server" if host in fleet.voters else "nomad-client" if host in fleet.clients else None
    return (f"agent-{host}", *([nomad] if nomad else []))


def _host_policy(fleet: Fleet, host: str) -> Policy:
    paths = {f"{CONSUL}/creds/{role}": _READ for role in host_roles(fleet, host)}
    return Policy(rules.vault(paths), f"tokens that {host} takes for its own agents")


def _consul_roles(fleet: Fleet, control: Control, access: Access) -> dict[str, ConsulTokens]:
    engine, hosts = access.vault.consul, access.consul.hosts
    found = {
        name: ConsulTokens(
            policies=tuple(sorted(its.policies)),
            roles=tuple(sorted(its.roles)),
            nodes=(),
            seconds=engine.default_lease_seconds,
            longest_seconds=engine.max_lease_seconds,
        )
        for name, its in engine.roles.items()
    }
    for host in fleet.managed:
        besides = (hosts.control_agent,) if host in fleet.voters else ()
        found[f"agent-{host}"] = _hosts_token(hosts.agent, *besides, nodes=(f"{host}:{control.datacenter}",))
    found["nomad-server"] = _hosts_token(hosts.nomad_server)
    found["nomad-client"] = _hosts_token(hosts.nomad_client)
    return found


def _hosts_token(*roles: str, nodes: tuple[str, ...] = ()) -> ConsulTokens:
    return ConsulTokens((), tuple(sorted(roles)), nodes, HOST_SECONDS, HOST_SECONDS)


def _consul(control: Control, access: Access) -> ConsulPlan:
    said = access.consul
    return ConsulPlan(
        address=f"https://{control.names.consul}",
        datacenter=control.datacenter,
        policies={name: Policy(rules.consul(its.rules), its.purpose) for name, its in sorted(said.policies.items())},
        roles={name: Role(role.purpose, tuple(sorted(role.policies))) for name, role in sorted(said.roles.items())},
        anonymous=tuple(sorted(said.anonymous)),
    )


def digest(of: Any) -> str:
    """What stands for a part of the plan: a gate waits anew whenever what is asked behind it changes."""
    text = json.dumps(asdict(of), sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Mapping[str, Any]:
    """Records of the model, which `asdict` leaves as they are."""
    found: Mapping[str, Any] = value.model_dump(mode="json")
    return found

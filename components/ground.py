"""The ground state of each host: all that hostconfig puts there before any server or service. Pure but for `keys`.

The layer needs nothing of a later one: no Vault, no Nomad, no directory of people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from components.born import Born, from_data, operator_keys
from components.control.hosts import pki, server_names, ways_in
from components.fabric.plan import document, endpoint, joining, peer_of, peering, scopes_on
from components.mirror_proxy.plan import redirected
from components.roster import directory, login
from model import Fleet
from model.fleet import Operator
from model.machine import Opening
from model.placement import shares_ports

# hostconfig's name of the account that signs on a control host, and of its group.
ENROLMENT = "fleet-ca"
Keys = Callable[[str, Operator], Any]


def openings(fleet: Fleet, host: str) -> dict[str, Opening]:
    """Every port the outside may reach on a host, by rule name: the base's, its roles', its own."""
    machine = fleet.machines[host]
    found = dict(fleet.base.openings)
    for role in machine.roles:
        found |= fleet.roles[role].openings
    return dict(sorted((found | dict(machine.openings)).items()))


def packages(fleet: Fleet, host: str) -> dict[str, str]:
    """Every package of a host and why it is there."""
    found = dict(fleet.base.packages)
    for role in fleet.machines[host].roles:
        found |= fleet.roles[role].packages
    return dict(sorted(found.items()))


def sysctl(fleet: Fleet, host: str) -> dict[str, str]:
    """Every kernel setting of a host: what its services need, and what the data say of it."""
    # Where a copy that shared a port listens no more, the connections that wait for it go to the others.
    found = {"net.ipv4.tcp_migrate_req": "1"} if shares_ports(fleet, host) else {}
    found |= fleet.base.sysctl
    for role in fleet.machines[host].roles:
        found |= fleet.roles[role].sysctl
    return dict(sorted(found.items()))


def users_tried(fleet: Fleet, host: str) -> list[str]:
    """Which accounts to try, in order: the operators with sudo, then the one a fresh machine comes with."""
    standing = [name for name, o in sorted(fleet.operators.items()) if o.sudo == "all-nopasswd"]
    first = fleet.machines[host].source.first_user
    return [*standing, *([first] if first not in standing else [])]


def connection(fleet: Fleet, host: str, born: Mapping[str, Born]) -> dict[str, Any]:
    """How the host is reached over ssh. The private key is never part of it."""
    it = born[host]
    return {
        "address": it.ipv4,
        "port": fleet.machines[host].ssh_port,
        "users": users_tried(fleet, host),
        "host_key": it.ssh_host_key,
        "become": True,
    }


def _opening(rule: Opening) -> dict[str, Any]:
    return {"proto": rule.proto, "ports": rule.ports, "from": list(rule.from_), "why": rule.why}


def _redirected(fleet: Fleet, host: str) -> dict[str, Any]:
    """Said only where there is a front: other hosts' firewalls show no difference."""
    ports = redirected(fleet, host)
    return {"redirected": ports} if ports else {}


def _user(name: str, operator: Operator, keys: Keys) -> dict[str, Any]:
    return {
        "uid": operator.uid,
        "groups": list(operator.groups),
        "shell": operator.shell,
        "keys": keys(name, operator),
        "sudo": operator.sudo,
        "comment": operator.purpose,
    }


def desired(
    fleet: Fleet,
    host: str,
    born: Mapping[str, Born],
    *,
    keys: Keys,
    document_asset: Any,
    joiners: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """One host's whole ground state, as hostconfig takes it. Only leaves may be outputs: previews then name paths."""
    machine = fleet.machines[host]
    peer = peer_of(fleet, host)
    resolver = fleet.resolver
    return {
        "hostname": host,
        "fqdn": fleet.fqdn(host),
        "os": machine.os,
        "hosts_file": {name: list(ips) for name, ips in sorted(fleet.base.pinned_names.items())}
        | server_names(fleet, host),
        "packages": packages(fleet, host),
        "sysctl": sysctl(fleet, host),
        "users": {name: _user(name, o, keys) for name, o in sorted(fleet.operators.items())},
        "time": {"servers": list(fleet.time.servers), "set_clock": fleet.time.set_clock},
        "resolver": {
            "kind": "unbound",
            "listen": list(resolver.listen),
            "allow": list(resolver.allow),
            "forward": list(resolver.forward),
            "stubs": dict(sorted(resolver.stubs.items())),
        },
        "ssh": {
            # The port the host itself listens on: ssh_port is where the outside reaches it, which a forward may change.
            "port": 22,
            # Every host enrols at a control host, by its ssh host key, as an account that may do nothing else.
            "allow_groups": sorted(
                {*fleet.ssh.allow_groups, *machine.ssh_groups, *([ENROLMENT] if host in fleet.voters else [])}
            ),
            "banner": fleet.ssh.banner,
        },
        "firewall": {
            "openings": {name: _opening(rule) for name, rule in openings(fleet, host).items()},
            "scopes": {
                s.name: {"proto": s.proto, "ports": s.ports, "from": list(s.sources), "why": s.why}
                for s in scopes_on(fleet, host).values()
            },
            "fabric_default": fleet.fabric.default,
            "fabric_interface": fleet.fabric.interface,
            **_redirected(fleet, host),
        },
        "fabric": {
            "interface": fleet.fabric.interface,
            "address": peer.address,
            "prefix": fleet.fabric_network.prefixlen,
            "listen_port": peer.endpoint_port,
            "keepalive": fleet.fabric.keepalive,
            "document": document_asset,
            "joining": {name: dict(it) for name, it in joiners.items() if name != host},
        },
        "pki": pki(fleet, host, born),
        "ways_in": ways_in(fleet, host),
        **directory.desired(fleet, host),
        **login.desired(fleet, host),
    }


def join(fleet: Fleet, born: Mapping[str, Born]) -> dict[str, dict[str, Any]]:
    """The peers that are not recorded, from what is known of them now. Without the engine: what the outputs know."""
    peers = peering(fleet)
    return {
        name: {
            "key": born[name].wireguard_key,
            "address": peers[name].address,
            "endpoint": endpoint(born[name].ipv4, peers[name].endpoint_port) if born[name].ipv4 else None,
        }
        for name in joining(fleet, from_data(fleet))
    }


def desired_states(
    fleet: Fleet, born: Mapping[str, Born] | None = None, keys: Keys = operator_keys
) -> dict[str, dict[str, Any]]:
    """Every managed host's ground state without the engine; `fabric.document` is the document's text itself."""
    known = born or from_data(fleet)
    text = document(fleet, from_data(fleet))
    joiners = join(fleet, known)
    return {h: desired(fleet, h, known, keys=keys, document_asset=text, joiners=joiners) for h in fleet.managed}


def connections(fleet: Fleet, born: Mapping[str, Born] | None = None) -> dict[str, dict[str, Any]]:
    """Every managed host's connection without the engine."""
    known = born or from_data(fleet)
    return {h: connection(fleet, h, known) for h in fleet.managed}

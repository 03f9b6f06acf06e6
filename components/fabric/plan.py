"""Who is a peer of whom, and which hosts may reach which port over the fabric. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from components.born import Born
from model import Fleet


@dataclass(frozen=True)
class Peer:
    """One machine on the fabric, as its peers see it. `endpoint_port` is where its WireGuard listens for the world."""

    host: str
    address: str
    endpoint_port: int


@dataclass(frozen=True)
class Scope:
    """A port that only these fabric addresses may reach."""

    name: str
    proto: str
    ports: str
    sources: tuple[str, ...]
    why: str


def peer_of(fleet: Fleet, host: str) -> Peer:
    """One machine of the fabric. Looked up alone: asking the whole mesh for each host would make the plan quadratic."""
    place = fleet.machines[host].fabric
    assert place is not None, f"{host} is no peer"
    return Peer(host, place.address, place.port or fleet.fabric.port)


def peering(fleet: Fleet) -> dict[str, Peer]:
    """Every machine of the fabric, in name order, so a rendered file never reshuffles. Each is a peer of each other."""
    return {name: peer_of(fleet, name) for name in fleet.peers}


def endpoint(ip: str, port: int) -> str:
    """An endpoint as WireGuard writes it."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def recorded(fleet: Fleet, born: Mapping[str, Born]) -> tuple[str, ...]:
    """Peers whose key and address are in the data. They go into the one document that all hosts share."""
    return tuple(p for p in peering(fleet) if born[p].wireguard_key and born[p].ipv4)


def document(fleet: Fleet, born: Mapping[str, Born]) -> str:
    """The shared document: every recorded peer. One file for all hosts, so the state grows with n and not with n²."""
    peers = peering(fleet)
    found = {
        name: {
            "key": born[name].wireguard_key,
            "address": peers[name].address,
            "endpoint": endpoint(born[name].ipv4, peers[name].endpoint_port),
        }
        for name in recorded(fleet, born)
    }
    return json.dumps({"peers": found}, indent=1, sort_keys=True) + "\n"


def joining(fleet: Fleet, born: Mapping[str, Born]) -> tuple[str, ...]:
    """Peers that are not recorded yet: their keys and addresses come from the machines themselves."""
    known = set(recorded(fleet, born))
    return tuple(p for p in peering(fleet) if p not in known)


def scopes_on(fleet: Fleet, host: str) -> dict[str, Scope]:
    """The fabric scopes that hold on a host, by name."""
    found = {}
    for name, scope in sorted(fleet.fabric.scopes.items()):
        if fleet.chooses(scope.on, host):
            others = (h for h in fleet.chosen(scope.from_) if h != host and fleet.machines[h].fabric)
            sources = tuple(peer_of(fleet, h).address for h in others)
            found[name] = Scope(name, scope.proto, scope.ports, sources, scope.why)
    return found

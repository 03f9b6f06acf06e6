"""What the layers `servers` and `agents` want of each host, and who the host's private authorities are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.born import Born, certificate_file
from components.fabric.plan import peer_of
from components.roster import directory
from model import Fleet
from model.control import Control
from model.placement import offered

# Services of a host that must hear of a new certificate, by hostconfig's names.
SERVERS = ("fleet-consul", "fleet-nomad", "fleet-vault")


def members(fleet: Fleet) -> tuple[str, ...]:
    """Every managed machine of the fabric: each has a Consul agent and a certificate."""
    return tuple(host for host in fleet.managed if fleet.machines[host].fabric) if fleet.control else ()


def voters(fleet: Fleet) -> dict[str, str]:
    """The control hosts and their addresses on the fabric."""
    return {host: peer_of(fleet, host).address for host in fleet.voters}


def offer(fleet: Fleet, host: str) -> dict[str, Any] | None:
    """What a machine offers to jobs, as hostconfig takes it; None where no role of it offers anything."""
    found = offered(fleet, host)
    if found is None or fleet.control is None:
        return None
    own = fleet.machines[host].nomad
    return {
        "datacenter": found.datacenter,
        "pool": found.pool,
        "drivers": sorted(found.drivers),
        "meta": dict(sorted(found.meta.items())),
        "volumes": {
            name: {"path": it.path, "read_only": it.read_only, "made": it.made}
            | ({"owner": it.owner} if it.owner is not None else {})
            for name, it in sorted(found.volumes.items())
        },
        "capabilities": sorted(own.capabilities) if own else [],
        "bridge": fleet.control.bridge,
    }


def _member(fleet: Fleet, control: Control, host: str) -> dict[str, Any]:
    return {
        "hostname": host,
        "fqdn": fleet.fqdn(host),
        "os": fleet.machines[host].os,
        "interface": fleet.fabric.interface,
        "address": peer_of(fleet, host).address,
        "prefix": fleet.fabric_network.prefixlen,
        "region": control.region,
        "datacenter": control.datacenter,
        "voters": voters(fleet),
    }


def servers_desired(fleet: Fleet, host: str) -> dict[str, Any]:
    """A control host's three servers, as hostconfig takes them."""
    assert fleet.control is not None
    own = {"raft_multiplier": fleet.control.raft_multiplier, "client": offer(fleet, host)}
    return _member(fleet, fleet.control, host) | own


def agents_desired(fleet: Fleet, host: str) -> dict[str, Any]:
    """A host's clients, as hostconfig takes them, and for whom it fetches tokens."""
    assert fleet.control is not None
    votes = host in fleet.voters
    offered = offer(fleet, host)
    kind = "nomad-server" if votes else "nomad-client" if offered else None
    own = {"votes": votes, "client": None if votes else offered, "tokens_for": kind}
    return _member(fleet, fleet.control, host) | own


def states(fleet: Fleet, layer: str) -> dict[str, dict[str, Any]]:
    """Each host's desired state in one of the two layers."""
    if fleet.control is None:
        return {}
    if layer == "servers":
        return {host: servers_desired(fleet, host) for host in fleet.voters}
    return {host: agents_desired(fleet, host) for host in members(fleet)}


def names_of(fleet: Fleet, host: str) -> list[str]:
    """The names that a host's certificate holds: what it is called, and what its agents are asked for as."""
    assert fleet.control is not None
    region, datacenter = fleet.control.region, fleet.control.datacenter
    found = [host, fleet.fqdn(host), peer_of(fleet, host).address, "127.0.0.1", "localhost"]
    found += [f"client.{region}.nomad", f"client.{datacenter}.consul"]
    if host in fleet.voters:
        found += [f"server.{region}.nomad", f"server.{datacenter}.consul"]
        found += ["vault.service.consul", "active.vault.service.consul"]
    return found + directory.names(fleet, host)


def pki(fleet: Fleet, host: str, born: Mapping[str, Born]) -> dict[str, Any] | None:
    """Whom a host trusts and asks, as hostconfig takes it. Certificates and ssh host keys may be outputs."""
    if fleet.control is None or host not in members(fleet):
        return None
    votes = host in fleet.voters
    runs = SERVERS if votes else ("fleet-consul", "fleet-nomad") if offer(fleet, host) else ("fleet-consul",)
    return {
        "authorities": {
            name: {"address": address, "ssh_host_key": born[name].ssh_host_key, "certificate": born[name].authority}
            for name, address in voters(fleet).items()
        },
        "hosts": {
            name: {
                "address": peer_of(fleet, name).address,
                "fqdn": fleet.fqdn(name),
                "ssh_host_key": born[name].ssh_host_key,
                "names": names_of(fleet, name),
            }
            for name in members(fleet)
        }
        if votes
        else {},
        "leaf_days": fleet.control.pki.leaf_days,
        "renew_days": fleet.control.pki.renew_days,
        "authority": votes,
        "wakes": [*runs, *([directory.SERVICE] if directory.serves(fleet, host) else [])],
    }


def server_names(fleet: Fleet, host: str) -> dict[str, list[str]]:
    """The names that a control host's own Vault asks the servers by: itself first, then whoever else is there."""
    if fleet.control is None or host not in fleet.voters:
        return {}
    own = voters(fleet)[host]
    addresses = [own, *(address for address in voters(fleet).values() if address != own)]
    names = (f"server.{fleet.control.region}.nomad", f"server.{fleet.control.datacenter}.consul")
    return dict.fromkeys(names, addresses)


def ways_in(fleet: Fleet, host: str) -> dict[str, Any] | None:
    """The public names that a control host answers for."""
    if fleet.control is None or host not in fleet.voters:
        return None
    control = fleet.control
    acme = control.acme
    return {
        "names": {"nomad": control.names.nomad, "consul": control.names.consul, "vault": control.names.vault},
        "acme": {"directory": acme.directory, "contact": acme.contact, "trust": _trusted(acme.trust_env)},
        "servers": voters(fleet),
        "own": host,
        "region": control.region,
        "datacenter": control.datacenter,
    }


def _trusted(variable: str | None) -> str | None:
    """The certificate of a directory that nobody else knows, from the file that an environment variable names."""
    return None if variable is None else certificate_file(variable, "control.acme.trust_env")

"""Rules about the fabric: who is on it, at which address, and who may reach what across it."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator

from model.checks.machines import used_twice
from model.checks.rule import Found
from model.fleet import Fleet
from model.reading import Where


def fabric_has_the_managed(fleet: Fleet) -> Iterator[Found]:
    """Managed machines are on the fabric, and no others are."""
    for name, machine in fleet.machines.items():
        if machine.managed and machine.fabric is None:
            yield Found(("machines", name), "is managed and has no fabric address", "write `fabric: {address: ...}`")
        if not machine.managed and machine.fabric is not None:
            what = "is on the fabric and not managed: nobody could set up its peers"
            yield Found(("machines", name, "fabric"), what, "remove its fabric address, or manage it")


def fabric_addresses_are_once(fleet: Fleet) -> Iterator[Found]:
    """A fabric address belongs to one machine."""
    holders: dict[str, list[tuple[str, Where]]] = defaultdict(list)
    for name, machine in fleet.machines.items():
        if machine.fabric is not None:
            holders[machine.fabric.address].append((name, ("machines", name, "fabric", "address")))
    yield from used_twice(holders, "fabric address", "give each machine its own address")


def fabric_addresses_are_inside(fleet: Fleet) -> Iterator[Found]:
    """A fabric address is a host's address of the fabric's subnet."""
    subnet = fleet.fabric_network
    for name, machine in fleet.machines.items():
        if machine.fabric is None:
            continue
        path: Where = ("machines", name, "fabric", "address")
        address = ipaddress.ip_address(machine.fabric.address)
        if address not in subnet:
            yield Found(path, f"{address} is not in {subnet}", "take a free address of the subnet")
        elif subnet.prefixlen < 31 and address in (subnet.network_address, subnet.broadcast_address):
            yield Found(path, f"{address} is the subnet's own or its broadcast address", "take another one")


def scopes_choose_machines(fleet: Fleet) -> Iterator[Found]:
    """A fabric peer is a machine: what a scope names is one on the fabric, a role, or "all"."""
    peers = fleet.peers
    for scope, facts in fleet.fabric.scopes.items():
        for field, words in (("on", facts.on), ("from", facts.from_)):
            for i, word in enumerate(words):
                if word == "all" or word in fleet.roles or word in peers:
                    continue
                unmanaged = word in fleet.machines
                what = f"{word} is {'a machine that is not on the fabric' if unmanaged else 'no machine and no role'}"
                yield Found(("fabric", "scopes", scope, field, i), what, "name a machine on the fabric, a role, or all")


def scopes_reach_somebody(fleet: Fleet) -> Iterator[Found]:
    """A scope is on some machine and from some machine."""
    peers = fleet.peers
    for scope, facts in fleet.fabric.scopes.items():
        for field, words in (("on", facts.on), ("from", facts.from_)):
            known = all(w == "all" or w in fleet.roles or w in peers for w in words)
            if known and not fleet.chosen(words):
                what = f"no machine has the role {', '.join(words)}"
                yield Found(("fabric", "scopes", scope, field), what, "give a machine that role, or remove the scope")


def scopes_are_for_all_or_some(fleet: Fleet) -> Iterator[Found]:
    """A scope says "all" or names some, never both."""
    for scope, facts in fleet.fabric.scopes.items():
        for field, words in (("on", facts.on), ("from", facts.from_)):
            if "all" in words and len(words) > 1:
                others = ", ".join(word for word in words if word != "all")
                what = f"says all and names {others}"
                yield Found(("fabric", "scopes", scope, field), what, "keep all alone, or leave it out")


def scopes_allow_something(fleet: Fleet) -> Iterator[Found]:
    """A scope says something that the fabric's default does not say already."""
    for scope, facts in fleet.fabric.scopes.items():
        if fleet.fabric.default == "open" and facts.from_ == ("all",):
            what = "lets all in where the fabric is open to all"
            yield Found(("fabric", "scopes", scope), what, "remove it, or name who may come in")


def networks_stay_apart(fleet: Fleet) -> Iterator[Found]:
    """The fabric, the clouds' networks and the front's virtual one have ranges that do not overlap."""
    ranges: list[tuple[Where, str]] = [(("fabric", "subnet"), fleet.fabric.subnet)]
    if fleet.digitalocean:
        ranges += [(("digitalocean", "vpcs", n, "range"), v.range) for n, v in fleet.digitalocean.vpcs.items()]
    if fleet.aws:
        ranges += [(("aws", "networks", n, "range"), v.range) for n, v in fleet.aws.networks.items()]
    if fleet.gcp:
        ranges += [(("gcp", "networks", n, "range"), v.range) for n, v in fleet.gcp.networks.items()]
    if fleet.front:
        ranges.append((("front", "virtual"), fleet.front.virtual))
    networks = [(path, ipaddress.ip_network(text)) for path, text in ranges]
    for i, (path, network) in enumerate(networks):
        for other_path, other in networks[:i]:
            if network.version == other.version and network.overlaps(other):
                what = f"{network} overlaps {other} of {'.'.join(str(step) for step in other_path)}"
                yield Found(path, what, "take another range")


RULES = (
    fabric_has_the_managed,
    fabric_addresses_are_once,
    fabric_addresses_are_inside,
    scopes_choose_machines,
    scopes_reach_somebody,
    scopes_are_for_all_or_some,
    scopes_allow_something,
    networks_stay_apart,
)

"""Rules about what every host gets: openings, accounts, names, the resolver. Several keep us from being locked out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from model.checks.rule import Found
from model.dns import Zone
from model.fleet import Fleet
from model.machine import Opening
from model.reading import Where

# The host's own sshd; `ssh_port` of a machine is what a forward in front of it answers on.
SSHD = 22


def _declared(fleet: Fleet) -> Iterator[tuple[Where, Opening]]:
    yield from _listed(("base", "openings"), fleet.base.openings)
    for role, facts in fleet.roles.items():
        yield from _listed(("roles", role, "openings"), facts.openings)
    for machine, own in fleet.machines.items():
        yield from _listed(("machines", machine, "openings"), own.openings)


def _listed(path: Where, openings: dict[str, Opening]) -> Iterator[tuple[Where, Opening]]:
    for name, opening in openings.items():
        yield (*path, name), opening


def openings_of(fleet: Fleet, machine: str) -> Iterator[tuple[Where, Opening]]:
    """The openings that one machine gets from the base, its roles and itself."""
    yield from _listed(("base", "openings"), fleet.base.openings)
    for role in fleet.machines[machine].roles:
        if role in fleet.roles:
            yield from _listed(("roles", role, "openings"), fleet.roles[role].openings)
    yield from _listed(("machines", machine, "openings"), fleet.machines[machine].openings)


def opening_names_mean_one_thing(fleet: Fleet) -> Iterator[Found]:
    """An opening's name means one thing on a machine, wherever it comes from."""
    said: set[Where] = set()
    for machine in fleet.managed:
        first: dict[str | int, tuple[Where, Opening]] = {}
        for path, opening in openings_of(fleet, machine):
            other_path, other = first.setdefault(path[-1], (path, opening))
            if opening != other and path not in said:
                said.add(path)
                what = f"on {machine} this is another rule than {'.'.join(map(str, other_path))}"
                yield Found(path, what, "give it another name, or make both the same")


def ports_are_opened_once(fleet: Fleet) -> Iterator[Found]:
    """A port is opened under one name on a machine."""
    said: set[Where] = set()
    for machine in fleet.managed:
        first: dict[tuple[str, str], Where] = {}
        for path, opening in openings_of(fleet, machine):
            other = first.setdefault((opening.proto, opening.ports), path)
            if other[-1] != path[-1] and path not in said:
                said.add(path)
                what = f"{opening.proto} {opening.ports} of {machine} is opened by {'.'.join(map(str, other))} too"
                yield Found(path, what, "keep one of the two names")


def openings_are_for_all_or_some(fleet: Fleet) -> Iterator[Found]:
    """An opening is for the world or for named networks, never both."""
    for path, opening in _declared(fleet):
        if "world" in opening.from_ and len(opening.from_) > 1:
            yield Found((*path, "from"), "says world and names networks", "keep world alone, or leave it out")


def holds(ports: str, port: int) -> bool:
    """Whether a port is among the ports of an opening."""
    low, _, high = ports.partition("-")
    return int(low) <= port <= int(high or low)


def sshd_is_reachable(fleet: Fleet) -> Iterator[Found]:
    """Every managed machine lets ssh in, or nobody could mend it."""
    for name in fleet.managed:
        if not any(o.proto == "tcp" and holds(o.ports, SSHD) for _, o in openings_of(fleet, name)):
            yield Found(("machines", name), f"no opening lets tcp {SSHD} in", "declare `ssh` in base.openings")


def fabric_port_is_open(fleet: Fleet) -> Iterator[Found]:
    """Every machine on the fabric lets its peers' packets in from anywhere."""
    for name, machine in fleet.peers.items():
        port = (machine.fabric and machine.fabric.port) or fleet.fabric.port
        opened = (o for _, o in openings_of(fleet, name) if o.proto == "udp" and "world" in o.from_)
        if machine.managed and not any(holds(o.ports, port) for o in opened):
            yield Found(("machines", name, "fabric"), f"no opening lets udp {port} in", "declare it in openings")


def operators_have_one_key_source(fleet: Fleet) -> Iterator[Found]:
    """An operator's keys come from exactly one place: keys, keys_secret or keys_env."""
    for name, operator in fleet.operators.items():
        given = [f for f in ("keys", "keys_secret", "keys_env") if getattr(operator, f)]
        if not given:
            yield Found(("operators", name), "has no keys and could never log in", "write keys or keys_secret")
        elif len(given) > 1:
            yield Found(("operators", name), f"has {' and '.join(given)}", "keep one of them")


def somebody_can_log_in(fleet: Fleet) -> Iterator[Found]:
    """sshd lets in a group in which an operator with sudo is, or nobody could mend a host."""
    saviours = {g for o in fleet.operators.values() if o.sudo != "none" for g in o.groups}
    if not saviours & set(fleet.ssh.allow_groups):
        what = f"no operator with sudo is in {', '.join(fleet.ssh.allow_groups)}"
        yield Found(
            ("ssh", "allow_groups"), what, f"add a group of one: {', '.join(sorted(saviours)) or 'none has any'}"
        )


def pinned_names_agree(fleet: Fleet) -> Iterator[Found]:
    """A pinned name of our own zone has the addresses that the zone gives it."""
    for name, addresses in fleet.base.pinned_names.items():
        path: Where = ("base", "pinned_names", name)
        zone_name = max((z for z in fleet.zones if name.endswith(f".{z}")), key=len, default=None)
        if not re.fullmatch(r"([a-z0-9-]+\.)+[a-z0-9-]+", name):
            yield Found(path, f"{name} is no full host name", "write it in small letters, without closing dot")
        elif zone_name is not None:
            known = _addresses(fleet, fleet.zones[zone_name], name[: -len(zone_name) - 1], zone_name)
            if known is not None and not set(addresses) <= known:
                says = f"the zone says {', '.join(sorted(known))}" if known else "the zone has no such name"
                yield Found(path, f"{', '.join(addresses)} is written here, and {says}", "make both the same")


def _addresses(fleet: Fleet, zone: Zone, label: str, zone_name: str, depth: int = 8) -> set[str] | None:
    """What a name of the zone resolves to, or None where only a cloud or an outside zone knows."""
    machine: str | None = None
    suffix = f".{fleet.suffix}"
    full = f"{label}.{zone_name}"
    if full.endswith(suffix):
        machine = full[: -len(suffix)]
    elif label in zone.addresses:
        return {*zone.addresses[label].ipv4, *zone.addresses[label].ipv6}
    elif label in zone.aliases and depth:
        alias = zone.aliases[label]
        if alias.name is not None:
            return _addresses(fleet, zone, alias.name, zone_name, depth - 1)
        machine = alias.machine
        if machine is None:
            return None
    elif label in zone.pools:
        return None
    if machine not in fleet.machines:
        return set()
    public = fleet.machines[machine].public
    return {a for a in (public.ipv4, public.ipv6) if a} or None


def stubs_have_a_port(fleet: Fleet) -> Iterator[Found]:
    """A stub zone is asked at <address>@<port>."""
    for zone, target in fleet.resolver.stubs.items():
        address, _, port = target.rpartition("@")
        if not (re.fullmatch(r"[0-9a-f.:]+", address) and port.isdecimal() and 0 < int(port) < 65536):
            yield Found(("resolver", "stubs", zone), f"{target} is no address and port", "write it as 127.0.0.1@8600")


RULES = (
    opening_names_mean_one_thing,
    ports_are_opened_once,
    openings_are_for_all_or_some,
    sshd_is_reachable,
    fabric_port_is_open,
    operators_have_one_key_source,
    somebody_can_log_in,
    pinned_names_agree,
    stubs_have_a_port,
)

"""The public names: who answers for each, at which machines, and where the zones lead them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from model.checks.zone import Names, machine_labels, names_of
from model.dns import Zone
from model.fleet import Fleet
from model.placement import Placed, all_groups, eligible, groups_of
from model.reading import Where
from model.registration import Registration, Vhost

# Following aliases ends here; a circle is another rule's finding.
_STEPS = 8


@dataclass(frozen=True)
class Public:
    """One vhost: of which service, under which registration, and where the data say so."""

    service: str
    path: Where
    registration: Registration
    vhost: Vhost
    placed: Placed


@dataclass(frozen=True)
class Named:
    """A public name: where the data say it, whose it is, at which machines requests for it may arrive.

    `by_front`: the mirrors' front answers it, out of a tree, by a redirect or from the service behind.
    `elsewhere`: it may lead outside, from where requests come to these machines.
    """

    name: str
    path: Where
    owner: str
    machines: frozenset[str]
    public: bool = True
    by_front: bool = True
    elsewhere: bool = False


@dataclass(frozen=True)
class Answer:
    """Where a name leads: to machines of ours, or outside."""

    machines: frozenset[str] = frozenset()
    outside: bool = False


def vhosts(fleet: Fleet) -> Iterator[Public]:
    """Every vhost of the fleet, in the order of its service's name."""
    for _, placed in all_groups(fleet):
        for name, registration in placed.group.registers.items():
            if registration.vhost is not None:
                path = (*placed.path, "registers", name, "vhost")
                yield Public(placed.service, path, registration, registration.vhost, placed)


def named(fleet: Fleet) -> Iterator[Named]:
    """Every public name that somebody answers or keeps: of trees, of redirects, of services."""
    front = fleet.front
    mirrors = frozenset(fleet.mirrors)
    for label, tree in front.trees.items() if front else ():
        path: Where = ("front", "trees", label)
        for i, name in enumerate(tree.names):
            yield Named(name, (*path, "names", i), f"the tree {label}", mirrors)
        for name in tree.elsewhere:
            yield Named(name, (*path, "elsewhere", name), f"the tree {label}", mirrors, elsewhere=True)
    for name in front.redirects if front else ():
        yield Named(name, ("front", "redirects", name), "a redirect", mirrors)
    for public in vhosts(fleet):
        it = public.vhost
        machines = machines_of(fleet, public)
        for i, name in enumerate(it.names):
            place = (*public.path, "names", i)
            yield Named(name, place, public.service, machines, it.public, it.through == "mirrors")


def control_fronts(fleet: Fleet) -> tuple[str, ...]:
    """The services that are the control hosts' front."""
    return tuple(n for n, s in sorted(fleet.services.items()) if s.front == "control" and s.held is None)


def machines_of(fleet: Fleet, public: Public) -> frozenset[str]:
    """The machines at which requests for a vhost may arrive."""
    if public.vhost.through == "mirrors":
        return frozenset(fleet.mirrors)
    if public.vhost.through == "own":
        return frozenset(eligible(fleet, fleet.services[public.service], public.placed))
    found: set[str] = set()
    for name in control_fronts(fleet):
        for placed in groups_of(name, fleet.services[name]):
            found |= set(eligible(fleet, fleet.services[name], placed))
    return frozenset(found)


def copies(fleet: Fleet, public: Public) -> int:
    """How many copies of a service there may be at once, those of the next version too."""
    service, group = fleet.services[public.service], public.placed.group
    standing = len(eligible(fleet, service, public.placed)) if service.everywhere else group.count
    return max(1, standing + canaries(fleet, public))


def canaries(fleet: Fleet, public: Public) -> int:
    """How many of those there may be are of a version that is being tried."""
    update = public.placed.group.update or fleet.services[public.service].update
    return (update.canary or 0) if update else 0


def zone_of(fleet: Fleet, name: str) -> tuple[str, str] | None:
    """The zone a full name is in, and its name there."""
    zone = max((z for z in fleet.zones if name == z or name.endswith(f".{z}")), key=len, default=None)
    return None if zone is None else (zone, "@" if name == zone else name.removesuffix(f".{zone}"))


def answer(fleet: Fleet, name: str) -> Answer | None:
    """Where the zones' own data lead a full name; None where they say nothing of it."""
    found = zone_of(fleet, name)
    if found is None:
        return None
    zone, label = found
    return _answer(fleet, zone, label, names_of(fleet, zone), _STEPS)


def _answer(fleet: Fleet, zone: str, label: str, names: Names, steps: int) -> Answer | None:
    said = label if label in names.held else _wildcard(label, names)
    if said is None:
        return None
    it = fleet.zones[zone]
    machines = {name for known, name in _labels(fleet, zone).items() if known == said}
    if said in it.pools:
        pool = it.pools[said]
        machines |= {m for m in fleet.having(pool.role) if pool.duty not in fleet.machines[m].resting}
    if said in it.addresses:
        return _owners(fleet, it, said)
    if said in it.aliases:
        alias = it.aliases[said]
        if alias.machine is not None:
            return Answer(frozenset({alias.machine} & set(fleet.machines)))
        if alias.name is None or not steps:
            return Answer(outside=True)
        return _answer(fleet, zone, alias.name, names, steps - 1) or Answer()
    return Answer(frozenset(machines)) if machines or said in it.pools else None


def _labels(fleet: Fleet, zone: str) -> dict[str, str]:
    return {label: machine for machine, label in machine_labels(fleet, zone).items()}


def _owners(fleet: Fleet, zone: Zone, label: str) -> Answer:
    """The machines whose addresses a name has; outside where one of them is nobody's of ours."""
    own = {a: n for n, m in fleet.machines.items() for a in (m.public.ipv4, m.public.ipv6) if a}
    owners = [own.get(a) for a in (*zone.addresses[label].ipv4, *zone.addresses[label].ipv6)]
    return Answer(frozenset(o for o in owners if o is not None), outside=None in owners)


def _wildcard(label: str, names: Names) -> str | None:
    """The wildcard that answers for a name the zone does not hold."""
    while label and label != "@":
        label = label.partition(".")[2]
        wildcard = f"*.{label}" if label else "*"
        if wildcard in names.held:
            return wildcard
    return None


@dataclass(frozen=True)
class Derived:
    """A CNAME that a public name needs and the zone does not hold: to another name of the zone, or to a machine."""

    zone: str
    label: str
    name: str | None = None
    machine: str | None = None


def derived(fleet: Fleet) -> tuple[Derived, ...]:
    """The CNAMEs that public names need where their zone says nothing, by zone and name."""
    found: dict[tuple[str, str], Derived] = {}
    for it in named(fleet):
        place = zone_of(fleet, it.name)
        if it.public and not it.elsewhere and place is not None and answer(fleet, it.name) is None:
            target = _target(fleet, place[0], place[1], it)
            if target is not None:
                found.setdefault(place, target)
    return tuple(found[place] for place in sorted(found))


def _target(fleet: Fleet, zone: str, label: str, it: Named) -> Derived | None:
    """The zone's pool with the most of the machines and no other; else the one machine there is.

    A machine that rests counts: a drain leaves names where they are. The front's own pools go before others.
    """
    duty = fleet.front.duty if fleet.front and it.by_front else None
    pools: dict[str, tuple[bool, int, str]] = {}
    for name, pool in fleet.zones[zone].pools.items():
        members = set(fleet.having(pool.role))
        awake = {m for m in members if pool.duty not in fleet.machines[m].resting}
        if awake and awake <= it.machines:
            pools[name] = (pool.duty != duty, -len(members), name)
    if pools and label != "@":
        return Derived(zone, label, name=min(pools, key=lambda p: pools[p]))
    own = sorted(it.machines & set(machine_labels(fleet, zone)))
    return Derived(zone, label, machine=own[0]) if len(own) == 1 and label != "@" else None

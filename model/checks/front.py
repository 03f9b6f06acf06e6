"""Rules about the front: its machines, how one is drained, what it serves, and every name that leads to it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from model.checks.hosts import holds, openings_of
from model.checks.placement import few
from model.checks.rule import Found
from model.checks.zone import names_of
from model.fleet import Fleet
from model.front import LEAVING_SECONDS, Tree
from model.placement import offered
from model.reading import Where
from model.registration import seconds
from model.vhosts import Named, answer, copies, named, vhosts, zone_of

WEB = (80, 443)
# What of the shared names anybody keeps for longer would send requests to a drained machine for as long.
DRAINED_SECONDS = 60
# As many copies of a service as the front keeps ports for behind its virtual address.
MOST = 64


def front_has_machines(fleet: Fleet) -> Iterator[Found]:
    """The front's role is declared, and is some managed machine's."""
    if fleet.front is None:
        return
    path: Where = ("front", "role")
    if fleet.front.role not in fleet.roles:
        yield Found(path, f"{fleet.front.role} is no role", f"declare it, or write one of: {', '.join(fleet.roles)}")
    elif not fleet.mirrors:
        yield Found(path, f"no managed machine has the role {fleet.front.role}", "give it to one machine, or two")


def the_last_mirror_stays(fleet: Fleet) -> Iterator[Found]:
    """Some machine of the front takes the shared names: the last one is not drained."""
    if fleet.front is None or not fleet.mirrors:
        return
    duty = fleet.front.duty
    if all(duty in fleet.machines[m].resting for m in fleet.mirrors):
        for machine in fleet.mirrors:
            what = f"{few(fleet.mirrors)} all rest from {duty}"
            yield Found(("machines", machine, "resting", duty), what, "let one of them take requests")


def drains_leave_the_shared_names(fleet: Fleet) -> Iterator[Found]:
    """A pool of the front's machines has a duty, so that resting from it takes a machine out."""
    mirrors = set(fleet.mirrors)
    for zone, facts in fleet.zones.items():
        for label, pool in facts.pools.items():
            members = fleet.having(pool.role)
            if fleet.front is not None and members and pool.duty is None and set(members) <= mirrors:
                path: Where = ("zones", zone, "pools", label)
                yield Found(path, f"{few(members)} could not be drained", f"write `duty: {fleet.front.duty}`")


def drained_names_are_soon_forgotten(fleet: Fleet) -> Iterator[Found]:
    """A pool that leads to the front's machines has a TTL of 60 s at the most: a drain is effective within it."""
    if fleet.front is None:
        return
    for zone, facts in fleet.zones.items():
        for label, pool in facts.pools.items():
            ttl = facts.ttl if pool.ttl is None else pool.ttl
            drainable = pool.duty == fleet.front.duty and set(fleet.having(pool.role)) & set(fleet.mirrors)
            if drainable and (ttl is None or ttl > DRAINED_SECONDS):
                said = "the provider's default" if ttl is None else f"{ttl} s"
                what = f"a machine that rests from {pool.duty} is asked on for the records' TTL, which is {said}"
                yield Found(("zones", zone, "pools", label), what, "write `ttl: 30`")


def front_is_reachable(fleet: Fleet) -> Iterator[Found]:
    """The front's machines let everybody in on ports 80 and 443."""
    for machine in fleet.mirrors:
        wide = [o.ports for _, o in openings_of(fleet, machine) if o.proto == "tcp" and "world" in o.from_]
        missing = [str(port) for port in WEB if not any(holds(ports, port) for ports in wide)]
        if missing:
            what = f"{machine} does not open tcp {' and '.join(missing)} to the world"
            yield Found(("machines", machine), what, "declare it in the openings of its role")


def trees_are_on_every_mirror(fleet: Fleet) -> Iterator[Found]:
    """A tree is in a volume that each of the front's machines offers."""
    for label, tree in fleet.front.trees.items() if fleet.front else ():
        offers = {m: offer.volumes if (offer := offered(fleet, m)) else {} for m in fleet.mirrors}
        without = [m for m, volumes in offers.items() if tree.volume not in volumes]
        if without:
            known = sorted(set.intersection(*(set(volumes) for volumes in offers.values())))
            what = f"{few(without)} offers no volume {tree.volume}"
            way_out = f"offer it there, or write one of: {', '.join(known) or 'none is on all'}"
            yield Found(("front", "trees", label, "volume"), what, way_out)


def endings_are_of_one_kind(fleet: Fleet) -> Iterator[Found]:
    """A file of a tree is of one kind: no ending stands in two, or is the end of another kind's."""
    for label, tree in fleet.front.trees.items() if fleet.front else ():
        for path, ending, other, kind in _clashes(("front", "trees", label, "kinds"), tree):
            yield Found(path, f"{ending} and {other} of {kind} are endings of one name", "keep one of the two")


def _clashes(path: Where, tree: Tree) -> Iterator[tuple[Where, str, str, str]]:
    said: list[tuple[str, str]] = []
    for kind, facts in tree.kinds.items():
        for i, ending in enumerate(facts.endings):
            for other, its in said:
                if ending == other or (its != kind and _ends(ending, other)):
                    yield (*path, kind, "endings", i), ending, other, its
            said.append((ending, kind))


def _ends(one: str, other: str) -> bool:
    return one.endswith(f".{other}") or other.endswith(f".{one}")


def _answered(fleet: Fleet) -> dict[str, Named]:
    """The names that the front answers."""
    return {it.name: it for it in named(fleet) if it.public and it.by_front}


def names_that_lead_here_are_answered(fleet: Fleet) -> Iterator[Found]:
    """A name of a zone that leads to the front's machines is answered by somebody, or it is said why by nobody."""
    if fleet.front is None or not fleet.mirrors:
        return
    mirrors, kept = set(fleet.mirrors), fleet.front.unanswered
    answered = {it.name for it in named(fleet) if it.public}
    leading: set[str] = set()
    for zone in fleet.zones:
        for label, places in names_of(fleet, zone).held.items():
            name = zone if label == "@" else f"{label}.{zone}"
            # A name that is written wrong is what the rules about zones speak of; a machine's own is for operators.
            if label.endswith((".", f".{zone}")) or any(kind == "machine" for kind, _ in places):
                continue
            found = answer(fleet, name)
            if found is None or not found.machines & mirrors:
                continue
            leading.add(name)
            _, path = places[0]
            if not label.startswith("*") and name not in {*answered, *kept}:
                what = f"{name} leads to {few(sorted(found.machines & mirrors))}, and no vhost or tree has the name"
                yield Found(path, what, "give it to a vhost or tree, remove it, or say why not in front.unanswered")
    for name in kept:
        if name in answered or name not in leading:
            what = f"{name} {'is answered' if name in answered else 'does not lead here'}"
            yield Found(("front", "unanswered", name), what, "remove it here")


def certificates_cover_the_names(fleet: Fleet) -> Iterator[Found]:
    """The front's certificate is for every name that the front answers: a wildcard covers one label."""
    if fleet.front is None:
        return
    covered = set(fleet.front.certificate.names)
    for name, it in _answered(fleet).items():
        if name not in covered and f"*.{name.partition('.')[2]}" not in covered:
            what = f"no name of the certificate covers {name}"
            yield Found(it.path, what, f"add it to front.certificate.names, or *.{name.partition('.')[2]}")


def certificate_names_are_ours(fleet: Fleet) -> Iterator[Found]:
    """A name of the front's certificate is in a zone of ours, where it is proved, and stands once."""
    names = fleet.front.certificate.names if fleet.front else ()
    for i, name in enumerate(names):
        path: Where = ("front", "certificate", "names", i)
        if zone_of(fleet, name.removeprefix("*.")) is None:
            yield Found(path, f"{name} is in no zone of ours", f"write one of {', '.join(fleet.zones) or 'ours'}")
        elif name in names[:i]:
            yield Found(path, f"{name} stands here twice", "keep one of the two")


def redirects_end(fleet: Fleet) -> Iterator[Found]:
    """A redirect leads to a name outside or to one of ours that somebody answers, and not to another redirect."""
    if fleet.front is None:
        return
    redirects, mirrors = fleet.front.redirects, set(fleet.mirrors)
    answered = {it.name for it in named(fleet) if it.public}
    for name, target in redirects.items():
        found = answer(fleet, target)
        here = found is None or bool(found.machines & mirrors)
        nobodys = target not in answered and here and zone_of(fleet, target) is not None
        if target in redirects or nobodys:
            what = f"{target} is {'a redirect too' if target in redirects else 'answered by nobody'}"
            yield Found(("front", "redirects", name), what, "write the name at which it ends")


def probes_ask_the_front(fleet: Fleet) -> Iterator[Found]:
    """A probe asks a name that the front answers."""
    answered = _answered(fleet)
    for i, probe in enumerate(fleet.front.probes if fleet.front else ()):
        if probe.name not in answered:
            what = f"the front does not answer {probe.name}"
            yield Found(("front", "probes", i, "name"), what, "write a name of a tree, a redirect or a vhost")


def virtual_addresses_are_nobodys(fleet: Fleet) -> Iterator[Found]:
    """The front's virtual network holds no address that a machine, a name or a setting of the fleet has."""
    if fleet.front is None:
        return
    network = ipaddress.ip_network(fleet.front.virtual)
    for text, where in _addresses(fleet):
        address = ipaddress.ip_interface(text)
        if address.version == network.version and (address.ip in network or network.overlaps(address.network)):
            what = f"{text} of {where} is in {network}"
            yield Found(("front", "virtual"), what, "take a network that nobody has, such as 198.18.0.0/16")
            return


def _addresses(fleet: Fleet) -> Iterator[tuple[str, str]]:
    """Every IPv4 address and network that the data say, beside the fabric and the clouds' own, and whose it is."""
    for name, machine in fleet.machines.items():
        said = [machine.public.ipv4, *(machine.network.addresses if machine.network else ())]
        said += [route.via for route in (machine.network.routes if machine.network else ())]
        yield from ((text, name) for text in said if text)
    yield from ((it.ipv4, name) for name, it in fleet.recorded.items() if it.ipv4)
    for zone in fleet.zones.values():
        yield from ((text, label) for label, it in zone.addresses.items() for text in it.ipv4)
    yield from ((text, "base.pinned_names") for texts in fleet.base.pinned_names.values() for text in texts)
    yield from ((text, "resolver.forward") for text in fleet.resolver.forward)
    if fleet.control is not None:
        yield fleet.control.bridge, "control.bridge"


def services_behind_are_told_apart(fleet: Fleet) -> Iterator[Found]:
    """A service behind the front has a name of its own in Consul, and no more copies than the front keeps ports for."""
    owners: dict[str, Where] = {}
    for public in vhosts(fleet):
        if public.vhost.through != "mirrors":
            continue
        name, path = str(public.path[-2]), public.path[:-1]
        other = owners.setdefault(name, path)
        if other != path:
            yield Found(path, f"{name} is registered by {other[1]} too", "give it another name")
        elif not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name):
            yield Found(path, f"{name} is no name of DNS, in which it is asked for", "write small letters and dashes")
        if copies(fleet, public) > MOST:
            yield Found(path, f"{copies(fleet, public)} copies, and {MOST} can be asked", "have fewer")


def instances_leave_in_time(fleet: Fleet) -> Iterator[Found]:
    """Where another instance takes over, one that leaves answers until no mirror passes anything on to it."""
    for public in vhosts(fleet):
        if not public.vhost.public or public.vhost.through != "mirrors" or copies(fleet, public) < 2:
            continue
        for _, path, task in public.placed.tasks:
            # What starts or ends beside the others is not what answers.
            if task.lifecycle is not None:
                continue
            said = "0s" if task.shutdown_delay is None else task.shutdown_delay
            if seconds(said) < LEAVING_SECONDS:
                what = f"it ends {said} after it began to leave, and mirrors ask it for {LEAVING_SECONDS} s"
                yield Found((*path, "shutdown_delay"), what, f"write `shutdown_delay: {LEAVING_SECONDS}s`")


RULES = (
    front_has_machines,
    the_last_mirror_stays,
    drains_leave_the_shared_names,
    drained_names_are_soon_forgotten,
    front_is_reachable,
    trees_are_on_every_mirror,
    endings_are_of_one_kind,
    names_that_lead_here_are_answered,
    certificates_cover_the_names,
    certificate_names_are_ours,
    redirects_end,
    probes_ask_the_front,
    virtual_addresses_are_nobodys,
    services_behind_are_told_apart,
    instances_leave_in_time,
)

"""Rules about where a service may run: some machine has what it needs, one copy finds its data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from model.checks.rule import Found
from model.fleet import Fleet
from model.placement import (
    Placed,
    all_groups,
    candidates,
    eligible,
    in_datacenters,
    mounts_of,
    offers,
    volumes_of,
)
from model.reading import Where
from model.services import Constraint

# What Docker lets every container keep; a machine may offer more.
USUAL = frozenset(
    (
        *("audit_write", "chown", "dac_override", "fowner", "fsetid", "kill", "mknod", "net_bind_service", "setfcap"),
        *("setgid", "setpcap", "setuid", "sys_chroot"),
    )
)


def few(names: Iterable[str]) -> str:
    """Some names as a person reads them: three of many tell enough."""
    found = list(names)
    return ", ".join(found) if len(found) <= 4 else f"{', '.join(found[:3])} and {len(found) - 3} more"


def datacenters_are_offered(fleet: Fleet) -> Iterator[Found]:
    """A service names datacenters and a pool that some machine is in."""
    known = sorted(offers(fleet))
    pools = {offer.pool for there in offers(fleet).values() for offer in there.values()}
    for name, service in sorted(fleet.services.items()):
        for i, datacenter in enumerate(service.datacenters):
            if datacenter not in known:
                what = f"no machine is in {datacenter}"
                yield Found(("services", name, "datacenters", i), what, f"write one of: {', '.join(known)}")
        if service.pool not in ("all", *pools):
            path: Where = ("services", name, "pool" if "pool" in service.model_fields_set else "datacenters")
            yield Found(path, f"no machine is in the pool {service.pool}", "write another pool, or offer it")


def _volume_places(placed: Placed) -> Iterator[tuple[str, Where, bool]]:
    """Each volume of a group, where it is said, and whether something writes to it."""
    for volume, path, mount in mounts_of(placed):
        yield volume, path, not mount.read_only
    for volume in placed.group.needs:
        yield volume, (*placed.path, "needs", volume), False


def volumes_are_offered(fleet: Fleet) -> Iterator[Found]:
    """A volume is offered by some machine of the service's datacenters, and written to only where that is allowed."""
    for service, placed in all_groups(fleet):
        if service.held is not None:
            continue  # it may wait for just that machine
        there = in_datacenters(fleet, service)
        for volume, path, writes in _volume_places(placed):
            having = {m: o for m, o in there.items() if volume in o.volumes}
            if there and not having:
                what = f"no machine in {', '.join(service.datacenters)} offers {volume}"
                yield Found(path, what, "offer it at a machine or role, or write another name")
            elif writes and having and all(o.volumes[volume].read_only for o in having.values()):
                yield Found(path, f"{volume} is read-only where it is offered", "write `read_only: true`")


def groups_find_a_machine(fleet: Fleet) -> Iterator[Found]:
    """A group has at least one machine with all that it asks for."""
    for service, placed in all_groups(fleet):
        there = in_datacenters(fleet, service)
        single = all(any(v in o.volumes for o in there.values()) for v in volumes_of(placed))
        if service.held is None and there and single and not candidates(fleet, service, placed):
            asks = [*volumes_of(placed), *(f"awake for {d}" for d in service.resting)]
            asks += [c.attribute for c in placed.group.constraints]
            yield Found(placed.path, f"no machine has all of: {', '.join(asks)}", "ask for less, or offer it at one")


def single_copies_have_one_volume(fleet: Fleet) -> Iterator[Found]:
    """A job of one copy finds its volume on one machine, or its data would be elsewhere after a move."""
    for service, placed in all_groups(fleet):
        machines = eligible(fleet, service, placed)
        if service.everywhere or placed.group.count != 1 or len(machines) < 2:
            continue
        for volume, path, mount in mounts_of(placed):
            if mount.any_copy is None:
                what = f"{volume} is offered by {few(machines)}, and the job has one copy"
                yield Found(path, what, "offer it at one of them, or say why any will do: `any_copy:`")


def _constraints(placed: Placed) -> Iterator[tuple[Where, Constraint]]:
    for field in ("constraints", "affinities"):
        for i, constraint in enumerate(getattr(placed.group, field)):
            yield (*placed.path, field, i), constraint


def constraints_name_no_host(fleet: Fleet) -> Iterator[Found]:
    """A job knows no host's name: it asks for what the host is or has."""
    for _, placed in all_groups(fleet):
        for path, it in _constraints(placed):
            named = set(re.split(r"[\s,]+", it.value)) & set(fleet.machines)
            if "unique" in it.attribute.split(".") or named:
                said = ", ".join(sorted(named)) if named else it.attribute
                way_out = "ask for a volume, a meta or an attribute; a machine that is held out rests from a duty"
                yield Found((*path, "attribute"), f"{said} is one host's own", way_out)


def duties_are_somebodys(fleet: Fleet) -> Iterator[Found]:
    """A machine rests from a duty that a pool, a service or the front knows."""
    known = {p.duty for z in fleet.zones.values() for p in z.pools.values() if p.duty}
    known |= {duty for service in fleet.services.values() for duty in service.resting}
    known |= {fleet.front.duty} if fleet.front else set()
    for name, machine in sorted(fleet.machines.items()):
        for duty in machine.resting:
            if duty not in known:
                what = f"{duty} is no duty of a pool, a service or the front"
                said = ", ".join(sorted(known)) or "none is known"
                yield Found(("machines", name, "resting", duty), what, f"write one of: {said}")


def capabilities_are_allowed(fleet: Fleet) -> Iterator[Found]:
    """A container asks for a kernel capability that every machine for it allows."""
    for service, placed in all_groups(fleet):
        machines = eligible(fleet, service, placed)
        for _, path, task in placed.tasks:
            for i, capability in enumerate(task.container.cap_add):
                node = {m: fleet.machines[m].nomad for m in machines}
                without = [m for m, n in node.items() if capability not in (n.capabilities if n else ())]
                if capability not in USUAL and without:
                    what = f"{without[0]} does not allow {capability}"
                    way_out = "write it at the machine's `nomad.capabilities`, or do without"
                    yield Found((*path, "container", "cap_add", i), what, way_out)


RULES = (
    datacenters_are_offered,
    volumes_are_offered,
    groups_find_a_machine,
    single_copies_have_one_volume,
    constraints_name_no_host,
    duties_are_somebodys,
    capabilities_are_allowed,
)

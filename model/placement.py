"""Where a group of a service may run: what each machine offers beside what the group asks. Pure.

Nomad decides in the end; this is the same decision made from the data, so that a mistake is an error at load.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from model.control import Driver, HostVolume
from model.fleet import Fleet
from model.reading import Where
from model.services import Constraint, Group, Mount, Service, Task

# Which driver is taken where a machine offers several: the most closed one first.
DRIVERS: tuple[Driver, ...] = ("docker", "podman", "exec", "raw_exec")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Offered:
    """What one machine offers to jobs: its roles' offers and its own, together."""

    datacenter: str
    pool: str
    drivers: tuple[Driver, ...]
    meta: dict[str, str]
    volumes: dict[str, HostVolume]
    arch: str


@dataclass(frozen=True)
class Placed:
    """One group of a service with its place in the data and the tasks in it, each with its place."""

    service: str
    name: str
    path: Where
    group: Group
    tasks: tuple[tuple[str, Where, Task], ...]


def resting_key(duty: str) -> str:
    """The node meta that is set on a machine that rests from a duty."""
    return f"resting_{duty.replace('-', '_')}"


def node_meta(fleet: Fleet, machine: str) -> dict[str, str]:
    """A machine's meta as its Nomad client says it: of its roles, its own, and what it rests from."""
    it = fleet.machines[machine]
    meta: dict[str, str] = {}
    for role in it.roles:
        offer = fleet.roles[role].nomad if role in fleet.roles else None
        meta |= offer.meta if offer else {}
    meta |= it.nomad.meta if it.nomad else {}
    return dict(sorted((meta | {resting_key(duty): "true" for duty in it.resting}).items()))


def offered(fleet: Fleet, machine: str) -> Offered | None:
    """What a machine offers, or None where it runs no jobs."""
    it = fleet.machines[machine]
    offers = [o for r in it.roles if r in fleet.roles and (o := fleet.roles[r].nomad) is not None]
    if not offers or not it.managed:
        return None
    volumes: dict[str, HostVolume] = {}
    for offer in offers:
        volumes |= offer.volumes
    volumes |= it.nomad.volumes if it.nomad else {}
    drivers = {d for offer in offers for d in offer.drivers}
    return Offered(
        offers[0].datacenter,
        offers[0].pool,
        tuple(d for d in DRIVERS if d in drivers),
        node_meta(fleet, machine),
        volumes,
        it.arch,
    )


def groups_of(name: str, service: Service) -> Iterator[Placed]:
    """The groups of a service, the short form's one group too."""
    path: Where = ("services", name)
    if service.groups:
        for label, group in service.groups.items():
            yield _placed(name, label, (*path, "groups", label), group)
    else:
        yield _placed(name, service.group or name, path, service)


def _placed(service: str, name: str, path: Where, group: Group) -> Placed:
    if group.tasks:
        tasks = tuple((label, (*path, "tasks", label), task) for label, task in group.tasks.items())
    else:
        tasks = ((group.task or name, path, group),)
    return Placed(service, name, path, group, tasks)


def all_groups(fleet: Fleet) -> Iterator[tuple[Service, Placed]]:
    """Every group of every service, in name order."""
    for name, service in sorted(fleet.services.items()):
        for placed in groups_of(name, service):
            yield service, placed


def mounts_of(placed: Placed) -> Iterator[tuple[str, Where, Mount]]:
    """Each mount of a group's tasks: the volume's name, where it is said, the mount."""
    for _, path, task in placed.tasks:
        for volume, mount in task.volumes.items():
            yield volume, (*path, "volumes", volume), mount


def volumes_of(placed: Placed) -> tuple[str, ...]:
    """The host volumes that a machine must offer for a group, in name order."""
    return tuple(sorted({*placed.group.needs, *(volume for volume, _, _ in mounts_of(placed))}))


# What was found of the fleet last looked at: a dozen rules and the blocks ask the same of each group.
_known: tuple[weakref.ref[Fleet], dict[Any, Any]] | None = None


def _found(fleet: Fleet) -> dict[Any, Any]:
    global _known
    if _known is None or _known[0]() is not fleet:
        _known = (weakref.ref(fleet), {})
    return _known[1]


def offers(fleet: Fleet) -> dict[str, dict[str, Offered]]:
    """The machines that run jobs by their datacenter, each in name order."""
    known = _found(fleet)
    if "offers" not in known:
        by_datacenter: dict[str, dict[str, Offered]] = {}
        for machine in fleet.managed:
            if (offer := offered(fleet, machine)) is not None:
                by_datacenter.setdefault(offer.datacenter, {})[machine] = offer
        known["offers"] = by_datacenter
    found: dict[str, dict[str, Offered]] = known["offers"]
    return found


def in_datacenters(fleet: Fleet, service: Service) -> dict[str, Offered]:
    """The machines of a service's datacenters and pool, in name order."""
    by_datacenter = offers(fleet)
    there = {m: o for d in service.datacenters for m, o in by_datacenter.get(d, {}).items()}
    return {m: there[m] for m in sorted(there) if service.pool in ("all", there[m].pool)}


def fits(offer: Offered, constraint: Constraint) -> bool:
    """Whether a machine's data satisfy a constraint; what the data do not say is taken to fit."""
    kind, _, key = constraint.attribute.partition(".")
    if kind == "meta":
        value = offer.meta.get(key)
    elif constraint.attribute == "attr.cpu.arch":
        value = ARCHITECTURES[offer.arch]
    else:
        return True
    if constraint.operator in ("is_set", "is_not_set"):
        return (value is not None) == (constraint.operator == "is_set")
    if constraint.operator == "set_contains_any":
        return value is not None and bool({value} & {v.strip() for v in constraint.value.split(",")})
    return (value == constraint.value) == (constraint.operator == "=")


def candidates(fleet: Fleet, service: Service, placed: Placed) -> dict[str, Offered]:
    """The machines that a group may land on, whatever its images are built for."""
    known = _found(fleet)
    if placed.path not in known:
        needed = volumes_of(placed)
        resting = tuple(resting_key(duty) for duty in service.resting)
        known[placed.path] = {
            machine: offer
            for machine, offer in in_datacenters(fleet, service).items()
            if all(volume in offer.volumes for volume in needed)
            and not any(key in offer.meta for key in resting)
            and all(fits(offer, constraint) for constraint in placed.group.constraints)
        }
    found: dict[str, Offered] = known[placed.path]
    return found


def architectures(fleet: Fleet, placed: Placed) -> tuple[str, ...]:
    """The architectures that every image of a group is built for, in the model's words."""
    known = [fleet.images[t.image].architectures for _, _, t in placed.tasks if t.image in fleet.images]
    return tuple(a for a in ARCHITECTURES if all(a in built for built in known))


def eligible(fleet: Fleet, service: Service, placed: Placed) -> dict[str, Offered]:
    """The machines that a group may land on, in name order."""
    built = architectures(fleet, placed)
    return {m: o for m, o in candidates(fleet, service, placed).items() if o.arch in built}


def shares_ports(fleet: Fleet, machine: str) -> bool:
    """Whether a machine may hold a group whose copies listen on one port side by side."""
    known = _found(fleet)
    if "sharing" not in known:
        known["sharing"] = {
            name
            for service, placed in all_groups(fleet)
            if any(port.shared is not None for port in placed.group.ports.values())
            for name in eligible(fleet, service, placed)
        }
    return machine in known["sharing"]


def driver_of(fleet: Fleet, service: Service, placed: Placed) -> Driver | None:
    """The driver of a group's tasks: the first that every machine it may land on offers. None where there is none."""
    offers = eligible(fleet, service, placed) or in_datacenters(fleet, service)
    common = [d for d in DRIVERS if offers and all(d in offer.drivers for offer in offers.values())]
    return common[0] if common else None

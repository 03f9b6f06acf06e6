"""Rules about ports that are fixed on a machine: one group has each, and copies share one only where they can."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from model.checks.rule import Found
from model.fleet import Fleet
from model.front import OWN_PORTS
from model.placement import Offered, Placed, all_groups, eligible
from model.reading import Where
from model.services import Port, Service
from model.templates import body

# What control hosts answer on by themselves, whatever jobs they run.
WAYS_IN = {80: "their own way in", 443: "their own way in"}
# What the front has on its machines: the two public ports, and those of its slots.
FRONT = dict.fromkeys((80, 443, *OWN_PORTS), "the front")
# Nomad gives these to ports without a number, and would not see that one of them is taken.
CHOSEN = range(20000, 32001)
# What tasks read of Nomad's ports, and of shared ones.
READ = re.compile(r"\b(?:NOMAD_(?:PORT|ADDR|IP|HOST_PORT|HOST_ADDR|HOST_IP|ALLOC_PORT)|(FLEET_PORT))_(\w+)")


def _surely(service: Service, placed: Placed, machines: Mapping[str, Offered]) -> bool:
    """Whether a group stands on every machine it may land on."""
    return service.everywhere or placed.group.count >= len(machines)


def _owner(fleet: Fleet, machine: str, port: int) -> str | None:
    """What of a machine itself has a port."""
    if machine in fleet.voters and port in WAYS_IN:
        return WAYS_IN[port]
    return FRONT.get(port) if machine in fleet.mirrors else None


def _fixed(fleet: Fleet) -> Iterator[tuple[Where, int, str, bool, Mapping[str, Offered]]]:
    """Each fixed port of a group: where it is said, number, network, whether it is watched, and the machines.

    Where Nomad knows all that have a port it finds another machine; it does not know those that are shared.
    """
    for service, placed in all_groups(fleet):
        machines = eligible(fleet, service, placed)
        if service.held is not None:
            continue
        for label, port in sorted(placed.group.ports.items()):
            path: Where = (*placed.path, "ports", label)
            if port.shared is not None:
                yield (*path, "shared"), port.shared, port.interface, False, machines
            elif port.static is not None:
                yield (*path, "static"), port.static, port.interface, not _surely(service, placed, machines), machines


def static_ports_are_free(fleet: Fleet) -> Iterator[Found]:
    """A fixed port of a machine belongs to one group, and to none where the machine itself has it."""
    taken: dict[tuple[str, int, str], list[tuple[Where, bool]]] = {}
    for path, number, interface, watched, machines in _fixed(fleet):
        clash: list[str] = []
        shared = path[-1] == "shared"
        for machine in machines:
            others = taken.setdefault((machine, number, interface), [])
            for other, its_watched in others:
                if not (watched or its_watched) or shared or other[-1] == "shared":
                    clash.append(f"{number} of {machine} is taken by {'.'.join(map(str, other[:-1]))}")
            others.append((path, watched))
            if not clash and not watched and (owner := _owner(fleet, machine, number)) is not None:
                clash.append(f"{number} of {machine} is taken by {owner}")
        if clash:
            yield Found(path, clash[0], "take another port, or let Nomad choose one")


def shared_ports_are_the_machines_own(fleet: Fleet) -> Iterator[Found]:
    """A shared port is one number, in a group that has its machine's network, and none that Nomad gives away."""
    for _, placed in all_groups(fleet):
        for label, port in sorted(placed.group.ports.items()):
            if port.shared is None:
                continue
            path: Where = (*placed.path, "ports", label, "shared")
            if beside := [field for field in ("static", "to") if getattr(port, field) is not None]:
                yield Found(path, f"stands beside `{beside[0]}`", "keep one of the two")
            if placed.group.network != "host":
                what = f"nobody shares a port of a group whose network is {placed.group.network}"
                yield Found(path, what, "write `network: host`, or `static:`")
            if port.shared in CHOSEN:
                what = f"{port.shared} is one of those that Nomad gives to others ({CHOSEN[0]} to {CHOSEN[-1]})"
                yield Found(path, what, "take another port")


def shared_ports_have_their_own_name(fleet: Fleet) -> Iterator[Found]:
    """A task reads a shared port as FLEET_PORT_<label>, every other as NOMAD_PORT_<label>, and none is registered."""
    for _, placed in all_groups(fleet):
        ports = placed.group.ports
        for path, label in _registered(placed):
            if label in ports and ports[label].shared is not None:
                what = f"{label} is a shared port, behind which no single copy can be found"
                yield Found(path, what, "name a port that Nomad chooses")
        for path, text in _texts(fleet, placed):
            for found in READ.finditer(text):
                ours, label = found[1] is not None, found[2]
                if wrong := _misread(ports.get(label), ours, label):
                    yield Found(path, f"reads {found[0]}, and {wrong[0]}", wrong[1])
                    break


def _misread(port: Port | None, ours: bool, label: str) -> tuple[str, str] | None:
    if port is not None and port.shared is not None and not ours:
        return f"{label} is a shared port, which Nomad does not know", f"write FLEET_PORT_{label}"
    if ours and (port is None or port.shared is None):
        what = "is none" if port is None else "is not shared"
        return f"the port {label} {what}", f"write NOMAD_PORT_{label}, or `shared:` at the port"
    return None


def _registered(placed: Placed) -> Iterator[tuple[Where, str]]:
    for name, it in placed.group.registers.items():
        path: Where = (*placed.path, "registers", name)
        yield (*path, "port"), it.port
        for i, check in enumerate(it.checks):
            if check.port is not None:
                yield (*path, "checks", i, "port"), check.port
    for _, path, task in placed.tasks:
        if task.webserver is not None:
            yield (*path, "webserver"), task.webserver.port
        for i, label in enumerate(task.container.ports):
            yield (*path, "container", "ports", i), label


def _texts(fleet: Fleet, placed: Placed) -> Iterator[tuple[Where, str]]:
    """All that a task may read a port in."""
    for _, path, task in placed.tasks:
        if task.command is not None:
            yield (*path, "command"), task.command
        for i, word in enumerate(task.args):
            yield (*path, "args", i), word
        for name, value in sorted(task.env.items()):
            yield (*path, "env", name), value
        for place, template in sorted(task.templates.items()):
            yield (*path, "templates", place), body(fleet, placed.service, template)


RULES = (
    static_ports_are_free,
    shared_ports_are_the_machines_own,
    shared_ports_have_their_own_name,
)

"""A group of a job: tasks that run together on one machine, their network, names and volumes."""

from __future__ import annotations

import math
from typing import Any

from components.blocks.registration import registration
from components.blocks.task import restart, task_of
from components.blocks.values import nanoseconds, said
from model import Fleet
from model.placement import (
    ARCHITECTURES,
    Placed,
    architectures,
    candidates,
    driver_of,
    eligible,
    mounts_of,
    resting_key,
)
from model.services import Constraint, Group, Service


def group_of(fleet: Fleet, service: Service, placed: Placed) -> dict[str, Any]:
    """A group as Nomad's API takes it."""
    group = placed.group
    driver = driver_of(fleet, service, placed)
    update = group.update or service.update
    tried = update is not None and bool(update.canary)
    made: dict[str, Any] = {
        "Name": placed.name,
        "Networks": networks(group),
        "Volumes": volumes(placed),
        "Services": [registration(name, it, tried=tried) for name, it in sorted(group.registers.items())],
        "Constraints": constraints(fleet, service, placed),
        "Affinities": [_wanted(a) | {"Weight": a.weight} for a in group.affinities],
        "RestartPolicy": restart(group.restart),
        "EphemeralDisk": said(
            SizeMB=group.disk.size, Sticky=group.disk.sticky or None, Migrate=group.disk.migrate or None
        )
        if group.disk
        else None,
        "Update": _update(fleet, service, placed),
        "Tasks": [task_of(fleet, placed, name, task, driver) for name, _, task in placed.tasks],
    }
    if not service.everywhere:
        made["Count"] = group.count
    return {key: value for key, value in made.items() if value}


def networks(group: Group) -> list[dict[str, Any]]:
    """The group's network, with fixed and chosen ports. Nomad is not told of shared ones: it would hold copies off."""
    if group.network == "default":
        return []
    fixed: list[dict[str, Any]] = []
    chosen: list[dict[str, Any]] = []
    for label, port in sorted(group.ports.items()):
        if port.shared is not None:
            continue
        it = said(Label=label, Value=port.static, To=port.to, HostNetwork=port.interface)
        (fixed if port.static is not None else chosen).append(it)
    dns = {"Servers": list(group.dns)} if group.dns else None
    return [said(Mode=group.network, Hostname=group.hostname, DNS=dns, ReservedPorts=fixed, DynamicPorts=chosen)]


def volumes(placed: Placed) -> dict[str, Any]:
    """The host volumes of a group. Read-only where every task that mounts it only reads."""
    mounted: dict[str, bool] = dict.fromkeys(placed.group.needs, True)
    for name, _, mount in mounts_of(placed):
        mounted[name] = mounted.get(name, True) and mount.read_only
    return {
        name: {"Name": name, "Type": "host", "Source": name, "ReadOnly": read_only}
        for name, read_only in sorted(mounted.items())
    }


def constraints(fleet: Fleet, service: Service, placed: Placed) -> list[dict[str, Any]]:
    """What a machine must be: as the data ask, awake for the duties, of an architecture that the images have."""
    found = [_wanted(c) for c in placed.group.constraints]
    found += [
        {"LTarget": f"${{meta.{resting_key(duty)}}}", "Operand": "is_not_set"} for duty in sorted(set(service.resting))
    ]
    built = architectures(fleet, placed)
    if any(offer.arch not in built for offer in candidates(fleet, service, placed).values()):
        words = ",".join(ARCHITECTURES[a] for a in built)
        found.append({"LTarget": "${attr.cpu.arch}", "Operand": "set_contains_any", "RTarget": words})
    return found


def _wanted(constraint: Constraint) -> dict[str, Any]:
    wanted = {"LTarget": f"${{{constraint.attribute}}}", "Operand": constraint.operator}
    return wanted if constraint.operator in ("is_set", "is_not_set") else wanted | {"RTarget": constraint.value}


def _update(fleet: Fleet, service: Service, placed: Placed) -> dict[str, Any] | None:
    it = placed.group.update
    if it is None:
        return None
    canary, at_once = it.canary, it.max_parallel
    if service.everywhere and canary:
        # Of such a job Nomad takes a share of the machines in percent, and no more of them than at once.
        canary = math.ceil(100 * canary / max(1, len(eligible(fleet, service, placed))))
        at_once = at_once or it.canary
    return said(
        MaxParallel=at_once,
        Canary=canary,
        AutoPromote=it.auto_promote or None,
        AutoRevert=it.auto_revert or None,
        MinHealthyTime=nanoseconds(it.min_healthy),
        HealthyDeadline=nanoseconds(it.healthy_deadline),
        ProgressDeadline=nanoseconds(it.progress_deadline),
    )

"""A fleet's job as one agent alone can take it: one machine, no Consul, ports of the moment. Pure.

Program, files, volumes, checks and variables stay what they are in the fleet.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from components.blocks import job
from components.blocks.task import SHARED
from model import Fleet

DATACENTER = "alone"
SYNC = "sync"
RUNS = ("exec", "raw_exec")
_ASKED = re.compile(r"(?<![A-Za-z])service(?= \")")
_VARIABLE = re.compile(r'nomadVar "([^"]+)"')
_KEY = re.compile(r'index \. "([^"]+)"|\{\{-? *\.([A-Za-z0-9_]+)')


class CannotRunAloneError(ValueError):
    """This service needs more than one agent; the text says what."""


@dataclass(frozen=True)
class Alone:
    """A job for one agent, and what must be there for it."""

    name: str
    body: dict[str, Any]

    @property
    def groups(self) -> list[dict[str, Any]]:
        """Its groups."""
        return list(self.body["TaskGroups"])

    @property
    def periodic(self) -> bool:
        """Whether it waits for its time."""
        return "Periodic" in self.body

    @property
    def ends(self) -> bool:
        """Whether it comes to an end by itself."""
        return self.body["Type"] in ("batch", "sysbatch")

    @property
    def volumes(self) -> set[str]:
        """Host volumes that it mounts."""
        return {volume["Source"] for group in self.groups for volume in (group.get("Volumes") or {}).values()}

    @property
    def templates(self) -> Iterator[str]:
        """The texts of its templates."""
        for group in self.groups:
            for task in group["Tasks"]:
                for template in task.get("Templates") or ():
                    yield template["EmbeddedTmpl"]

    @property
    def variables(self) -> dict[str, set[str]]:
        """Nomad variables that it reads, with their keys."""
        found: dict[str, set[str]] = {}
        for text in self.templates:
            for path in _VARIABLE.findall(text):
                found.setdefault(path, set()).update(one or other for one, other in _KEY.findall(text))
        return found


def alone(fleet: Fleet, name: str) -> Alone:
    """The job of a service for one agent. Raises CannotRunAloneError."""
    body = copy.deepcopy(job(fleet, name).body)
    body |= {"Datacenters": [DATACENTER], "Namespace": "default"}
    body.pop("NodePool", None)
    for group in body["TaskGroups"]:
        group.pop("Constraints", None)
        for service in group.get("Services") or ():
            service["Provider"] = "nomad"
        for network in group.get("Networks") or ():
            _on_loopback(network, _own_names(group))
        for task in group["Tasks"]:
            if task["Driver"] not in RUNS:
                raise CannotRunAloneError(
                    f"{name} runs in containers in this stack, and one agent alone runs programs of this machine: "
                    "name a service of a stack whose machines offer exec (STACK=local)"
                )
            for template in task.get("Templates") or ():
                template["EmbeddedTmpl"] = _ASKED.sub("nomadService", template["EmbeddedTmpl"])
    return Alone(name, body)


def _own_names(group: dict[str, Any]) -> list[str]:
    """The labels of shared ports, of which the tasks read the numbers that Nomad chooses here instead."""
    labels: set[str] = set()
    for task in group["Tasks"]:
        for name in task.get("Env") or ():
            if name.startswith(SHARED):
                labels.add(name.removeprefix(SHARED))
                task["Env"][name] = f"${{NOMAD_PORT_{name.removeprefix(SHARED)}}}"
    return sorted(labels)


def _on_loopback(network: dict[str, Any], shared: list[str]) -> None:
    """A fixed port may be taken on this machine, or be root's alone: here each is one of the moment."""
    network["Mode"] = "host"
    moved = [{k: v for k, v in port.items() if k not in ("Value", "To")} for port in network.pop("ReservedPorts", [])]
    moved += [{"Label": label, "HostNetwork": "default"} for label in shared]
    network["DynamicPorts"] = [*(network.get("DynamicPorts") or []), *moved]


def companions(fleet: Fleet, name: str) -> list[str]:
    """Services that must have run before a service has anything to do, in this order.

    A pull has what it pulls from. Who rests with the pulls reads what they bring: first the timers that write it at the
    origin, then the pulls themselves.
    """
    if not (SYNC in fleet.services[name].resting and fleet.services[name].block != "sync"):
        return pulled_from(fleet, name)
    found: list[str] = []
    for sync in (other for other, it in sorted(fleet.services.items()) if it.block == "sync"):
        origins = pulled_from(fleet, sync)
        trees = {volume for origin in origins for volume in fleet.services[origin].volumes}
        timers = [
            other
            for other, it in sorted(fleet.services.items())
            if it.block == "timer" and any(volume in trees and not m.read_only for volume, m in it.volumes.items())
        ]
        found += [it for it in (*timers, *origins, sync) if it not in found]
    return found


def pulled_from(fleet: Fleet, name: str) -> list[str]:
    """Services that a service pulls from."""
    wanted = {
        task.sync.service
        for group in (fleet.services[name], *fleet.services[name].groups.values())
        for task in (group, *group.tasks.values())
        if task.sync is not None and task.sync.service
    }
    return [
        other
        for other, service in sorted(fleet.services.items())
        if any(wanted & set(group.registers) for group in (service, *service.groups.values()))
    ]

"""A job of Nomad: what all blocks make in the end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from components.blocks.group import group_of
from model import Fleet
from model.placement import groups_of
from model.services import Service

Kind = Literal["service", "system", "batch", "sysbatch"]


@dataclass(frozen=True)
class Job:
    """A job as Nomad's API takes it. `body` is what stands under the key `Job`."""

    name: str
    kind: Kind
    body: dict[str, Any]

    def to_json(self) -> str:
        """The text for `POST /v1/jobs` and for `nomad job plan -json`: sorted, so that it never reshuffles."""
        return json.dumps({"Job": self.body}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def assemble(fleet: Fleet, name: str, kind: Kind, periodic: dict[str, Any] | None = None) -> Job:
    """A job of a kind out of a service's groups."""
    service = fleet.services[name]
    body: dict[str, Any] = {
        "ID": name,
        "Name": name,
        "Type": kind,
        "Region": fleet.control.region if fleet.control else "global",
        "Namespace": service.namespace,
        "Datacenters": list(service.datacenters),
        "TaskGroups": [group_of(fleet, service, placed) for placed in groups_of(name, service)],
    }
    if service.pool != "default":
        body["NodePool"] = service.pool
    if service.priority is not None:
        body["Priority"] = service.priority
    if periodic is not None:
        body["Periodic"] = periodic
    return Job(name, kind, body)


def at(crons: tuple[str, ...], *, overlap: bool, time_zone: str) -> dict[str, Any]:
    """When a job starts by itself."""
    return {
        "Enabled": True,
        "SpecType": "cron",
        "Specs": list(crons),
        "ProhibitOverlap": not overlap,
        "TimeZone": time_zone,
    }


def lasting(service: Service) -> Kind:
    """The kind of a job that runs on and on."""
    return "system" if service.everywhere else "service"


def passing(service: Service) -> Kind:
    """The kind of a job that comes to an end."""
    return "sysbatch" if service.everywhere else "batch"

"""A program that starts at its time, does its work and ends; it never overlaps itself unless the data ask for it."""

from __future__ import annotations

from components.blocks.job import Job, assemble, at, passing
from model import Fleet


def build(fleet: Fleet, name: str) -> Job:
    """The job of a periodic program."""
    service = fleet.services[name]
    assert service.periodic is not None, f"{name}: a timer has no time, which a check refuses"
    when = service.periodic
    periodic = at(when.crons, overlap=when.overlap, time_zone=when.time_zone)
    return assemble(fleet, name, passing(service), periodic)

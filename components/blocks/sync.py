"""A pull by rsync every period, never two at once, with the time of the last whole pull beside what was pulled."""

from __future__ import annotations

from components.blocks.job import Job, assemble, at, passing
from model import Fleet
from model.services import cron_of


def build(fleet: Fleet, name: str) -> Job:
    """The job of a sync."""
    service = fleet.services[name]
    assert service.every is not None, f"{name}: a sync has no period, which a check refuses"
    periodic = at((cron_of(service.every),), overlap=False, time_zone="UTC")
    return assemble(fleet, name, passing(service), periodic)

"""Files over HTTP: an nginx whose whole configuration comes with the job."""

from __future__ import annotations

from components.blocks.job import Job, assemble, lasting
from model import Fleet


def build(fleet: Fleet, name: str) -> Job:
    """The job of a web server."""
    return assemble(fleet, name, lasting(fleet.services[name]))

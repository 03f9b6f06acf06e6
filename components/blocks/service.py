"""A program that runs on and on, with the name under which others find it and the check that says it works."""

from __future__ import annotations

from components.blocks.job import Job, assemble, lasting
from model import Fleet


def build(fleet: Fleet, name: str) -> Job:
    """The job of a long-running service."""
    return assemble(fleet, name, lasting(fleet.services[name]))

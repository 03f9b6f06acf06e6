"""The common library of services: each block turns a service's data into one plain Nomad job.

Pure: no engine, no clock, no network. `python -m components.blocks job NAME` prints what is made. The four kinds are
`service`, `webserver`, `sync` and `timer`; what they share are a job's own parts: group, task, template, network.
"""

from __future__ import annotations

from components.blocks import service, sync, timer, webserver
from components.blocks.job import Job
from model import Fleet

BUILDERS = {"service": service.build, "webserver": webserver.build, "sync": sync.build, "timer": timer.build}


def job(fleet: Fleet, name: str) -> Job:
    """The Nomad job of a service."""
    return BUILDERS[fleet.services[name].block](fleet, name)


def jobs(fleet: Fleet) -> dict[str, Job]:
    """Every service's job, in name order; those that are held too."""
    return {name: job(fleet, name) for name in sorted(fleet.services)}


__all__ = ["BUILDERS", "Job", "job", "jobs"]

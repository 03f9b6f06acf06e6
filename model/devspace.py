"""What devspace is told of people: the groups whose members may come in, and how it asks the directory. Pure.

A file of the look-up's own form (toolchain/fleet-login), for one service and no host: nobody gets a shell by it.
"""

from __future__ import annotations

import json
from typing import Any

from model import directory
from model.fleet import Fleet
from model.roster import span

SERVICE = "devspace"
# Where a task finds whom to trust, and keeps what it last heard: with the files, for a lock must outlive the task.
CA = "/secrets/ca.pem"
CACHE = "/data/login"
# An answer as old as this is not asked for again; small, for whoever is locked waits for the next look besides.
FRESH_SECONDS = 3


def groups(fleet: Fleet) -> tuple[str, ...]:
    """The directory's groups whose members have a place in devspace."""
    teams = fleet.roster.teams.values() if fleet.roster is not None else ()
    return tuple(sorted(team.grants.netauth.group for team in teams if team.grants.devspace and team.grants.netauth))


def login_facts(fleet: Fleet) -> str:
    """The look-up's configuration; empty where the fleet has no directory, which a rule of the data refuses."""
    wish, roster = directory.settings(fleet), fleet.roster
    if wish is None or roster is None:
        return ""
    people, numbers = span(roster.settings.numbers.people), span(roster.settings.numbers.groups)
    addresses = {name: fleet.machines[name].fabric for name in directory.hosts(fleet)}
    config: dict[str, Any] = {
        "servers": [
            {"name": wish.server, "addresses": [at.address], "port": wish.port}
            for _, at in sorted(addresses.items())
            if at is not None
        ],
        "ca": CA,
        "deadline_seconds": roster.settings.login.deadline_seconds,
        "cache_minutes": roster.settings.login.cache_minutes,
        "fresh_seconds": FRESH_SECONDS,
        "refresh_seconds": roster.settings.login.refresh_seconds,
        "loss_percent": max(roster.settings.removal_percent, 1),
        "numbers": {"people": [people[0], people[-1]], "groups": [numbers[0], numbers[-1]]},
        "primary_group": wish.primary.group,
        "services": {SERVICE: {"groups": list(groups(fleet))}},
        "places": {"cache": CACHE},
    }
    return json.dumps(config, indent=1, sort_keys=True) + "\n"

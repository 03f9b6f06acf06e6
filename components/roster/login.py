"""What each host is told about the directory of people: whom it asks, whose members may come in, what stays. Pure.

Nobody is named here: teams grant, groups carry it, and the directory knows who is in them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from components.fabric.plan import peer_of
from components.roster import directory
from model import Fleet
from model.roster import NetauthGrant, Team, span


def desired(fleet: Fleet, host: str) -> dict[str, Any]:
    """What hostconfig makes of it. Said only where there is a directory; elsewhere hosts have their own accounts."""
    roster, wish = fleet.roster, directory.settings(fleet)
    # Each of them is certified for the one name.
    servers = [
        {"name": wish.server, "addresses": [peer_of(fleet, name).address], "port": wish.port}
        for name in directory.hosts(fleet)
        if wish is not None
    ]
    # It is asked over the fabric, and trusted by the fleet's own authorities.
    if roster is None or wish is None or not servers or not fleet.machines[host].fabric:
        return {}
    rules, glass = roster.settings.login, roster.settings.break_glass
    came = list(_granting(fleet, host))
    named = {its.group for _, its in came}
    people, groups = span(roster.settings.numbers.people), span(roster.settings.numbers.groups)
    ldap = wish.domain if host in fleet.voters and wish.domain is not None else None
    return {
        "login": {
            "servers": servers,
            "groups": sorted(named),
            "sudo": sorted(
                {its.group for team, its in came if team.grants.hosts is not None and team.grants.hosts.sudo}
            ),
            "break_glass": sorted(set(glass.operators) & set(fleet.operators)),
            "people": [people[0], people[-1]],
            "groups_span": [groups[0], groups[-1]],
            "primary_group": wish.primary.group,
            "deadline_seconds": rules.deadline_seconds,
            "cache_minutes": rules.cache_minutes,
            "refresh_seconds": rules.refresh_seconds,
            "drill_hours": 24 * glass.drill_days,
            "loss_percent": max(roster.settings.removal_percent, 1),
            "shell": rules.shell,
            "homes": rules.home,
            "ldap": ",".join(f"dc={part}" for part in ldap.split(".")) if ldap else None,
            "roster": _fingerprint(fleet, named),
        }
    }


def _granting(fleet: Fleet, host: str) -> Iterator[tuple[Team, NetauthGrant]]:
    """Teams whose members may log in on a host, with the group that says who they are."""
    assert fleet.roster is not None
    for team in fleet.roster.teams.values():
        its, at = team.grants.hosts, team.grants.netauth
        if its is not None and at is not None and its.login and host in fleet.chosen(its.on):
            yield team, at


def _fingerprint(fleet: Fleet, groups: set[str]) -> str:
    """Changes with everything that the data says of people on a host, so that the host asks at once."""
    assert fleet.roster is not None
    mine = {
        name for name, team in fleet.roster.teams.items() if team.grants.netauth and team.grants.netauth.group in groups
    }
    said = {
        handle: [sorted(mine & set(person.teams)), sorted(person.keys.values()), person.left is not None]
        for handle, person in sorted(fleet.roster.people.items())
        if mine & set(person.teams) or person.left is not None
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

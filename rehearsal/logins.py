"""Who comes to the rehearsal's Vault with a password: people of its own roster, or of a directory outside the fleet."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from components.roster import directory
from model import Fleet
from model.roster import in_effect
from rehearsal.testhosts import directory as outside


def bridged(fleet: Fleet) -> bool:
    """Whether Vault asks the fleet's own directory, by the bridge on its host's loopback, and not somebody else's."""
    if fleet.access is None or not directory.hosts(fleet):
        return False
    return str(urlsplit(fleet.access.vault.ldap.url).hostname) in ("localhost", "127.0.0.1")


def who_logs_in(fleet: Fleet) -> dict[str, list[str]]:
    """Who may come to Vault with a password, and their groups as far as Vault knows them."""
    if fleet.access is None or fleet.roster is None or not bridged(fleet):
        return outside.people(fleet)
    teams, known = fleet.roster.teams, fleet.access.vault.groups
    held = {
        handle: {at.group for team in fleet.roster.people[handle].teams if (at := teams[team].grants.netauth)}
        for handle in members(fleet)
        if fleet.roster.people[handle].netauth is not None
    }
    return {handle: sorted(groups & set(known)) for handle, groups in held.items()}


def members(fleet: Fleet) -> list[str]:
    """Who is a member today."""
    roster, today = fleet.roster, datetime.now(UTC).date()
    if roster is None:
        return []
    return [handle for handle, one in sorted(roster.people.items()) if in_effect(one, roster.settings, today)]

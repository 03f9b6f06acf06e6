"""Who comes to the rehearsal's Vault with a password: people of its own roster, or of a directory outside the fleet."""

from __future__ import annotations

from datetime import UTC, datetime

from components.roster import directory
from components.roster.rights import of_kind, rights
from model import Fleet
from model.roster import in_effect
from rehearsal.testhosts import directory as outside


def bridged(fleet: Fleet) -> bool:
    """Whether Vault asks the fleet's own directory, by the bridge on its host's loopback, and not somebody else's."""
    return fleet.access is not None and bool(directory.hosts(fleet)) and fleet.access.vault.ldap.on_loopback


def who_logs_in(fleet: Fleet) -> dict[str, list[str]]:
    """Who may come to Vault with a password, and their groups as far as Vault knows them."""
    if fleet.access is None or not bridged(fleet):
        return outside.people(fleet)
    known = fleet.access.vault.groups
    groups = of_kind(rights(fleet, datetime.now(UTC).date()), "netauth-group")
    return {handle: [group for group in groups[handle] if group in known] for handle in members(fleet)}


def members(fleet: Fleet) -> list[str]:
    """Who is a member today."""
    roster, today = fleet.roster, datetime.now(UTC).date()
    if roster is None:
        return []
    return [handle for handle, one in sorted(roster.people.items()) if in_effect(one, roster.settings, today)]

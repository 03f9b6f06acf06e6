"""What the directory is to hold on a day: entities, groups, memberships and keys, from the roster alone. Pure.

Whoever left stays as a locked entity without groups and keys; whoever's join has not begun is not there yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from components.roster.rights import of_kind, rights
from model import Fleet
from model.roster import Person, Roster, in_effect
from providers.netauth.belongings import fingerprint

Keys = Callable[[str, Person], Mapping[str, str]]
"""Somebody's public keys, label to key."""


@dataclass(frozen=True)
class Entity:
    """Somebody in the directory."""

    name: str
    number: int
    primary_group: str
    home: str
    shell: str
    locked: bool
    groups: tuple[str, ...]
    keys: tuple[tuple[str, str, str], ...]
    """(fingerprint, label, key) of each."""


@dataclass(frozen=True)
class Group:
    """A group of the directory."""

    name: str
    number: int
    display_name: str
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True)
class Directory:
    """All that the program keeps in the directory. What else is in it stays as it is."""

    entities: tuple[Entity, ...]
    groups: tuple[Group, ...]


def in_data(_handle: str, person: Person) -> Mapping[str, str]:
    """The keys that stand in somebody's own file."""
    return person.keys


def plan(fleet: Fleet, as_of: date, keys: Keys = in_data) -> Directory | None:
    """The directory on a day; None for a fleet without one."""
    roster = fleet.roster
    if roster is None or roster.settings.netauth is None:
        return None
    held = rights(fleet, as_of)
    member_of = of_kind(held, "netauth-group")
    entities = [
        _entity(handle, person, roster, tuple(member_of[handle]), keys)
        for handle, person in sorted(roster.people.items())
        if person.netauth is not None and (person.left is not None or in_effect(person, roster.settings, as_of))
    ]
    return Directory(tuple(entities), tuple(_groups(roster)))


def _entity(handle: str, person: Person, roster: Roster, groups: tuple[str, ...], keys: Keys) -> Entity:
    assert person.netauth is not None
    assert roster.settings.netauth is not None
    login = roster.settings.login
    gone = person.left is not None
    # Two labels of one key are one key.
    found = {} if gone else {fingerprint(key): (label, key) for label, key in sorted(keys(handle, person).items())}
    return Entity(
        handle,
        person.netauth.number,
        roster.settings.netauth.primary.group,
        f"{login.home}/{handle}",
        login.shell,
        gone,
        () if gone else groups,
        tuple((print_, label, key) for print_, (label, key) in sorted(found.items())),
    )


def _groups(roster: Roster) -> list[Group]:
    assert roster.settings.netauth is not None
    primary = roster.settings.netauth.primary
    found = [Group(primary.group, primary.number, "everybody in the directory")]
    for _, team in sorted(roster.teams.items()):
        if (grant := team.grants.netauth) is not None:
            found.append(Group(grant.group, grant.number, team.purpose, tuple(sorted(grant.capabilities))))
    return found

"""Shared secrets: who knows them, who knows them and left, and the day on which each was made anew."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cli.asking import say
from cli.mistake import Mistake
from cli.roster_files import Draft, flow
from cli.roster_words import finish, roster_of
from components.roster.rights import to_rotate
from model import Fleet
from model.roster import Person, Roster

UNSEAL = "an unseal share"


@dataclass(frozen=True)
class Known:
    """One secret: what it is for, how it is made anew, and who knows it."""

    name: str
    purpose: str
    rotate: str
    rotated: date | None
    here: tuple[str, ...]
    gone: tuple[str, ...]


def known(fleet: Fleet) -> tuple[Known, ...]:
    """Every shared secret, in the order of the data."""
    roster = roster_of(fleet)
    gone = to_rotate(fleet)
    return tuple(
        Known(
            name,
            one.purpose,
            one.rotate,
            one.rotated,
            tuple(h for h, p in sorted(roster.people.items()) if p.left is None and name in _held(roster, p)),
            gone.get(name, ()),
        )
        for name, one in roster.settings.secrets.items()
    )


def loaded(folder: Path) -> Fleet:
    """The fleet of a folder that has a roster."""
    return Draft(folder).before


def held(fleet: Fleet, handle: str) -> tuple[str, ...]:
    """What somebody knows: by their teams and beside them."""
    roster = roster_of(fleet)
    return _held(roster, roster.people[handle])


def _held(roster: Roster, person: Person) -> tuple[str, ...]:
    of_teams = {s for team in person.teams if team in roster.teams for s in roster.teams[team].grants.secrets}
    return tuple(s for s in roster.settings.secrets if s in of_teams or s in person.secrets)


def table(fleet: Fleet) -> str:
    """All secrets for a person: what is due first."""
    lines = []
    for one in sorted(known(fleet), key=lambda it: not it.gone):
        lines.append(f"{one.name}: {one.purpose}; made anew {one.rotated or 'never, as far as is written down'}")
        if one.gone:
            lines.append(f"    ! {', '.join(one.gone)} left and still {'knows' if len(one.gone) == 1 else 'know'} it")
        lines.append(f"    known to: {', '.join(one.here) or 'nobody of the roster'}")
        lines.append(f"    to make it anew: {one.rotate}  (fleet rotate {one.name})")
    return "\n".join(lines) or "No shared secret is declared."


def told_to_rotate(fleet: Fleet, handle: str) -> None:
    """Say what a leaver knows and how each is made anew."""
    mine = [one for one in known(fleet) if handle in one.gone]
    if mine:
        say(f"{handle} knows, so make anew:")
    for one in mine:
        say(f"  - {one.name} ({one.purpose}): fleet rotate {one.name}  [{one.rotate}]")
    if fleet.control is not None and handle in fleet.control.unseal.holders:
        say(f"  - {handle} is a holder of {UNSEAL}: name another with fleet rotate … --holder HANDLE, for each holder")
    if not mine:
        say(f"{handle} knows no shared secret that was not made anew since.")


def named(fleet: Fleet, name: str) -> Known:
    """One secret. Raises Mistake for one that is not declared."""
    found = next((one for one in known(fleet) if one.name == name), None)
    if found is None:
        declared = ", ".join(one.name for one in known(fleet)) or "none"
        raise Mistake(
            name, "is no shared secret", "shared secrets are declared in the roster's settings", f"declared: {declared}"
        )
    return found


def mark(
    folder: Path,
    name: str,
    as_of: date,
    *,
    holders: Collection[str] = (),
    not_to: Collection[str] = (),
    dry_run: bool = False,
) -> None:
    """Write down that a secret was made anew, who holds a share now, and who was not told the new one."""
    draft = Draft(folder)
    one = named(draft.before, name)
    secret = draft.at("roster", "settings")["secrets"][name]
    secret["rotated"] = as_of
    if holders and draft.before.control is not None and tuple(holders) != draft.before.control.unseal.holders:
        draft.at("control")["unseal"]["holders"] = flow(list(holders))
    for handle in not_to:
        if handle not in one.here:
            raise Mistake(f"--not-to {handle}", f"does not know {name}", "it takes a knower's name out", "leave it out")
        record = draft.at("roster", "people", handle)
        kept = [s for s in record.get("secrets") or () if s != name]
        if kept:
            record["secrets"] = flow(kept)
        else:
            record.pop("secrets", None)
    after = draft.after(as_of)
    still = named(after, name)
    say(f"{name}: made anew on {as_of}; {', '.join(still.here) or 'nobody of the roster'} should know the new one.")
    finish(draft, dry_run)

"""Somebody leaves, or gets or loses a team: what follows, and which secrets are to be made anew."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

from cli.asking import say
from cli.mistake import Mistake
from cli.roster_files import Draft, flow
from cli.roster_secrets import held, told_to_rotate
from cli.roster_words import as_if_decided, changed, checked, finish, person_of, roster_of, start, tell
from model.roster import Roster

Why = Literal["wish", "inactive", "removal", "security"]
WHYS: tuple[Why, ...] = ("wish", "inactive", "removal", "security")
REQUIRED, TOKEN = "required_owners", "token_user"


def offboard(
    folder: Path,
    handle: str,
    why: Why,
    as_of: date,
    *,
    on: date | None = None,
    told: date | None = None,
    instead: Mapping[str, str] | None = None,
    dry_run: bool = False,
) -> None:
    """Write a leaving down. `instead`: who answers for a team, or is what the settings name, from now on."""
    draft = Draft(folder)
    person = person_of(draft.before, handle)
    if person.left is not None:
        say(f"{handle} left on {person.left.on} ({person.left.why}): nothing to write.")
        told_to_rotate(draft.before, handle)
        return
    leave(draft, handle, why, on or as_of, told, dict(instead or {}))
    after = checked(draft, as_of)
    tell(f"{handle} leaves, from the next `up` on:", changed(draft.before, after, as_of))
    told_to_rotate(after, handle)
    finish(draft, dry_run)


def leave(draft: Draft, handle: str, why: Why, on: date, told: date | None, instead: dict[str, str]) -> None:
    """The lines of a leaving, in a draft: the person's own, and those where others are needed in their place."""
    _hand_over(draft, handle, instead)
    knew = list(held(draft.before, handle))
    record = draft.at("roster", "people", handle)
    for field in ("teams", "owner", "secrets"):
        record.pop(field, None)
    left: dict[str, Any] = {"on": on, "why": why}
    if told is not None:
        left["told"] = told
    if knew:
        left["knew"] = flow(knew)
    record["left"] = flow(left)


def _hand_over(draft: Draft, handle: str, instead: dict[str, str]) -> None:
    """Take a leaver out of what names them; raises Mistake with everything that still needs somebody else."""
    roster = roster_of(draft.before)
    needed: dict[str, tuple[str, ...]] = {}
    for team in (name for name, one in roster.teams.items() if handle in one.owners):
        others = [owner for owner in roster.teams[team].owners if owner != handle]
        new = instead.pop(team, None)
        if new is not None:
            others += [new] if new not in others else []
        if not others:
            needed[team] = tuple(member for member in roster.members(team) if member != handle)
            continue
        draft.at("roster", "teams", team)["owners"] = flow(others)
        say(f"{', '.join(others)} {'answers' if len(others) == 1 else 'answer'} for {team}.")
    owners = tuple(h for h, p in sorted(roster.people.items()) if p.owner and p.left is None and h != handle)
    settings = roster.settings
    if handle in settings.required_owners:
        new = instead.pop(REQUIRED, None)
        if new is None:
            needed[REQUIRED] = tuple(h for h in owners if h not in settings.required_owners) or owners
        else:
            kept = [one for one in settings.required_owners if one != handle]
            draft.at("roster", "settings")[REQUIRED] = flow([*kept, *([new] if new not in kept else [])])
    if handle == settings.token_user:
        new = instead.pop(TOKEN, None)
        if new is None:
            needed[TOKEN] = owners
        else:
            draft.at("roster", "settings")[TOKEN] = new
            say(f"The program needs the token of {new} before the next `up`.")
    if needed:
        _ask(draft, handle, needed)
    elif instead:
        odd = next(iter(instead))
        raise Mistake(
            f"--instead {odd}=…",
            f"{handle} is not what {odd} names",
            "somebody is named in a leaver's place",
            "leave it out",
        )


def _ask(draft: Draft, handle: str, needed: Mapping[str, tuple[str, ...]]) -> None:
    """What must be changed first: chosen at a terminal, else said with the words that do it."""
    if sys.stdin.isatty() and all(needed.values()):
        chosen = {}
        for what, candidates in needed.items():
            print(f"Instead of {handle} for {what} ({', '.join(candidates)}): ", end="", file=sys.stderr, flush=True)
            chosen[what] = sys.stdin.readline().strip() or candidates[0]
        _hand_over(draft, handle, chosen)
        return
    said = []
    for what, candidates in needed.items():
        noun = {REQUIRED: "is a required owner", TOKEN: "is the owner whose token the program uses"}
        said.append(noun.get(what, f"alone answers for {what}") + ("" if candidates else ", and nobody else could"))
    offers = " ".join(f"--instead {what}={(candidates or ('HANDLE',))[0]}" for what, candidates in needed.items())
    raise Mistake(
        f"{_place(draft, needed)}",
        f"{handle} {' and '.join(said)}",
        "somebody else is named before a person leaves",
        f"for example: fleet offboard {handle} … {offers}",
    )


def _place(draft: Draft, needed: Mapping[str, object]) -> str:
    what = next(iter(needed))
    steps = ("settings", what) if what in (REQUIRED, TOKEN) else ("teams", what, "owners")
    return draft.place("roster", *steps)


def grant(
    folder: Path, handle: str, team: str, as_of: date, *, maintainer: bool, remove: bool, dry_run: bool = False
) -> None:
    """Give somebody a team, another level in it, or take it away."""
    draft = Draft(folder)
    roster = roster_of(draft.before)
    person = person_of(draft.before, handle)
    _is_team(roster, team)
    if person.left is not None:
        raise Mistake(handle, f"left on {person.left.on}", "who left holds nothing", "see `fleet onboard` for joins")
    record = draft.at("roster", "people", handle)
    teams = dict(record.get("teams") or {})
    if remove:
        _take(draft, handle, team, record, teams)
    else:
        teams[team] = "maintainer" if maintainer else "member"
    if teams != dict(record.get("teams") or {}):
        was = record.get("teams")
        if was is not None and not was.fa.flow_style():
            # A line for each team stays a line for each.
            was.update(teams)
            for gone in [name for name in was if name not in teams]:
                del was[gone]
        else:
            record["teams"] = flow(teams)
    after = checked(draft, as_of)
    begins = start(after, handle)
    day = max(begins.on, as_of)
    head = f"{handle}, from the next `up` on:" if day == as_of else f"{handle}, when the join begins on {day}:"
    tell(head, changed(as_if_decided(draft.before, handle), as_if_decided(after, handle), day))
    finish(draft, dry_run)


def _take(draft: Draft, handle: str, team: str, record: Any, teams: dict[str, Any]) -> None:
    """A team taken away. What its members know does not leave a head with it, so it is written down as the person's."""
    roster = roster_of(draft.before)
    if team not in teams:
        return
    del teams[team]
    owners = roster.teams[team].owners
    if handle in owners:
        others = [owner for owner in owners if owner != handle]
        if not others:
            raise Mistake(
                draft.place("roster", "teams", team, "owners"),
                f"{handle} alone answers for {team}",
                "a team has an owner who is in it",
                "name another member there first",
            )
        draft.at("roster", "teams", team)["owners"] = flow(others)
    kept = {s for name in teams if name in roster.teams for s in roster.teams[name].grants.secrets}
    knew = [s for s in roster.teams[team].grants.secrets if s not in kept]
    if knew:
        own = list(record.get("secrets") or ())
        record["secrets"] = flow([*own, *(s for s in knew if s not in own)])
        say(f"{handle} still knows {', '.join(knew)} until it is made anew: fleet rotate {knew[0]} --not-to {handle}")


def _is_team(roster: Roster, team: str) -> None:
    if team not in roster.teams:
        raise Mistake(team, "is no team", "teams are declared in teams.yaml", f"name one of: {', '.join(roster.teams)}")

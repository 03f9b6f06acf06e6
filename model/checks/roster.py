"""Rules about people: who owns the organisation, what leavers keep, and that nobody is taken for another."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator

from model.checks.rule import Found
from model.fleet import Fleet
from model.reading import Where
from model.roster import Person, Roster, span

# Accounts that hosts bring along; a person of that name would be one of them.
ACCOUNTS = frozenset(
    [
        "root",
        "daemon",
        "bin",
        "sys",
        "sync",
        "games",
        "man",
        "lp",
        "mail",
        "news",
        "uucp",
        "proxy",
        "www-data",
        "backup",
        "list",
        "irc",
        "nobody",
        "sshd",
        "messagebus",
    ]
)


def of(*steps: str | int) -> Where:
    """A place in the roster."""
    return ("roster", *steps)


def people_of(fleet: Fleet) -> Iterator[tuple[str, Person]]:
    """Everybody in the roster, those who left too, as far as there is one."""
    if fleet.roster is not None:
        yield from fleet.roster.people.items()


def near(name: str, known: Collection[str], else_: str) -> str:
    """A way out for a name that is not known."""
    close = difflib.get_close_matches(name, sorted(known), 1)
    return f"did you mean {close[0]}? Else {else_}" if close else else_


def owners(roster: Roster) -> tuple[str, ...]:
    """Who is written down as an owner and has not left, in name order."""
    return tuple(h for h, p in sorted(roster.people.items()) if p.owner and p.left is None)


def enough_owners(fleet: Fleet) -> Iterator[Found]:
    """There are at least as many owners as the settings ask for."""
    if fleet.roster is None:
        return
    have, least = owners(fleet.roster), fleet.roster.settings.owners_at_least
    if len(have) < least:
        what = f"{least} are asked for, and there are {len(have)}{': ' if have else ''}{', '.join(have)}"
        yield Found(of("settings", "owners_at_least"), what, "make somebody else an owner first: `owner: true`")


def required_owners_stay(fleet: Fleet) -> Iterator[Found]:
    """Whoever is required as an owner is one."""
    if fleet.roster is None:
        return
    for i, handle in enumerate(fleet.roster.settings.required_owners):
        if handle not in owners(fleet.roster):
            yield Found(
                of("settings", "required_owners", i),
                f"{handle} {_no_owner(fleet.roster, handle)}",
                f"keep `owner: true` in people/{handle}.yaml, or take the name out here, which the owners review",
            )


def token_user_stays_an_owner(fleet: Fleet) -> Iterator[Found]:
    """The owner whose token the program uses stays one."""
    if fleet.roster is None:
        return
    handle = fleet.roster.settings.token_user
    if handle not in owners(fleet.roster):
        what = f"the program uses the token of {handle}, who {_no_owner(fleet.roster, handle)}"
        yield Found(of("settings", "token_user"), what, "give the program another owner's token first, and say whose")


def _no_owner(roster: Roster, handle: str) -> str:
    if handle not in roster.people:
        return "is nobody here"
    left = roster.people[handle].left
    return f"left on {left.on}" if left else "is no owner"


def leavers_hold_nothing(fleet: Fleet) -> Iterator[Found]:
    """Who has left keeps the name and the numbers, and holds nothing else."""
    for handle, person in people_of(fleet):
        if person.left is None:
            continue
        held = [
            ("teams", f"is still in {', '.join(sorted(person.teams))}", bool(person.teams)),
            ("owner", "is still an owner", person.owner),
            ("secrets", f"is still given {', '.join(person.secrets)}", bool(person.secrets)),
        ]
        for field, what, holds in held:
            if holds:
                way_out = "move them to `left.knew`" if field == "secrets" else f"take the line `{field}:` out"
                yield Found(of("people", handle, field), f"{handle} left on {person.left.on} and {what}", way_out)


def github_ids_are_once(fleet: Fleet) -> Iterator[Found]:
    """A GitHub id is one person's, for ever."""
    yield from _once("github", {h: p.github for h, p in people_of(fleet)}, "two files are of one person")


def numbers_are_once(fleet: Fleet) -> Iterator[Found]:
    """A number in the directory is one account's or one group's, for ever."""
    if fleet.roster is None:
        return
    numbers = {h: p.netauth.number for h, p in people_of(fleet) if p.netauth}
    yield from _once("netauth", numbers, "take the next free number; those of leavers stay taken")
    seen: dict[int, str] = {}
    for path, group, number in groups(fleet.roster):
        other = seen.setdefault(number, group)
        if other != group:
            yield Found((*path, "number"), f"{number} is the group {other}'s too", "take the next free number")


def groups(roster: Roster) -> Iterator[tuple[Where, str, int]]:
    """Every group of the directory: where it stands, its name and number. The primary group first."""
    if roster.settings.netauth is not None:
        first = roster.settings.netauth.primary
        yield of("settings", "netauth", "primary"), first.group, first.number
    for name, team in roster.teams.items():
        if team.grants.netauth is not None:
            path = of("teams", name, "grants", "netauth")
            yield path, team.grants.netauth.group, team.grants.netauth.number


def _once(field: str, values: dict[str, int], way_out: str) -> Iterator[Found]:
    holders: dict[int, list[str]] = {}
    for handle, value in values.items():
        holders.setdefault(value, []).append(handle)
    for value, several in holders.items():
        for handle in several if len(several) > 1 else ():
            others = ", ".join(h for h in several if h != handle)
            yield Found(of("people", handle, field), f"{value} is of {others} too", way_out)


def numbers_are_in_range(fleet: Fleet) -> Iterator[Found]:
    """Numbers lie where the hosts expect those of people and of groups."""
    if fleet.roster is None:
        return
    ranges = fleet.roster.settings.numbers
    said = [
        (of("people", h, "netauth", "number"), p.netauth.number, ranges.people)
        for h, p in people_of(fleet)
        if p.netauth
    ]
    said += [((*path, "number"), number, ranges.groups) for path, _, number in groups(fleet.roster)]
    for path, number, allowed in said:
        if number not in span(allowed):
            yield Found(path, f"{number} is not within {allowed}", "take the next free number of that range")


def handles_are_nobody_elses(fleet: Fleet) -> Iterator[Found]:
    """A handle is not the name of an account that hosts have anyway."""
    for handle, _ in people_of(fleet):
        if handle in ACCOUNTS or handle in fleet.operators:
            whose = "an operator's account" if handle in fleet.operators else "an account of every host"
            yield Found(of("people", handle), f"{handle} is {whose}", "take another handle")


RULES = (
    enough_owners,
    required_owners_stay,
    token_user_stays_an_owner,
    leavers_hold_nothing,
    github_ids_are_once,
    numbers_are_once,
    numbers_are_in_range,
    handles_are_nobody_elses,
)

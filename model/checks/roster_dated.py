"""Rules about the roster on one day. The day is an argument: the same data and the same day find the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

from model.checks.roster import of, people_of
from model.checks.rule import Found
from model.fleet import Fleet
from model.roster import Roster, in_effect, joined

WAIVER_DAYS = 30

Dated = Callable[[Fleet, date], Iterator[Found]]


def joins_that_begin_are_decided(fleet: Fleet, as_of: date) -> Iterator[Found]:
    """A join that begins was proposed, commented on, approved and agreed to."""
    if fleet.roster is None:
        return
    settings = fleet.roster.settings
    for handle, person in people_of(fleet):
        if person.decision is None or person.since > as_of or joined(person, settings, as_of):
            continue
        said = person.decision
        have, least = len(set(said.approvals)), settings.approvals_at_least
        lacks = [f"{have} of {least} approvals"] if have < least else []
        lacks += ["no consent"] if said.consent is None or said.consent > as_of else []
        lacks += ["comments are open"] if said.deadline > as_of else []
        lacks += ["a comment time too short"] if said.deadline - said.proposed < settings.comment_time else []
        what = f"{handle} joins on {person.since}, with {', '.join(lacks)}"
        yield Found(of("people", handle, "since"), what, "write down what was decided, or a later day")


def enough_owners_are_in_effect(fleet: Fleet, as_of: date) -> Iterator[Found]:
    """The owners who are there already are as many as the settings ask for."""
    if fleet.roster is None:
        return
    settings = fleet.roster.settings
    have = [h for h, p in sorted(people_of(fleet)) if p.owner and in_effect(p, settings, as_of)]
    if len(have) < settings.owners_at_least:
        what = f"on {as_of} there are {len(have)} of {settings.owners_at_least}"
        yield Found(of("settings", "owners_at_least"), what, "keep the owners that go until others have joined")


def removals_are_few(fleet: Fleet, as_of: date) -> Iterator[Found]:
    """Of the people who were there, at most the given share go within a comment time, unless a waiver lifts it."""
    if fleet.roster is None:
        return
    there, gone = removals(fleet.roster, as_of)
    percent = allowed_percent(fleet.roster, as_of)
    if len(gone) * 100 > percent * len(there):
        days = fleet.roster.settings.comment_days
        what = (
            f"{len(gone)} of {len(there)} left within {days} days ({', '.join(gone)}): "
            f"{len(gone) * 100 / len(there):.0f} %, and {percent} % may"
        )
        way_out = "let some go later, or add a waiver to the settings that members reviewed"
        yield Found(of("settings", "removal_percent"), what, way_out)


def removals(roster: Roster, as_of: date) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Who was there a comment time ago, and who of them has left since. Both in name order."""
    then = as_of - roster.settings.comment_time
    there = tuple(
        handle
        for handle, person in sorted(roster.people.items())
        if joined(person, roster.settings, then) and (person.left is None or person.left.on > then)
    )
    return there, tuple(handle for handle in there if roster.people[handle].left is not None)


def allowed_percent(roster: Roster, as_of: date) -> int:
    """The share of people that may leave, by the settings or a waiver that has not ended."""
    lifted = [w.percent for w in roster.settings.waivers if w.until >= as_of]
    return max([roster.settings.removal_percent, *lifted])


def waivers_end_soon(fleet: Fleet, as_of: date) -> Iterator[Found]:
    """A waiver ends within thirty days."""
    if fleet.roster is None:
        return
    for i, waiver in enumerate(fleet.roster.settings.waivers):
        if waiver.until > as_of + timedelta(days=WAIVER_DAYS):
            what = f"it would hold until {waiver.until}"
            yield Found(of("settings", "waivers", i, "until"), what, f"write a day within {WAIVER_DAYS} days")


def what_is_done_has_happened(fleet: Fleet, as_of: date) -> Iterator[Found]:
    """What is written down as done does not lie in the future."""
    if fleet.roster is None:
        return
    said = [(of("settings", "secrets", n, "rotated"), s.rotated) for n, s in fleet.roster.settings.secrets.items()]
    for handle, person in people_of(fleet):
        if person.decision is not None:
            path = of("people", handle, "decision")
            said += [((*path, "proposed"), person.decision.proposed), ((*path, "consent"), person.decision.consent)]
        if person.left is not None:
            path = of("people", handle, "left")
            said += [((*path, "on"), person.left.on), ((*path, "told"), person.left.told)]
    for path, day in said:
        if day is not None and day > as_of:
            yield Found(path, f"{day} is after {as_of}", "write it down when it has happened")


DATED: tuple[Dated, ...] = (
    joins_that_begin_are_decided,
    enough_owners_are_in_effect,
    removals_are_few,
    waivers_end_soon,
    what_is_done_has_happened,
)

"""Rules about joining and leaving: proposed, commented on, approved, agreed to; told, and not in a hurry.

What depends on the day is asked in roster_dated.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from model.checks.roster import near, of, people_of
from model.checks.rule import Found
from model.fleet import Fleet
from model.roster import Roster


def founders_came_first(fleet: Fleet) -> Iterator[Found]:
    """Whoever came after the founding has a sponsor and a decision."""
    if fleet.roster is None:
        return
    founded = fleet.roster.settings.founded
    for handle, person in people_of(fleet):
        missing = [f for f in ("sponsor", "decision") if getattr(person, f) is None]
        if person.since > founded and missing:
            what = f"{handle} came on {person.since}, after {founded}, without {' and '.join(missing)}"
            yield Found(of("people", handle), what, f"write down {' and '.join(f'`{f}:`' for f in missing)}")


def sponsors_are_members(fleet: Fleet) -> Iterator[Found]:
    """A sponsor is somebody else, who was a member when the proposal was made."""
    if fleet.roster is None:
        return
    for handle, person in people_of(fleet):
        if person.sponsor is None:
            continue
        day = person.decision.proposed if person.decision else person.since
        wrong = _was_no_member(fleet.roster, person.sponsor, handle, day.isoformat())
        if wrong:
            way_out = "name a member who sees the join through"
            if person.sponsor not in fleet.roster.people:
                way_out = near(person.sponsor, set(fleet.roster.people) - {handle}, way_out)
            yield Found(of("people", handle, "sponsor"), wrong, way_out)


def approvals_are_of_members(fleet: Fleet) -> Iterator[Found]:
    """An approval is of somebody else, who was a member when comments closed, and counts once."""
    if fleet.roster is None:
        return
    for handle, person in people_of(fleet):
        if person.decision is None:
            continue
        said = person.decision.approvals
        for i, approver in enumerate(said):
            wrong = _was_no_member(fleet.roster, approver, handle, person.decision.deadline.isoformat())
            if not wrong and approver in said[:i]:
                wrong = f"{approver} stands here twice"
            if wrong:
                yield Found(of("people", handle, "decision", "approvals", i), wrong, "take it out, or ask a member")


def _was_no_member(roster: Roster, handle: str, candidate: str, day: str) -> str | None:
    """Why somebody could not speak for a candidate on a day; None if they could."""
    if handle == candidate:
        return f"{handle} cannot speak for oneself"
    person = roster.people.get(handle)
    if person is None:
        return f"{handle} is nobody here"
    if person.since.isoformat() > day:
        return f"{handle} came on {person.since}, after {day}"
    if person.left is not None and person.left.on.isoformat() <= day:
        return f"{handle} left on {person.left.on}, and {day} was not before"
    return None


def comments_stay_open(fleet: Fleet) -> Iterator[Found]:
    """A proposal stands open for comments for as long as the settings say."""
    if fleet.roster is None:
        return
    least = fleet.roster.settings.comment_days
    for handle, person in people_of(fleet):
        if person.decision is not None and (person.decision.deadline - person.decision.proposed).days < least:
            open_for = (person.decision.deadline - person.decision.proposed).days
            what = f"comments close {open_for} days after {person.decision.proposed}, and {least} are the least"
            yield Found(of("people", handle, "decision", "deadline"), what, "set a later deadline")


def joins_wait_for_comments_and_consent(fleet: Fleet) -> Iterator[Found]:
    """A candidate is asked when comments are closed, and joins after that."""
    for handle, person in people_of(fleet):
        if person.decision is None:
            continue
        consent, deadline = person.decision.consent, person.decision.deadline
        if consent is not None and consent < deadline:
            what = f"{handle} was asked by {consent}, and comments closed on {deadline}"
            yield Found(
                of("people", handle, "decision", "consent"), what, "ask again after that day, and write it down"
            )
        if person.since < max(deadline, consent or deadline):
            what = f"{handle} joins on {person.since}, before comments closed and the candidate said yes"
            yield Found(of("people", handle, "since"), what, f"write {max(deadline, consent or deadline)} or later")


def leavings_follow_joins(fleet: Fleet) -> Iterator[Found]:
    """Nobody leaves before joining."""
    for handle, person in people_of(fleet):
        if person.left is not None and person.left.on < person.since:
            what = f"{handle} left on {person.left.on} and came on {person.since}"
            yield Found(of("people", handle, "left"), what, "mend one of the two days")


def removals_leave_time_to_answer(fleet: Fleet) -> Iterator[Found]:
    """Somebody removed was told a comment time before, unless it was for security."""
    if fleet.roster is None:
        return
    least = fleet.roster.settings.comment_days
    for handle, person in people_of(fleet):
        left = person.left
        if left is None or left.why != "removal":
            continue
        if left.told is None or (left.on - left.told).days < least:
            when = f"was told on {left.told}" if left.told else "was not told"
            what = f"{handle} {when}, and removed on {left.on}"
            yield Found(of("people", handle, "left"), what, f"wait {least} days from `told`, or say `why: security`")


def waivers_are_reviewed(fleet: Fleet) -> Iterator[Found]:
    """A waiver is reviewed by as many members as approve a join."""
    if fleet.roster is None:
        return
    for i, waiver in enumerate(fleet.roster.settings.waivers):
        path = of("settings", "waivers", i, "reviewed_by")
        good = {h for h in waiver.reviewed_by if h in fleet.roster.people and fleet.roster.people[h].left is None}
        bad = sorted(set(waiver.reviewed_by) - good)
        least = fleet.roster.settings.approvals_at_least
        if bad:
            yield Found(path, f"{', '.join(bad)} {'is' if len(bad) == 1 else 'are'} no member", "ask a member")
        elif len(good) < least:
            yield Found(path, f"{len(good)} reviewed it, and {least} are the least", "ask one more member")


RULES = (
    founders_came_first,
    sponsors_are_members,
    approvals_are_of_members,
    comments_stay_open,
    joins_wait_for_comments_and_consent,
    leavings_follow_joins,
    removals_leave_time_to_answer,
    waivers_are_reviewed,
)

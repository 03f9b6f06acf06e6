"""What a change may not do to people: compared with what was there, which no check of the data alone can see. Pure.

A ledger is plain data, as it stands in the engine's state:
`{people: {handle: {github, number, left, since, founder}}, removal_percent, comment_days, waivers: [...]}`, and a
waiver is `{percent, until}`.
Days are text such as 2026-03-01; numbers may come back from the engine as floats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from model.roster import Roster

Ledger = Mapping[str, Any]


def ledger(roster: Roster) -> dict[str, Any]:
    """What is remembered of a roster, so that the next change can be compared with it."""
    settings = roster.settings
    return {
        "people": {
            handle: {
                "github": person.github,
                "number": person.netauth.number if person.netauth else None,
                "left": person.left.on.isoformat() if person.left else None,
                "since": person.since.isoformat(),
                "founder": person.decision is None,
            }
            for handle, person in sorted(roster.people.items())
        },
        "removal_percent": settings.removal_percent,
        "comment_days": settings.comment_days,
        "waivers": [{"percent": w.percent, "until": w.until.isoformat()} for w in settings.waivers],
    }


def problems(before: Ledger | None, after: Ledger, as_of: date) -> tuple[str, ...]:
    """Why a change from one ledger to the next is refused, one sentence each, in a fixed order. Nothing if it is not.

    Without a ledger before, as at the first apply, everything is allowed.
    """
    if not before or not _people(before):
        return ()
    return (
        *_identities(before, after),
        *_reused(before, after),
        *_founders(before, after),
        *_share(before, after, as_of),
    )


def _people(side: Ledger) -> dict[str, Mapping[str, Any]]:
    return dict(sorted((side.get("people") or {}).items()))


def _int(value: Any) -> int | None:
    return None if value is None else int(value)


def _identities(before: Ledger, after: Ledger) -> Iterator[str]:
    now = _people(after)
    for handle, was in _people(before).items():
        if handle not in now:
            yield (
                f"{handle} is gone from the roster: files of people who leave stay, so that nobody is handed the name; "
                f"put people/{handle}.yaml back, with `left:`"
            )
            continue
        for field, noun in (("github", "GitHub id"), ("number", "number in the directory")):
            old, new = _int(was.get(field)), _int(now[handle].get(field))
            if old is not None and new != old:
                yield (
                    f"the {noun} of {handle} changes from {old} to {'nothing' if new is None else new}: under one "
                    f"handle it is one person's for ever; give somebody else another handle"
                )


def _reused(before: Ledger, after: Ledger) -> Iterator[str]:
    for field, noun in (("github", "GitHub id"), ("number", "number in the directory")):
        held = {_int(it.get(field)): handle for handle, it in _people(before).items()}
        for handle, it in _people(after).items():
            value = _int(it.get(field))
            if value is not None and held.get(value, handle) != handle:
                yield f"the {noun} {value} of {handle} was {held[value]}'s: it is never handed out again; take another"


def _founders(before: Ledger, after: Ledger) -> Iterator[str]:
    known = _people(before)
    for handle, it in _people(after).items():
        if handle not in known and it.get("founder"):
            yield (
                f"{handle} is new and came without a decision: founders were there before the first apply; "
                f"write down `sponsor:` and `decision:`"
            )


def _share(before: Ledger, after: Ledger, as_of: date) -> Iterator[str]:
    """Leavings of this change count whatever day they carry; those of changes before count by their day."""
    # The rule as it was: a change that lifts it without a waiver is held to it.
    percent = min(_int(side.get("removal_percent", 25)) or 0 for side in (before, after))
    days = max(_int(side.get("comment_days", 7)) or 0 for side in (before, after))
    then = as_of - timedelta(days=days)
    now = _people(after)
    here, gone = 0, []
    for handle, was in _people(before).items():
        left = was.get("left")
        began = str(was.get("since", "")) <= as_of.isoformat()
        if str(left) > then.isoformat() if left is not None else began:
            here += 1
            if handle not in now or now[handle].get("left") is not None:
                gone.append(handle)
    lifted = [
        _int(waiver.get("percent")) or 0
        for waiver in after.get("waivers") or ()
        if str(waiver.get("until", "")) >= as_of.isoformat()
    ]
    allowed = max([percent, *lifted])
    if len(gone) * 100 > allowed * here:
        yield (
            f"{len(gone)} of {here} people leave within {days} days ({', '.join(gone)}): that is "
            f"{len(gone) * 100 / here:.0f} %, and {allowed} % may; let some go later, or add a reviewed waiver"
        )

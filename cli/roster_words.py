"""A change of the roster as a person sees it before it is written: what follows in words, then the patch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from cli.asking import say
from cli.mistake import Mistake
from cli.places import shown
from cli.roster_files import Draft
from components.roster.rights import rights, roles_of
from components.roster.words import effects
from model import Fleet
from model.roster import Person, Roster
from model.roster_change import ledger, problems


@dataclass(frozen=True)
class Start:
    """When a join begins, and what has to be written down before it does."""

    on: date
    missing: tuple[str, ...]


def roster_of(fleet: Fleet) -> Roster:
    """The roster of a fleet that has one."""
    assert fleet.roster is not None
    return fleet.roster


def person_of(fleet: Fleet, handle: str) -> Person:
    """Somebody of the roster. Raises Mistake for who is not in it."""
    people = roster_of(fleet).people
    if handle not in people:
        here = [name for name, one in sorted(people.items()) if one.left is None]
        raise Mistake(
            handle,
            "is nobody of the roster",
            "a person is a file people/<handle>.yaml",
            f"name one of: {', '.join(here)}; or write somebody new down with `fleet onboard`",
        )
    return people[handle]


def start(fleet: Fleet, handle: str) -> Start:
    """The earliest day on which a join takes effect."""
    person, settings = roster_of(fleet).people[handle], roster_of(fleet).settings
    said = person.decision
    if said is None:
        return Start(person.since, ())
    lacking = settings.approvals_at_least - len(set(said.approvals))
    missing = [f"{lacking} more approval{'s' if lacking > 1 else ''}"] if lacking > 0 else []
    missing += ["the candidate's consent"] if said.consent is None else []
    days = [person.since, said.deadline, said.proposed + settings.comment_time]
    return Start(max([*days, said.consent or person.since]), tuple(missing))


def as_if_decided(fleet: Fleet, handle: str) -> Fleet:
    """The fleet when all that a join waits for is written down: to say what follows from it."""
    roster = roster_of(fleet)
    person = roster.people[handle]
    if person.decision is None:
        return fleet
    least = roster.settings.approvals_at_least
    approvals = (*person.decision.approvals, *(f"approval-{n}" for n in range(least)))
    consent = person.decision.consent or person.decision.deadline
    decision = person.decision.model_copy(update={"approvals": approvals, "consent": consent})
    people = {**roster.people, handle: person.model_copy(update={"decision": decision})}
    return fleet.model_copy(update={"roster": roster.model_copy(update={"people": people})})


def changed(before: Fleet, after: Fleet, on: date) -> tuple[str, ...]:
    """What a change means on a day, sentence by sentence."""
    return effects(rights(before, on), rights(after, on), roles_of(after))


def checked(draft: Draft, as_of: date) -> Fleet:
    """The fleet with the change, when nothing forbids it: not the data's rules, and not the look back at what was."""
    after = draft.after(as_of)
    refused = problems(ledger(roster_of(draft.before)), ledger(roster_of(after)), as_of)
    if refused:
        what, _, way_out = "; ".join(refused).rpartition("; ")
        raise Mistake(
            shown(draft.folder / "roster"),
            what or way_out,
            "a change of people keeps who is who, and is no purge",
            way_out if what else "make it a smaller change; nothing was written",
        )
    return after


def tell(head: str, sentences: Iterable[str]) -> None:
    """What follows, under a heading; says so where nothing does."""
    lines = list(sentences)
    say(head)
    for sentence in lines or ["nothing changes for anybody"]:
        say(f"  - {sentence}")


def finish(draft: Draft, dry_run: bool) -> bool:
    """Show the patch and write it, unless it is only to be looked at. Applies nothing. True if there was anything."""
    patches = draft.patches()
    if not patches:
        say("The data says so already: nothing to write.")
        return False
    for patch in patches:
        print(patch.diff(), end="")
    if not dry_run:
        for patch in patches:
            patch.path.parent.mkdir(parents=True, exist_ok=True)
            patch.write()
        files = ", ".join(shown(patch.path) for patch in patches)
        say(f"wrote {files}: review it, commit it, and the next `up` takes it")
    return True

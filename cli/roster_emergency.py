"""Somebody has to go now: what they have ends first, the others are told, and the patch is left for review."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from cli import roster_leave, roster_now, roster_tell
from cli.asking import say
from cli.mistake import Mistake
from cli.roster_words import person_of
from cli.way_in import WayIn
from model import BadData


def emergency(
    way: WayIn, folder: Path, handle: str, as_of: date, *, instead: Mapping[str, str], yes: bool, seconds: float
) -> bool:
    """Do it. True when every place was reached and the patch is written."""
    person_of(way.fleet, handle)
    if not yes:
        _confirm(way.stack, handle)
    say(f"Taking everything from {handle}, on everything that can be reached (at most {seconds:g} s):")
    report = roster_now.end(way, handle, seconds)
    told = _tell(way, handle, report)
    if report.failed:
        say(f"NOT DONE: {', '.join(report.failed)}. Run it again when they can be reached: what is done stays.")

    return _patch(folder, handle, as_of, instead) and report.well and told


def _confirm(stack: str, handle: str) -> None:
    if not sys.stdin.isatty():
        raise Mistake(
            "--emergency",
            "is not confirmed",
            "it takes everything from a person at once",
            "type the handle at a terminal, or add --yes",
        )
    question = f"Everything is taken from {handle} (stack {stack}) at once. Type the handle: "
    print(question, end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != handle:
        raise Mistake("--emergency", "the handle was not typed", "it is confirmed by it", "nothing was done")


def _tell(way: WayIn, handle: str, report: roster_now.Report) -> bool:
    """Only that it happened and what is left to do: the reason is nothing for a channel."""
    left = f" Not reached yet: {', '.join(report.failed)}." if report.failed else ""
    text = f"{handle}'s access to the fleet was ended at once, for security.{left} A patch follows for review."
    well = True
    calls: tuple[Callable[[], bool], ...] = (
        lambda: roster_tell.channel(way.fleet, text),
        lambda: roster_tell.mail(roster_tell.operators(way.fleet), f"Access of {handle} ended", text),
    )
    for call in calls:
        try:
            call()
        except roster_tell.UntoldError as error:
            say(f"NOT TOLD: {error}. Say it yourself:\n    {text}")
            well = False
    return well


def _patch(folder: Path, handle: str, as_of: date, instead: Mapping[str, str]) -> bool:
    try:
        roster_leave.offboard(folder, handle, "security", as_of, instead=instead)
    except (Mistake, BadData) as refused:
        say(f"What was done so far stays done. The patch for review is not written yet:\n{refused}")
        return False
    return True

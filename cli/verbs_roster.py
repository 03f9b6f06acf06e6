"""The verbs of the roster: who joins, who leaves, who gets a team, and which secrets are made anew."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from cli import roster_emergency as now
from cli import roster_github, roster_join, roster_leave, roster_now, roster_rotate, roster_secrets, roster_welcome
from cli.mistake import Mistake
from cli.places import data_of
from cli.roster_leave import WHYS, Why
from cli.way_in import way_in

Stack = Annotated[str, typer.Option("--stack", "-s", envvar="FLEET_STACK", help="a stack of the project")]
Day = Annotated[datetime | None, typer.Option(metavar="DATE", formats=["%Y-%m-%d"])]
AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", metavar="DATE", formats=["%Y-%m-%d"], help="the day (UTC); none: today"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="show what follows and the patch, and write nothing")]
Many = list[str] | None
WELCOME_DAYS = 30


def onboard(
    handle: str,
    stack: Stack,
    github_id: Annotated[int | None, typer.Option("--github-id", help="numeric id: a login can change")] = None,
    key: Annotated[Many, typer.Option(metavar="[LABEL=]FILE", help="public ssh key (- is standard input)")] = None,
    team: Annotated[Many, typer.Option(metavar="TEAM", help="as a member")] = None,
    maintainer_of: Annotated[Many, typer.Option(metavar="TEAM", help="as a maintainer")] = None,
    sponsor: Annotated[str | None, typer.Option(metavar="HANDLE", help="who sees the join through")] = None,
    proposal: Annotated[str | None, typer.Option(metavar="URL", help="where comments are made")] = None,
    proposed: Day = None,
    since: Day = None,
    approval: Annotated[Many, typer.Option(metavar="HANDLE", help="who approved; also later on")] = None,
    consent: Day = None,
    welcome: Annotated[bool, typer.Option(help="whether the join is told when it has begun")] = True,
    as_of: AsOf = None,
    dry_run: DryRun = False,
) -> None:
    """Write down who joins: a patch with all that follows from it. Run again for approvals and consent."""
    asked = roster_join.Asked(
        handle,
        github_id,
        key or (),
        team or (),
        maintainer_of or (),
        sponsor,
        proposal,
        _day(proposed),
        _day(since),
        approval or (),
        _day(consent),
        welcome,
    )
    roster_join.onboard(data_of(stack), asked, _today(as_of), dry_run)


def offboard(
    handle: str,
    stack: Stack,
    why: Annotated[str | None, typer.Option(metavar="|".join(WHYS), help="why")] = None,
    on: Day = None,
    told: Annotated[
        datetime | None,
        typer.Option(metavar="DATE", formats=["%Y-%m-%d"], help="of a removal: when they were told of it"),
    ] = None,
    instead: Annotated[
        Many, typer.Option(metavar="WHAT=HANDLE", help="who answers for a team, or is required, from now on")
    ] = None,
    emergency: Annotated[
        bool, typer.Option("--emergency", help="end everything of theirs at once; the patch comes after")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="of an emergency: do not ask for the handle")] = False,
    wait: Annotated[float, typer.Option(help="of an emergency: seconds that no place may take longer than")] = 60.0,
    as_of: AsOf = None,
    dry_run: DryRun = False,
) -> None:
    """Write down who leaves: a patch, all that follows from it, and which secrets to make anew."""
    others = dict(_pair(word) for word in instead or ())
    place, day = data_of(stack), _today(as_of)
    if emergency:
        if dry_run or why not in (None, "security"):
            raise Mistake(
                "--emergency",
                "goes with no --dry-run and no other --why",
                "it is for security, and at once",
                "leave it out",
            )
        if not now.emergency(way_in(stack), place, handle, day, instead=others, yes=yes, seconds=wait):
            raise typer.Exit(1)
        return
    roster_leave.offboard(place, handle, _why(why), day, on=_day(on), told=_day(told), instead=others, dry_run=dry_run)


def grant(
    handle: str,
    team: str,
    stack: Stack,
    maintainer: Annotated[bool, typer.Option("--maintainer", help="as a maintainer of it")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="take the team away")] = False,
    as_of: AsOf = None,
    dry_run: DryRun = False,
) -> None:
    """Give a person a team, or take it away: a patch with all that follows from it."""
    if maintainer and remove:
        raise Mistake("--maintainer --remove", "say two things", "a team is given or taken", "name one of the two")
    place, day = data_of(stack), _today(as_of)
    roster_leave.grant(place, handle, team, day, maintainer=maintainer, remove=remove, dry_run=dry_run)


def rotate(
    stack: Stack,
    secret: Annotated[str | None, typer.Argument(metavar="SECRET", help="none: show all of them")] = None,
    done: Annotated[bool, typer.Option("--done", help="it is made anew: only write it down")] = False,
    not_to: Annotated[
        Many, typer.Option(metavar="HANDLE", help="who knew it beside their teams, and is not told the new one")
    ] = None,
    holder: Annotated[
        Many, typer.Option(metavar="HANDLE", help="of unseal shares: each who holds one from now on; none: as before")
    ] = None,
    shares_to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="of unseal shares: one file for each holder")
    ] = None,
    pgp_keys: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="of unseal shares: encrypt each for <holder>.asc")
    ] = None,
    as_of: AsOf = None,
    dry_run: DryRun = False,
) -> None:
    """Show shared secrets and who knows them; or make one anew and write that down."""
    place, day = data_of(stack), _today(as_of)
    fleet = roster_secrets.loaded(place)
    if secret is None:
        print(roster_secrets.table(fleet))
        return
    one = roster_secrets.named(fleet, secret)
    if not done and not dry_run:
        roster_rotate.rotate(stack, one, roster_rotate.Shares(holder or (), shares_to, pgp_keys))
    roster_secrets.mark(place, secret, day, holders=holder or (), not_to=not_to or (), dry_run=dry_run)


def settle(
    stack: Stack,
    wait: Annotated[float, typer.Option(help="seconds that no place may take longer than")] = 60.0,
    as_of: AsOf = None,
) -> None:
    """After an `up` in which somebody left: end sessions, what sudo remembers, and tokens that are left of theirs."""
    way = way_in(stack)
    roster_secrets.loaded(data_of(stack))
    if not roster_now.settle(way, _today(as_of), wait).well:
        raise typer.Exit(1)


def welcome(
    stack: Stack,
    since: Annotated[
        datetime | None,
        typer.Option(metavar="DATE", formats=["%Y-%m-%d"], help=f"joins since then; none: of {WELCOME_DAYS} days"),
    ] = None,
    as_of: AsOf = None,
) -> None:
    """After an `up` in which a join took effect: close its issue with a word, and tell the channel. Each once."""
    day, fleet = _today(as_of), roster_secrets.loaded(data_of(stack))
    name = roster_github.organisation(fleet)
    if name is None:
        raise Mistake(
            "github", "no organisation is declared", "joins are told in one of its issues", "add roster/github.yaml"
        )
    earliest = _day(since) or day - timedelta(days=WELCOME_DAYS)
    if not roster_welcome.welcome(fleet, roster_github.Github(name), day, earliest):
        raise typer.Exit(1)


def add(app: typer.Typer) -> None:
    """Make these verbs known."""
    for verb in (onboard, offboard, grant, rotate, settle, welcome):
        app.command()(verb)


def _today(given: datetime | None) -> date:
    return given.date() if given is not None else datetime.now(UTC).date()


def _day(given: datetime | None) -> date | None:
    return None if given is None else given.date()


def _why(word: str | None) -> Why:
    for known in WHYS:
        if word == known:
            return known
    raise Mistake(
        f"--why {word or ''}".rstrip(), "says no reason", "a leaving has one of four reasons", f"say {', '.join(WHYS)}"
    )


def _pair(word: str) -> tuple[str, str]:
    what, equals, handle = word.partition("=")
    if not equals or not what or not handle:
        raise Mistake(f"--instead {word}", "is no pair", "it names what, and who", "write --instead TEAM=HANDLE")
    return what, handle

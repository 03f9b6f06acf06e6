"""The commands of `fleet`. Each prints what it did, or what a person has to mend, and never a traceback for that."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli import certificates as shown_certificates
from cli import drawing as pictures
from cli import verbs_access, verbs_daily, verbs_roster
from cli.machines import table
from cli.mistake import Mistake
from cli.places import ROOT, data_of, folder, folders, outputs, shown
from cli.record import Patch, patch, without_stale
from model import BadData, Fleet, load
from model.expiry import hazards_by_date
from servers import ApiError

app = typer.Typer(
    name="fleet",
    help="What a maintainer asks beside `pulumi`: of the data, and of the control plane.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Stack = Annotated[str, typer.Option("--stack", "-s", envvar="FLEET_STACK", help="a stack of the project")]
Outputs = Annotated[
    str | None, typer.Option("--from", metavar="FILE", help="the output `hosts` as JSON (- is standard input)")
]


@app.command()
def check(
    stacks: Annotated[
        list[str] | None, typer.Argument(help="stacks or folders; none: every stack", metavar="STACK|FOLDER")
    ] = None,
    as_of: Annotated[
        datetime | None, typer.Option("--as-of", metavar="DATE", help="the day it is meant for (UTC); none: now")
    ] = None,
) -> None:
    """Say whether the data is right: every problem with its file, line, rule and way out; and what ends soon."""
    wrong = False
    moment = as_of.replace(tzinfo=UTC) if as_of else shown_certificates.now()
    for place in [folder(word) for word in stacks] if stacks else folders():
        try:
            fleet = load(place, moment.date())
        except BadData as bad:
            wrong = True
            print(bad, file=sys.stderr)
            continue
        kinds = f"{len(fleet.machines)} machines, {len(fleet.managed)} managed"
        print(f"{shown(place)}: right ({kinds}, {len(fleet.peers)} on the fabric, {len(fleet.zones)} zones)")
        for hazard in hazards_by_date(fleet, moment):
            print(f"{shown(place)}: hazard: {hazard.text}")
    if wrong:
        raise typer.Exit(1)


@app.command()
def record(
    stack: Stack,
    from_: Outputs = None,
    replace: Annotated[list[str] | None, typer.Option(metavar="HOST", help="its recorded keys may change")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show the patch and write nothing")] = False,
) -> None:
    """Write down keys and addresses born on the machines, as a patch to review and commit. Applies nothing."""
    change = patch(data_of(stack), outputs(stack, from_), replace or ())
    if change.silent:
        print(f"not known yet, so not recorded: {', '.join(change.silent)}", file=sys.stderr)
    _written(change, dry_run)


def _written(change: Patch, dry_run: bool) -> None:
    if change.before == change.after:
        print(f"{shown(change.path)}: nothing new to record")
        return
    print(change.diff(), end="")
    if not dry_run:
        change.write()
        print(f"wrote {shown(change.path)}: review it, commit it, and the next preview takes it", file=sys.stderr)


@app.command()
def certificates(
    stack: Stack,
    record_: Annotated[
        bool, typer.Option("--record", help="write down when they end, for plans to warn of it")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show the patch and write nothing")] = False,
) -> None:
    """Show when each certificate ends, as a client sees it and as the data have it; or write that down."""
    place = data_of(stack)
    fleet = load(place)
    seen = shown_certificates.look(fleet, _trusted(fleet))
    if not record_:
        print(shown_certificates.table(fleet, seen, shown_certificates.now()))
        return
    change = shown_certificates.patch(place, fleet, seen)
    if change.silent:
        print(f"not seen, so left as it was recorded: {', '.join(change.silent)}", file=sys.stderr)
    _written(change, dry_run)


def _trusted(fleet: Fleet) -> str | None:
    variable = fleet.control.acme.trust_env if fleet.control else None
    return os.environ.get("SSL_CERT_FILE") or (os.environ.get(variable) if variable else None) or None


@app.command()
def machines(stack: Stack, from_: Outputs = None) -> None:
    """Show each machine of a stack: address, fabric address, and whether its keys are recorded."""
    print(table(without_stale(data_of(stack)), outputs(stack, from_)))


@app.command()
def drawing(
    stack: Annotated[str | None, typer.Argument(help="a stack; none: every stack")] = None,
    check_only: Annotated[bool, typer.Option("--check", help="fail where the picture is not up to date")] = False,
) -> None:
    """Draw the fleet from the data into docs/fleet-<stack>.svg."""
    for place in [folder(stack)] if stack else folders():
        file = pictures.target(ROOT, place.resolve().name)
        text = pictures.draw(load(place))
        same = file.is_file() and file.read_text(encoding="utf-8") == text
        if check_only and not same:
            raise Mistake(
                shown(file), "is not the fleet of the data", "the picture is drawn from the data", "run `fleet drawing`"
            )
        if not same:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        print(f"{shown(file)}: {'up to date' if same else 'drawn'}")


verbs_access.add(app)
verbs_daily.add(app)
verbs_roster.add(app)


def main() -> None:
    """Run a command; what a person can mend is printed and ends with exit code 1."""
    try:
        app()
    except (BadData, Mistake, ApiError) as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("fleet: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()

"""The commands of `fleet`. Each prints what it did, or what a person has to mend, and never a traceback for that."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cli import drawing as pictures
from cli import verbs_access, verbs_daily
from cli.machines import table
from cli.mistake import Mistake
from cli.places import ROOT, data_of, folder, folders, outputs, shown
from cli.record import patch, without_stale
from model import BadData, load
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
) -> None:
    """Say whether the data is right: every problem with its file, line, rule and way out."""
    wrong = False
    for place in [folder(word) for word in stacks] if stacks else folders():
        try:
            fleet = load(place)
        except BadData as bad:
            wrong = True
            print(bad, file=sys.stderr)
            continue
        kinds = f"{len(fleet.machines)} machines, {len(fleet.managed)} managed"
        print(f"{shown(place)}: right ({kinds}, {len(fleet.peers)} on the fabric, {len(fleet.zones)} zones)")
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
    if change.before == change.after:
        print(f"{shown(change.path)}: nothing new to record")
        return
    print(change.diff(), end="")
    if not dry_run:
        change.write()
        print(f"wrote {shown(change.path)}: review it, commit it, and the next preview takes it", file=sys.stderr)


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

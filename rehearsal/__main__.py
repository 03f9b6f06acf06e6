"""`python -m rehearsal up|status|check|clean|preview`: what the Makefile's targets call."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Do one verb; 0 when all was well, 1 when something failed and was said by name."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up", help="bring all up, apply the program, look at it as a user would, leave it running")
    verbs.add_parser("check", help="look at the running rehearsal as a user would")
    verbs.add_parser("status", help="what runs")
    verbs.add_parser("clean", help="remove every trace, also after a crash")
    plan = verbs.add_parser("preview", help="the plan of a stack on the embedded cloud: no root, no credentials")
    plan.add_argument("stack", choices=["prod", "local"])
    plan.add_argument("--json", type=Path, metavar="FILE", help="write Pulumi's JSON there and print nothing")
    chosen = parser.parse_args()
    if chosen.verb == "preview":
        return _preview(chosen.stack, chosen.json)
    from cli.mistake import Mistake
    from rehearsal.control import NotOpenError
    from rehearsal.place import CannotRunError
    from rehearsal.preview import PreviewError
    from rehearsal.testhosts.settings import RehearsalError
    from servers import ApiError

    try:
        verb = {"up": _up, "check": _check, "status": _status, "clean": _clean}[chosen.verb]
        return verb()
    except (CannotRunError, PreviewError, RehearsalError, NotOpenError, ApiError, Mistake) as problem:
        print(f"rehearsal: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("rehearsal: interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def _preview(stack: str, file: Path | None) -> int:
    from rehearsal.preview import PreviewError, preview

    try:
        return preview(stack, json_file=file)
    except PreviewError as problem:
        print(f"preview: {problem}", file=sys.stderr)
        return 1


def _up() -> int:
    from model import load
    from rehearsal import driver, place, report

    outcome = driver.up()
    report.applied(outcome, len(load(place.STACKS).managed))
    if outcome.code != 0:
        return 1
    return _check()


def _check() -> int:
    from model import load
    from rehearsal import checks, checks_control, checks_front, control, driver, engine, logins, place, report
    from rehearsal.testhosts import network, settings
    from toolchain.progress import Estimate, Progress

    driver.require_machine()
    at = place.place()
    found = driver.outputs(at)
    if not found:
        print("rehearsal: nothing runs here; `make rehearsal` brings it up", file=sys.stderr)
        return 1
    fleet = load(place.STACKS)
    operator = checks.Operator(at.key, at.run / "operator" / "known_hosts", found)
    with Progress("looking at it as a user would", Estimate(6.0)) as progress:
        progress.doing = "logins, fabric, ports, records"
        results = network.from_internet(
            lambda: [*checks.hosts(fleet, operator), checks.zones(fleet, found, settings.dns4())]
        )
        login = None
        if fleet.control is not None:
            progress.doing = "quorums, agents, services, public names"
            there = control.doors(engine.STACK, fleet, found, at.key.parent)
            person = control.operator_of(fleet, logins.who_logs_in(fleet))
            login = (person, there.password_file(person).relative_to(at.run))
            results += network.from_internet(
                lambda: control.patiently(
                    lambda: checks_control.control(fleet, there, control.tokens(there, person, fleet), found)
                )
            )
        if fleet.front is not None:
            progress.doing = "public names at the mirrors"
            results.append(network.from_internet(lambda: checks_front.names(fleet, found, at.env["FLEET_ACME_CA"])))
    good = report.checked(results)
    report.next_steps(found, next(iter(sorted(fleet.zones)), ""), login)
    return 0 if good else 1


def _status() -> int:
    from rehearsal import place
    from rehearsal.preview import answers
    from rehearsal.testhosts import hosts

    at = place.place()
    standing = answers(at.socket)
    print(f"embedded cloud: {'answers' if standing else 'does not run'} ({at.socket})")
    print(f"test hosts: {', '.join(sorted(hosts.running())) or 'none'}")
    print(f"resources in the state: {len(at.resources())}")
    return 0 if standing else 1


def _clean() -> int:
    from rehearsal import driver

    left = driver.clean_up()
    for one in left:
        print(f"could not be removed: {one}", file=sys.stderr)
    if not left:
        print("nothing of a rehearsal is left")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())

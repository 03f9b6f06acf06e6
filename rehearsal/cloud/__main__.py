"""`python -m rehearsal.cloud serve|home|ask`: the embedded cloud from the command line."""

import argparse
import json
import sys
from pathlib import Path

from providers.base.resource import ProviderError
from rehearsal.cloud.daemon import PACKAGES, Cloud, ask
from rehearsal.cloud.errors import RehearsalError
from rehearsal.cloud.home import write_home


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.cloud", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="run the daemon")
    serving.add_argument("--run", type=Path, required=True, help="the rehearsal's folder")
    serving.add_argument(
        "--plan-only", action="store_true", help="keep state only: no test hosts, no DNS, no root needed"
    )
    serving.add_argument("--api", metavar="ADDRESS", help="answer DigitalOcean's HTTP interface to records there")
    home = commands.add_parser("home", help="write the rehearsal's PULUMI_HOME")
    home.add_argument("folder", type=Path)
    asking = commands.add_parser("ask", help="ask a running daemon: ping, state, stop")
    asking.add_argument("--run", type=Path, required=True)
    asking.add_argument("question", choices=["ping", "state", "stop"])
    given = parser.parse_args()
    try:
        if given.command == "serve":
            Cloud(given.run.resolve(), plan_only=given.plan_only, api=given.api).serve()
        elif given.command == "home":
            write_home(given.folder.resolve(), PACKAGES)
        else:
            print(json.dumps(ask(given.run.resolve() / "cloud.sock", {"cmd": given.question}), indent=1))
    except (RehearsalError, ProviderError) as error:
        print(f"embedded cloud: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

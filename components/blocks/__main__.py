"""Print a service's job as Nomad takes it: `python -m components.blocks job man-cgi --stack prod`.

To plan it by hand: `make job NAME=man-cgi STACK=prod | nomad job plan -json -`.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from components.blocks import job
from model import BadData, load

STACKS = Path(__file__).resolve().parents[2] / "stacks"


def main() -> int:
    """Print one job, or say what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m components.blocks", description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    printed = verbs.add_parser("job", help="print the job of a service")
    printed.add_argument("name")
    printed.add_argument("--stack", default="local", help="a stack's name, or a folder")
    asked = parser.parse_args()
    folder = STACKS / asked.stack if (STACKS / asked.stack).is_dir() else Path(asked.stack)
    try:
        fleet = load(folder)
    except BadData as bad:
        print(bad, file=sys.stderr)
        return 1
    if asked.name not in fleet.services:
        close = difflib.get_close_matches(asked.name, fleet.services, 3)
        hint = f"did you mean {', '.join(close)}?" if close else f"known: {', '.join(sorted(fleet.services)) or 'none'}"
        print(f"{folder} has no service {asked.name}: {hint}", file=sys.stderr)
        return 1
    print(job(fleet, asked.name).to_json(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How a person is asked for what must not stand in a command line: at the terminal, else from standard input."""

from __future__ import annotations

import getpass
import os
import sys

from cli.mistake import Mistake


def say(text: str) -> None:
    """A line for the person, at once, and never where a shell would read it."""
    print(text, file=sys.stderr, flush=True)


def secret(what: str) -> str:
    """A secret, not shown while it is typed."""
    try:
        # getpass opens the terminal itself, so standard output may be read by a shell meanwhile.
        given = getpass.getpass(f"{what}: ", stream=sys.stderr) if sys.stdin.isatty() else sys.stdin.readline()
    except EOFError:
        given = ""
    given = given.rstrip("\r\n")
    if not given:
        raise Mistake(
            what,
            "nothing was given",
            "a secret is typed at a terminal or comes on standard input, never in a command line",
            "run it again at a terminal, or give it one line on standard input",
        )
    return given


def secrets(what: str) -> list[str]:
    """One secret from a terminal; from standard input every line that is there."""
    if sys.stdin.isatty():
        return [secret(what)]
    return [line.strip() for line in sys.stdin if line.strip()] or [secret(what)]


def name(given: str | None) -> str:
    """The person's name in the fleet: as given, else as this machine knows them."""
    found = given or os.environ.get("FLEET_USER") or getpass.getuser()
    if not found or "/" in found:
        raise Mistake("--as", f"{found!r} is no name", "a person's name is one word", "name yourself with --as NAME")
    return found

"""Tokens on their way to a person's shell: a shell of their own at a terminal, `export` lines for `eval` elsewhere."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping

from cli.asking import say
from cli.way_in import ADDRESS, SYSTEMS, TOKEN, WayIn
from providers.netauth.calls import TOKEN as PEOPLE


def surroundings(way: WayIn, tokens: Mapping[str, str], note: str) -> dict[str, str]:
    """What the environment of a logged-in person holds: where the systems are, the tokens, and of which stack."""
    addresses = {ADDRESS[system]: way.url(system) for system in SYSTEMS}
    return {**addresses, **tokens, "FLEET_STACK": way.stack, "FLEET_LOGIN": note}


def exports(names: Mapping[str, str]) -> str:
    """Lines that a shell takes in with `eval`."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in names.items())


def unsets() -> str:
    """Lines that take a login out of a shell again."""
    names = [*(TOKEN[system] for system in SYSTEMS), *(ADDRESS[system] for system in SYSTEMS), PEOPLE, "FLEET_LOGIN"]
    return f"unset {' '.join(names)}\n"


def hand_over(names: Mapping[str, str]) -> bool:
    """Give the names to a shell: a new one at a terminal, which has ended when this returns True."""
    if not sys.stdout.isatty():
        print(exports(names), end="", flush=True)
        return False
    # An older login of the outer shell must not shine through where this one has no token.
    kept = {name: value for name, value in os.environ.items() if name not in (*TOKEN.values(), PEOPLE)}
    subprocess.call([os.environ.get("SHELL") or "/bin/sh"], env={**kept, **names})
    return True


def clock(at: float) -> str:
    """A time of today, as a person reads it."""
    return time.strftime("%H:%M", time.localtime(at))


def lasting(seconds: float) -> str:
    """How long something lasts, roughly."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"


def told(person: str, ends: float) -> str:
    """The note that a login leaves in the environment."""
    text = f"{person}, until {clock(ends)}"
    say(f"{text} ({lasting(ends - time.time())})")
    return text

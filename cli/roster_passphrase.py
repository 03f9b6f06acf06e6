"""Another passphrase for a stack's state: the engine's own command, which takes it on standard input."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from cli import places
from cli.asking import say, secret
from cli.mistake import Mistake

VALUE, FILE = "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"
LEAST = 16


def asked() -> tuple[dict[str, str], str]:
    """The environment that opens the state now, and the new passphrase, asked for twice at a terminal."""
    environment = dict(os.environ)
    if not (environment.get(VALUE) or environment.get(FILE)):
        environment[VALUE] = secret("Present passphrase of the state")
    new = secret("New passphrase")
    if sys.stdin.isatty() and secret("The same again") != new:
        raise Mistake("new passphrase", "was typed in two ways", "it is typed the same twice", "run it again")
    if len(new) < LEAST:
        raise Mistake(
            "new passphrase", f"has {len(new)} characters", f"a passphrase has {LEAST} or more", "take a longer one"
        )
    if environment.get(VALUE) == new:
        raise Mistake("new passphrase", "is the present one", "whoever left knows that", "take another")
    return environment, new


def change(stack: str, environment: Mapping[str, str], new: str) -> None:
    """Encrypt a stack's state and settings anew, and see that the new passphrase opens them. Raises Mistake."""
    say(f"The engine encrypts the state and the settings of {stack} anew ...")
    _run(["stack", "change-secrets-provider", "passphrase", "--stack", stack], environment, f"{new}\n")
    opened = {key: value for key, value in environment.items() if key not in (VALUE, FILE)} | {VALUE: new}
    _run(["stack", "export", "--show-secrets", "--stack", stack], opened, "")
    say(f"The new passphrase opens the state of {stack}. Pulumi.{stack}.yaml goes with it: commit it at once,")
    say(
        "for without it nobody opens the state. Copies and backups of the old state still open with the old passphrase:"
    )
    say("delete them where nobody needs them, and make anew what secrets they hold.")


def _run(words: list[str], environment: Mapping[str, str], given: str) -> None:
    command = ["pulumi", *words, "--non-interactive"]
    try:
        done = subprocess.run(
            command,
            cwd=places.ROOT,
            env=dict(environment),
            input=given,
            # An export holds every secret in clear: it is read by nobody.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise Mistake("pulumi", "is not on PATH", "the engine keeps the state", "run `. ./activate` first") from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it said nothing"]
        raise Mistake(
            f"pulumi {' '.join(words[:2])}",
            said[-1].removeprefix("error: "),
            "the present passphrase opens the state, and the new one after it",
            f"see that {VALUE} (or {FILE}) is the present one; which one holds: pulumi stack export",
        )

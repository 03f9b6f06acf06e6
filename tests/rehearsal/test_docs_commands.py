"""What the tour tells a reader to try on the running rehearsal, typed as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import time

import pytest

from rehearsal.checks import WELL_SECONDS
from tests.docs import reading

pytestmark = [pytest.mark.rehearsal, pytest.mark.usefixtures("rehearsed")]


def block_of_the_tour() -> list[str]:
    """The commands of the block after "With the rehearsal running"."""
    tour = (reading.ROOT / "docs/tour.md").read_text(encoding="utf-8")
    before, after = tour.split("With the rehearsal running", 1)
    return reading.blocks("docs/tour.md", "\n" * before.count("\n") + after)[0].commands


# What a reader types first: the other lines are for the shell that these make.
_FIRST = block_of_the_tour()[:2]


def typed(command: str) -> subprocess.CompletedProcess[str]:
    """A command in a bash that sourced ./activate and logged in, with nobody there to answer a question."""
    kept = ("PATH", "HOME", "FLEET_CACHE", "FLEET_RUN", "LANG")
    surroundings = {name: os.environ[name] for name in kept if name in os.environ} | {"NO_COLOR": "1"}
    return subprocess.run(
        ["bash", "--norc", "-c", " && ".join((*_FIRST, command))],
        cwd=reading.ROOT, env=surroundings, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240,
    )  # fmt: skip


def test_the_block_is_the_one_that_is_meant() -> None:
    commands = block_of_the_tour()
    assert commands[0] == ". ./activate"
    assert {command.split()[0] for command in commands} == {".", "eval", "fleet", "pulumi", "pyinfra", "dig"}


@pytest.mark.parametrize("command", block_of_the_tour())
def test_a_command_of_the_tour_works(command: str) -> None:
    done = typed(command)
    # It says what is not well at this moment, and the tests before this one have just changed services.
    end = time.monotonic() + WELL_SECONDS
    while command == "fleet status" and done.returncode and time.monotonic() < end:
        time.sleep(2)
        done = typed(command)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    if command.startswith("pulumi preview"):
        # Nothing was changed since the fleet was brought up, so there is nothing to do and nothing drifted.
        assert not re.search(r"\d+ to (create|update|replace|delete)", done.stdout), done.stdout
        assert re.search(r"\d+ unchanged", done.stdout), done.stdout
    if command.startswith("dig"):
        assert "status: NOERROR" in done.stdout
        assert re.search(r"^mirrors\.fleet\.example\.\s+\d+\s+IN\s+A\s+10\.77\.", done.stdout, flags=re.M), done.stdout


def test_a_command_that_fails_is_seen() -> None:
    assert typed("pulumi preview -s nowhere").returncode != 0

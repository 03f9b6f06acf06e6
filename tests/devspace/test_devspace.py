"""The devspace matrix and its promises as tests: each part runs in namespaces of its own and prints its table."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.devspace.cells import all_cells, entitled, expected, wrong
from tests.devspace.doors import PERSONAS, Cell, Door, Result, Who
from tests.devspace.rig import missing
from tests.devspace.ways import WAYS
from toolchain.places import ROOT, TOOLCHAIN

HOST, DEVSPACE = Door("host", "host", "192.0.2.1", 22), Door("devspace", "devspace", "192.0.2.1", 2022)
PEOPLE = [Who(persona, persona, {}) for persona in PERSONAS]


def test_the_cells_are_many_and_nobody_gets_a_shell_by_devspace() -> None:
    cells = all_cells((HOST, DEVSPACE), PEOPLE)
    assert len(cells) == len(set(cells)) == len(WAYS) * 2 * 8 >= 300
    granted = {cell.way for cell in entitled(cells) if cell.door == DEVSPACE}
    assert granted.isdisjoint(
        {"exec", "pty", "-L", "-R", "-D", "-W", "tunnel", "X11", "rsync", "scp by exec", "outside"}
    )
    assert {cell.who.persona for cell in entitled(cells) if cell.door == DEVSPACE} == {"devspace", "both"}


def test_a_cell_that_is_other_than_it_must_be_is_red() -> None:
    cell = Cell("exec", DEVSPACE, PEOPLE[0])
    assert wrong({cell: expected(cell)}) == {}
    assert list(wrong({cell: Result(True, True)})) == [cell]
    assert list(wrong({cell: Result(False, False)})) == [cell]


@pytest.mark.servers
def test_the_programs_own_tests_pass() -> None:
    words = ["go", "test", "-mod=readonly", "./..."]
    done = subprocess.run(words, cwd=TOOLCHAIN / "fleet-devspace", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.servers
@pytest.mark.parametrize("part", ["matrix", "some-swapped", "promises"])
def test_what_devspace_is_for_and_what_it_must_never_do(part: str) -> None:
    if why := missing():
        pytest.skip(why)
    done = subprocess.run(
        [sys.executable, "-m", "tests.devspace", part],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]

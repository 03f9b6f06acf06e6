"""The bench measures what it says, on data that the program takes, and never fails because something is slow."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from components.ground import desired_states
from model import load
from tests.bench import __main__ as bench
from tests.bench import floor, plans
from tests.bench.fleets import generate
from tests.bench.measure import run


@pytest.mark.parametrize("size", [1, 10, 60])
def test_a_generated_fleet_is_right_and_whole(size: int, tmp_path: Path) -> None:
    names = generate(tmp_path, size)
    fleet = load(tmp_path)
    assert sorted(fleet.managed) == names
    assert len(names) == size
    states = desired_states(fleet)
    assert all(not state["fabric"]["joining"] for state in states.values()), "all are recorded, so the state is linear"


def test_a_run_is_measured_with_its_children(tmp_path: Path) -> None:
    busy = "import time; data = bytearray(60_000_000); end = time.time() + 0.8\nwhile time.time() < end: pass"
    argv = ["sh", "-c", f"{sys.executable} -c '{busy}'; true"]
    found = run(argv, env=os.environ, cwd=tmp_path)
    assert found.failed == ""
    assert found.seconds >= 0.8
    if sys.platform == "linux":
        assert found.peak > 60_000_000
        assert sum(found.cpu.values()) > 0.03


def test_what_fails_or_takes_too_long_says_so_and_raises_nothing(tmp_path: Path) -> None:
    assert (
        "exit code 3: error: why"
        in run(["sh", "-c", "echo error: why >&2; exit 3"], env=os.environ, cwd=tmp_path).failed
    )
    assert "not done after 1 s" in run(["sleep", "60"], env=os.environ, cwd=tmp_path, most=1).failed
    assert run(["/nowhere/at/all"], env=os.environ, cwd=tmp_path).failed


def test_the_floor_registers_as_many_resources(tmp_path: Path) -> None:
    folder = floor.project(tmp_path, components=13, custom=30, python=sys.executable)
    program = (folder / "__main__.py").read_text()
    assert program.startswith("COMPONENTS, CUSTOM = 13, 30\n")
    compile(program, "__main__.py", "exec")
    assert os.access(folder / "plugin" / "pulumi-resource-floor", os.X_OK)


def test_the_table_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = plans.Row(10, 3, 45, 8.0, 4.0, 3 * 10**8, 2 * 10**8, 120_000, {"program": 1.0}, {"engine": 0.5})
    text = "\n".join(bench._plans([whole, plans.Row(100, failed="the preview failed: no engine")]))
    assert "| 10 | 45 | 8.00 s | 4.00 s | 2.00 | 300.0 MB | 200.0 MB | 120.0 kB | 12.0 kB |" in text
    assert "| 100 | the preview failed: no engine |" in text
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "skipped: needs root" in "\n".join(bench._hosts(left_out=False))

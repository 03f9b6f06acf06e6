"""Processes are found by id and start time, and never mixed up with others."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.testhosts import processes, settings
from rehearsal.testhosts.processes import Process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which only Linux has")
SLEEP = ["/bin/sleep", "60"]


@pytest.fixture(autouse=True)
def own_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FLEET_RUN", str(tmp_path / "run"))
    yield
    processes.end(processes.survivors())


def test_a_name_with_parentheses_does_not_confuse() -> None:
    fields = processes.stat_fields("12 (a) (b c)) S 1 " + " ".join(str(n) for n in range(5, 53)))
    assert fields[:2] == ["S", "1"]


def test_a_spawned_process_is_on_record_and_carries_the_mark() -> None:
    one = processes.spawn("sleeper", SLEEP)
    assert processes.recorded() == {"sleeper": one}
    assert processes.survivors() == [one]
    assert processes.end([one]) == []
    assert not processes.alive(one)
    assert processes.survivors() == []


def test_a_process_without_a_record_is_found_by_its_mark() -> None:
    one = processes.spawn("sleeper", SLEEP)
    (settings.run() / "pids" / "sleeper.json").unlink()
    assert processes.survivors() == [one]


def test_the_same_pid_with_another_start_is_somebody_else() -> None:
    one = processes.spawn("sleeper", SLEEP)
    impostor = Process(one.pid, one.starttime - 1)
    assert not processes.alive(impostor)
    assert not processes.send(impostor, 9)
    assert processes.end([impostor]) == []
    assert processes.alive(one)


def test_another_rehearsals_processes_are_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one = processes.spawn("sleeper", SLEEP)
    with monkeypatch.context() as other:
        other.setenv("FLEET_RUN", str(tmp_path / "run-2"))
        assert processes.survivors() == []
    assert processes.survivors() == [one]


def test_who_asks_is_spared() -> None:
    asked = subprocess.run(
        [sys.executable, "-c", "from rehearsal.testhosts import processes; print(processes.survivors())"],
        env={**os.environ, processes.VARIABLE: str(settings.run()), "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.strip() == "[]"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "starttime": 2}'])
def test_a_broken_record_is_no_record(content: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text(content)
    assert processes.read_record(path) is None


def test_a_stubborn_process_ends_too() -> None:
    ready = settings.folder() / "ready"
    one = processes.spawn("stubborn", ["/bin/sh", "-c", f"trap '' TERM; : >'{ready}'; while :; do sleep 1; done"])
    end = time.monotonic() + 60
    while not ready.exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert ready.exists()
    assert processes.end([one], grace=0.1) == []

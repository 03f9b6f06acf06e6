"""`fleet log HOST`: the script that reads a host's logs, run here on made-up logs."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from cli.host_log import SCRIPT


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    for name in ("fleet-nomad", "fleet-vault", "sshd"):
        (tmp_path / name).mkdir()
        lines = "".join(f"2026-11-24 {name} says {n}\n" for n in range(1, 6))
        (tmp_path / name / "current").write_text(lines)
    return tmp_path


def script(logs: Path, lines: int, *services: str) -> subprocess.CompletedProcess[str]:
    words = ["sh", "-c", SCRIPT, "log", str(lines), "no", str(logs), *services]
    return subprocess.run(words, capture_output=True, text=True, timeout=60)


def test_all_of_the_fleets_own_come_with_their_name(logs: Path) -> None:
    assert script(logs, 2).stdout.splitlines() == [
        "nomad: 2026-11-24 fleet-nomad says 4",
        "nomad: 2026-11-24 fleet-nomad says 5",
        "vault: 2026-11-24 fleet-vault says 4",
        "vault: 2026-11-24 fleet-vault says 5",
    ]


@pytest.mark.parametrize("name", ["vault", "fleet-vault"])
def test_one_can_be_named_with_or_without_the_fleets_prefix(logs: Path, name: str) -> None:
    assert script(logs, 1, name).stdout == "vault: 2026-11-24 fleet-vault says 5\n"


def test_any_other_service_can_be_named_too(logs: Path) -> None:
    assert script(logs, 1, "sshd").stdout == "sshd: 2026-11-24 sshd says 5\n"


def test_what_has_no_log_is_said(logs: Path, tmp_path: Path) -> None:
    done = script(logs, 1, "nothing-of-that-name", "sshd")
    assert "no log of nothing-of-that-name on this host" in done.stderr
    assert "sshd says 5" in done.stdout
    empty = tmp_path / "empty"
    empty.mkdir()
    done = script(empty, 1)
    assert done.returncode == 3
    assert "no service of the fleet has a log" in done.stderr


def test_a_followed_log_goes_on_after_its_file_was_turned(logs: Path) -> None:
    words = ["sh", "-c", SCRIPT, "log", "1", "yes", str(logs), "nomad", "sshd"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            first = {process.stdout.readline() for _ in range(2)}
            assert first == {"nomad: 2026-11-24 fleet-nomad says 5\n", "sshd: 2026-11-24 sshd says 5\n"}
            # As svlogd does when the file is full.
            (logs / "fleet-nomad" / "current").rename(logs / "fleet-nomad" / "@old.s")
            (logs / "fleet-nomad" / "current").write_text("anew\n")
            assert process.stdout.readline() == "nomad: anew\n"
        finally:
            os.killpg(process.pid, signal.SIGTERM)

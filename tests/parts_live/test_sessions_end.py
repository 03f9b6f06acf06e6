"""What is ended on a host of people who go: their processes, what became root below them, and what sudo remembers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.roster_hosts import SCRIPT

pytestmark = pytest.mark.rehearsal

# Numbers of nobody here.
GONE, HERE = 64901, 64902


# A session: somebody's process, and one below it that is theirs, or became root as sudo makes it.
SESSION = """
import os, subprocess, time
subprocess.Popen(["sleep", "300"], preexec_fn=lambda: os.setresuid(%(below)d, %(below)d, %(below)d))
os.setresuid(%(own)d, %(own)d, %(own)d)
print("there", flush=True)
time.sleep(300)
"""


@contextlib.contextmanager
def running(number: int, below: int) -> Iterator[int]:
    """Somebody's session."""
    words = [sys.executable, "-c", SESSION % {"own": number, "below": below}]
    child = subprocess.Popen(words, start_new_session=True, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "there\n"
    try:
        yield child.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, 9)
        child.wait(5)


def alive(pid: int) -> bool:
    """Whether a process goes on; one that only waits to be collected does not."""
    with contextlib.suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def below(pid: int) -> list[int]:
    """The processes that a process began."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(word) for word in found.split()]


def end(*words: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", "-s", "--", *words]
    return subprocess.run(command, input=SCRIPT, capture_output=True, text=True, timeout=30, check=False)


def test_who_is_gone_has_nothing_left_and_others_keep_theirs() -> None:
    remembered = Path("/run/sudo/ts/nobody-of-tests")
    remembered.parent.mkdir(parents=True, exist_ok=True)
    remembered.touch()
    with running(GONE, GONE) as theirs, running(HERE, HERE) as others:
        all_theirs, all_others = [theirs, *below(theirs)], [others, *below(others)]
        assert len(all_theirs) == len(all_others) == 2
        done = end(f"nobody-of-tests:{GONE}")
        assert done.returncode == 0, done.stderr
        assert not [pid for pid in all_theirs if alive(pid)]
        assert [pid for pid in all_others if alive(pid)] == all_others
    assert not remembered.exists()
    assert "ended 2 processes of nobody-of-tests" in done.stdout
    again = end(f"nobody-of-tests:{GONE}")
    assert (again.returncode, again.stdout) == (0, "")


def test_what_became_root_below_them_ends_too() -> None:
    with running(GONE, 0) as theirs:
        mine = [theirs, *below(theirs)]
        users = [Path(f"/proc/{pid}/status").read_text().split("Uid:")[1].split()[0] for pid in mine]
        assert users == [str(GONE), "0"]
        assert end(f"nobody-of-tests:{GONE}").returncode == 0
        assert not [pid for pid in mine if alive(pid)]

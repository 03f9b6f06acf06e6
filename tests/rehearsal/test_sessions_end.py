"""What is ended on a host of people who go: their processes, what became root below them, and what sudo remembers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.roster_hosts import SCRIPT

pytestmark = pytest.mark.rehearsal

# Numbers of nobody here.
GONE, HERE = 64901, 64902


@contextlib.contextmanager
def running(number: int, then: str = "") -> Iterator[list[int]]:
    """A session of somebody: a shell that has a sleep below it, and with `then` something else."""
    words = ["sh", "-c", f"sleep 300 & {then} wait"]
    child = subprocess.Popen(words, start_new_session=True, preexec_fn=lambda: os.setresuid(number, number, 0))
    time.sleep(0.3)
    try:
        yield [child.pid]
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
    with running(GONE) as (theirs,), running(HERE) as (others,):
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
    # The saved number is root's, so that the shell can become it, as sudo does.
    root = "python3 -c 'import os,time; os.setresuid(0,0,0); time.sleep(300)' &"
    with running(GONE, root) as (theirs,):
        time.sleep(0.5)
        mine = [theirs, *below(theirs)]
        users = [Path(f"/proc/{pid}/status").read_text().split("Uid:")[1].split()[0] for pid in mine]
        assert "0" in users, users
        assert end(f"nobody-of-tests:{GONE}").returncode == 0
        assert not [pid for pid in mine if alive(pid)]

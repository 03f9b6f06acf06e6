"""What a test's server leaves behind: processes that outlive it, and mounts in its folder. Ended by id and by path."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

# A process by its id and the moment it began, in the kernel's ticks: the id may be somebody else's later.
Process = tuple[int, str]


def _facts() -> dict[int, tuple[int, str]]:
    """Each process of the machine: its parent and when it began."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = _stat(int(entry.name))
            found[int(entry.name)] = (int(words[1]), words[19])
    return found


def _stat(pid: int) -> list[str]:
    """What the kernel says of a process, from its state on; the name before that may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()


def below(pid: int) -> set[Process]:
    """All processes that a process has begun, and those that they began. Without /proc none are known."""
    facts, found, fresh = _facts(), set[Process](), {pid}
    while fresh:
        fresh = {child for child, (parent, _) in facts.items() if parent in fresh}
        found |= {(child, facts[child][1]) for child in fresh}
    return found


def end(processes: set[Process]) -> None:
    """End those that are still there, with what they have begun meanwhile; not before they have ended, or 30 s."""
    late = [below(pid) for pid, began in processes if same(pid, began)]
    every = processes.union(*late)
    for pid, began in every:
        if same(pid, began):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    limit = time.monotonic() + 30
    while any(same(pid, began) and not ended(pid) for pid, began in every) and time.monotonic() < limit:
        time.sleep(0.02)


def same(pid: int, began: str) -> bool:
    """Whether a process is there that began at this moment."""
    with contextlib.suppress(OSError):
        return _stat(pid)[19] == began
    return False


def ended(pid: int) -> bool:
    """Gone, or only not yet taken note of by whoever it belongs to."""
    with contextlib.suppress(OSError):
        return _stat(pid)[0] == "Z"
    return True


def remove(folder: Path) -> None:
    """Take a folder away, after what is mounted in it."""
    with contextlib.suppress(FileNotFoundError):
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            if line.split()[4].startswith(f"{folder}/"):
                subprocess.run(["umount", "-l", line.split()[4]], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)

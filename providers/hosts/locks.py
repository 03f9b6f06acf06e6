"""One run at a time on each host, also when the provider that began it is dead and its worker lives on.

The lock is the kernel's, on an open file that the worker inherits: it is free exactly when nobody holds it any more.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable
from pathlib import Path


def folder() -> Path:
    """Where the locks are: beside the rehearsal's run, else the user's state."""
    if run := os.environ.get("FLEET_RUN"):
        return Path(run) / "locks"
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "void-fleet" / "locks"


def take(hosts: Iterable[str], *, patience: float) -> tuple[dict[str, int], dict[str, str]]:
    """File descriptors of the hosts locked for us, and who holds each of the others."""
    place = folder()
    place.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience
    held: dict[str, int] = {}
    busy: dict[str, str] = {}
    # By name, so that two runs with the same hosts never wait for each other in a circle.
    for host in sorted(hosts):
        number = os.open(place / f"{host}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if _lock(number, deadline):
            held[host] = number
            sign({host: number}, os.getpid())
        else:
            busy[host] = os.pread(number, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(number)
    return held, busy


def _lock(number: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.2)
        else:
            return True


def sign(held: dict[str, int], pid: int) -> None:
    """Write down which process works on these hosts, for who finds them busy."""
    for number in held.values():
        os.ftruncate(number, 0)
        os.pwrite(number, str(pid).encode(), 0)


def give_back(held: dict[str, int]) -> None:
    """Close our side; a worker that still runs keeps its own."""
    for number in held.values():
        os.close(number)

"""The network namespaces of a plant: removed with all that runs in them, also where a run was killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path


def remove(name: str) -> None:
    """A network namespace, and whatever runs in it."""
    end = time.monotonic() + 10
    while found := subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False).stdout:
        # Who was just about to begin another leaves it behind.
        for pid in found.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        if time.monotonic() > end:
            break
        time.sleep(0.02)
    subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def clear_dead() -> None:
    """Remove what a run that was killed has left: its number is in the names."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False).stdout
    for name in (line.split()[0] for line in listed.splitlines() if line.startswith("front-")):
        if not Path("/proc", name.split("-")[1]).exists():
            remove(name)

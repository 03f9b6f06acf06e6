"""The network namespaces of a plant: removed with all that runs in them, also where a run was killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path


def remove(name: str) -> None:
    """A network namespace, and whatever runs in it."""
    found = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False)
    for pid in found.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def clear_dead() -> None:
    """Remove what a run that was killed has left: its number is in the names."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False).stdout
    for name in (line.split()[0] for line in listed.splitlines() if line.startswith("front-")):
        if not Path("/proc", name.split("-")[1]).exists():
            remove(name)

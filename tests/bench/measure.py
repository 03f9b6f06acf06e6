"""Runs a command and measures it with all its children: time, peak memory, and which of them used the processor."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

EVERY = 0.1
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass
class Measured:
    """One run. `peak` is the largest sum of resident memory in bytes (shared pages count in each); 0: unknown."""

    seconds: float = 0.0
    peak: int = 0
    cpu: dict[str, float] = field(default_factory=dict)
    code: int = 0
    out: str = ""
    err: str = ""

    @property
    def failed(self) -> str:
        """Why the run is no measurement, or nothing."""
        if self.code == 0:
            return ""
        said = [line.strip() for line in (self.err + "\n" + self.out).splitlines() if "error" in line.lower()]
        return f"exit code {self.code}: {(said or ['nothing said'])[-1][:160]}"


def run(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, most: float = 900.0) -> Measured:
    """Run a command to its end. It never raises: what failed or took too long says so in its result."""
    found = Measured()
    begun = time.monotonic()
    try:
        child = subprocess.Popen(
            list(argv), cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    except OSError as error:
        return Measured(code=127, err=f"error: {error}")
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(child.pid, ended, found), daemon=True)
    watcher.start()
    try:
        found.out, found.err = child.communicate(timeout=most)
        found.code = child.returncode
    except subprocess.TimeoutExpired:
        child.terminate()
        found.out, found.err = child.communicate()
        found.code, found.err = 124, f"error: not done after {most:.0f} s"
    found.seconds = time.monotonic() - begun
    ended.set()
    watcher.join()
    return found


def median(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, runs: int, most: float, heard: Callable[[str], None]
) -> Measured:
    """The run in the middle of several, or the first that failed."""
    found: list[Measured] = []
    for number in range(runs):
        one = run(argv, env=env, cwd=cwd, most=most)
        if one.failed:
            return one
        found.append(one)
        heard(f"run {number + 1} of {runs}: {one.seconds:.2f} s")
    middle = statistics.median_low([one.seconds for one in found])
    return next(one for one in found if one.seconds == middle)


def _watch(root: int, ended: threading.Event, found: Measured) -> None:
    """Sample the tree of processes. What a process used after its last sample is not counted."""
    used: dict[int, tuple[str, float]] = {}
    while not ended.wait(EVERY):
        resident = 0
        for pid in tree(root):
            sample = _sample(pid)
            if sample:
                kind, cpu, memory = sample
                used[pid] = (kind, cpu)
                resident += memory
        found.peak = max(found.peak, resident)
    for kind, cpu in used.values():
        found.cpu[kind] = found.cpu.get(kind, 0.0) + cpu


def tree(root: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def _sample(pid: int) -> tuple[str, float, int] | None:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if not command:
        return None  # it has ended and nobody asked for its exit code yet
    return _kind(command), (int(fields[11]) + int(fields[12])) / TICKS, int(fields[21]) * PAGE


def _kind(command: str) -> str:
    if "providers.hosts" in command or "bench_provider" in command or "pulumi-resource-" in command:
        return "provider"
    if "language" in command or "runner.py" in command or "__main__.py" in command:
        return "program"
    return "engine" if "pulumi" in command else "other"

"""Runs other programs: their lines as they come, their end if we end, their last words in the error."""

from __future__ import annotations

import collections
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from toolchain.progress import UnavailableError

_running: set[subprocess.Popen[str]] = set()
_guard = threading.Lock()


def lines_of(
    words: Sequence[str],
    heard: Callable[[str], None],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    what: str,
    way_out: str,
) -> None:
    """Run a program, hand over each line it prints, and raise with its last lines if it fails."""
    last: collections.deque[str] = collections.deque(maxlen=12)
    child = subprocess.Popen(
        list(words),
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # A group of its own: stopping it then stops the compilers that it started, too.
        start_new_session=True,
    )
    with _guard:
        _running.add(child)
    try:
        assert child.stdout is not None
        for line in child.stdout:
            last.append(line.rstrip())
            heard(line.rstrip())
        code = child.wait()
    finally:
        stop(child)
        with _guard:
            _running.discard(child)
    if code:
        said = "\n".join(f"    {line}" for line in last if line)
        raise UnavailableError(
            f"{what} failed ({words[0]} ended with {code}); its last words:\n{said}\n  way out: {way_out}"
        )


def ignore(line: str) -> None:
    """Hear a line and think nothing of it."""
    del line


def stop(child: subprocess.Popen[str]) -> None:
    """End a program and what it started."""
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)


def stop_all() -> None:
    """End every program that is still running for us."""
    with _guard:
        for child in _running:
            stop(child)


def said_by(words: Sequence[str], seconds: float = 15.0) -> str:
    """What a short program prints, or nothing if it cannot run."""
    try:
        done = subprocess.run(list(words), capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""

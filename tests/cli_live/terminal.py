"""`fleet` as a process of its own, also at a terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tests.cli_live.plane import Plane
from tests.harness import ROOT

T = TypeVar("T")


def surroundings(plane: Plane, root: Path | None = None, **more: str) -> dict[str, str]:
    tokens = {"NOMAD_TOKEN": str(plane.nomad.token), "CONSUL_HTTP_TOKEN": str(plane.consul.token)}
    kept = {name: value for name, value in os.environ.items() if name not in {*tokens, "VAULT_TOKEN"}}
    place = root or plane.folder / "project"
    start = plane.folder / "start" / str(abs(hash(place)))
    start.mkdir(parents=True, exist_ok=True)
    # The command of a process of its own takes the data of the test's project.
    (start / "sitecustomize.py").write_text(
        f"import pathlib, cli.places\ncli.places.ROOT = pathlib.Path({str(place)!r})\n"
    )
    return {**kept, **plane.environment(**(tokens | more)), "PYTHONPATH": f"{start}:{ROOT}", "SHELL": "/bin/sh"}


def program(plane: Plane, *words: str, feed: str = "", **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *words],
        cwd=ROOT, env=surroundings(plane, **more), input=feed, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def at_terminal(
    plane: Plane,
    words: list[str],
    answers: list[tuple[str | None, str]],
    code: int = 0,
    root: Path | None = None,
    **more: str,
) -> str:
    """Run the command at a terminal of its own; types each answer when its question was seen. None: to the end."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.execve(sys.executable, [sys.executable, "-m", "cli", *words], surroundings(plane, root, **more))
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 44, 0, 0))
    said, mark = "", 0
    end = time.monotonic() + 90
    waiting = list(answers)
    while time.monotonic() < end:
        if waiting and waiting[0][0] is not None and waiting[0][0] in said[mark:]:
            _, text = waiting.pop(0)
            mark = len(said)
            os.write(terminal, f"{text}\n".encode())
        ready, _, _ = select.select([terminal], [], [], 0.2)
        if ready:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            said += piece.decode(errors="replace")
    os.close(terminal)
    _, ended = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(ended) == code, said
    return said.replace("\r\n", "\n")


def exports(text: str) -> dict[str, str]:
    assert all(line.startswith("export ") for line in text.splitlines())
    said = subprocess.run(["sh", "-c", f"{text}env"], env={}, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in said.splitlines() if not line.startswith(("PWD", "_", "SHLVL")))


def in_time(ask: Callable[[], T], seconds: float = 6.0) -> T:
    """What was answered in time. Too late once may be the machine, which has other things to do; twice is ours."""
    for last in (False, True):
        began = time.monotonic()
        answer = ask()
        took = time.monotonic() - began
        if took < seconds:
            break
        assert not last, f"{took:.1f} s, and {seconds:.1f} are promised"
    return answer

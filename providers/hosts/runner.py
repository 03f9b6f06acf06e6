"""Starts the worker for a batch, tells its results host by host, and answers for hosts it did not speak of."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from providers.hosts import locks
from providers.hosts.ssh import Connection, key_path

_ROOT = Path(__file__).resolve().parents[2]
_LOCK_PATIENCE = 20.0
_TELL_EVERY = 3.0


@dataclass(frozen=True)
class Job:
    """One host's part of a run."""

    host: str
    connection: Connection
    desired: dict[str, Any]
    acknowledged: tuple[str, ...] = ()
    layer: str = "ground"
    first: bool = False
    """Nothing of this layer is in the state yet."""


@dataclass(frozen=True)
class Outcome:
    """What came of one host; `error` is None when all is as asked."""

    error: str | None = None
    reachable: bool = False
    changed: tuple[str, ...] = ()
    operations: int = 0
    drift: dict[str, str] = field(default_factory=dict)
    fingerprint: str | None = None
    notes: tuple[str, ...] = ()
    """What a person should hear although nothing failed."""

    @classmethod
    def of(cls, told: dict[str, Any]) -> Outcome:
        return cls(
            error=None if told["ok"] else told.get("error") or "failed without a reason",
            reachable=told["reachable"],
            changed=tuple(told["changed"]),
            operations=told["operations"],
            drift=dict(told["drift"]),
            fingerprint=told["fingerprint"],
            notes=tuple(told.get("notes", ())),
        )


Tell = Callable[[str, Outcome], None]
Progress = Callable[[str], None]


class Runner(Protocol):
    """Runs jobs and tells each host's outcome exactly once. `mode` is "apply" or "read"."""

    def __call__(self, jobs: list[Job], mode: str, tell: Tell, progress: Progress) -> None: ...


def run_seconds() -> float:
    """How long one run may take at most, over all its hosts."""
    return float(os.environ.get("FLEET_RUN_SECONDS") or 1900)


class Worker:
    """A runner that starts `providers.hosts.worker` for each call."""

    def __init__(self, command: Iterable[str] = (sys.executable, "-m", "providers.hosts.worker")) -> None:
        self._command = list(command)
        self.cancelled = False

    def cancel(self) -> None:
        """Begin nothing more. What runs goes on to its end, so that no host is left half done."""
        self.cancelled = True

    def __call__(self, jobs: list[Job], mode: str, tell: Tell, progress: Progress) -> None:
        waiting = {job.host: job for job in jobs}

        def once(host: str, outcome: Outcome) -> None:
            if waiting.pop(host, None):
                tell(host, outcome)

        if self.cancelled:
            for host in list(waiting):
                once(host, Outcome(error="stopped on request before it began"))
        held: dict[str, int] = {}
        if mode == "apply":
            held, busy = locks.take(waiting, patience=_LOCK_PATIENCE)
            for host, holder in busy.items():
                why = f"another run (process {holder}) still works on it; wait for its end, then run `pulumi up` again"
                once(host, Outcome(error=why))
        try:
            why = self._attend([*waiting.values()], mode, once, progress, held) if waiting else ""
        except OSError as error:
            why = f"the host run could not start: {error}"
        finally:
            locks.give_back(held)
        for host in list(waiting):
            once(host, Outcome(error=why))

    def _attend(self, jobs: list[Job], mode: str, once: Tell, progress: Progress, held: dict[str, int]) -> str:
        """Start the worker and pass its lines on; why a host may have had none."""
        began = time.monotonic()
        left = {job.host for job in jobs}
        total = len(left)
        with tempfile.TemporaryFile("w+") as errors:
            process = self._start(jobs, mode, held, errors)
            stop = threading.Event()
            overdue = threading.Event()

            def watch() -> None:
                while not stop.wait(_TELL_EVERY):
                    spent = time.monotonic() - began
                    names = ", ".join(sorted(left))
                    progress(f"{mode}: {total - len(left)} of {total} hosts done after {spent:.0f} s, at work: {names}")
                    if spent > run_seconds():
                        overdue.set()
                        process.kill()
                        return

            watcher = threading.Thread(target=watch, daemon=True)
            watcher.start()
            assert process.stdout
            for line in process.stdout:
                told = json.loads(line)
                left.discard(told["host"])
                once(told["host"], Outcome.of(told["result"]))
            code = process.wait()
            stop.set()
            return self._why(code, overdue.is_set(), errors)

    def _start(self, jobs: list[Job], mode: str, held: dict[str, int], errors: IO[str]) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
            pass_fds=list(held.values()),
            # A Ctrl-C at the terminal must not tear a host's apply in two.
            start_new_session=True,
        )
        locks.sign(held, process.pid)
        request = {"mode": mode, "parent": os.getpid(), "targets": [_target(job) for job in jobs]}
        assert process.stdin
        try:
            with process.stdin:
                json.dump(request, process.stdin)
        except BrokenPipeError:
            # It ended at once; its exit code and its last words are the reason told.
            pass
        return process

    def _why(self, code: int, overdue: bool, errors: IO[str]) -> str:
        if overdue:
            return f"its run took over {run_seconds():.0f} s (FLEET_RUN_SECONDS); the next `up` goes on from there"
        errors.seek(0)
        words = [line.strip() for line in errors.read().splitlines() if line.strip()]
        cause = words[-1] if words else "it said nothing"
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"the host run ended early ({how}: {cause}); the next `up` goes on from there"


def _target(job: Job) -> dict[str, Any]:
    there = job.connection
    return {
        "host": job.host,
        "address": there.address,
        "port": there.port,
        "users": list(there.users),
        "host_key": there.host_key,
        "become": there.become,
        "key_path": key_path(),
        "layer": job.layer,
        "desired": job.desired,
        "acknowledged": list(job.acknowledged),
    }

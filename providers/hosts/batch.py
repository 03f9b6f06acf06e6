"""Calls that arrive together become one run: a batch closes with the layer's last host, or soon after an arrival."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

QUIET_SECONDS = 0.4
LONGEST_SECONDS = 5.0

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")
Runner = Callable[[Mapping[str, Job]], Mapping[str, Outcome]]


@dataclass
class _Open(Generic[Job, Outcome]):
    jobs: dict[str, Job] = field(default_factory=dict)
    results: dict[str, Outcome] = field(default_factory=dict)
    error: BaseException | None = None
    started: float = field(default_factory=time.monotonic)
    last: float = field(default_factory=time.monotonic)
    closed: bool = False
    done: threading.Event = field(default_factory=threading.Event)


class Batcher(Generic[Job, Outcome]):
    """Gathers calls by key (mode and layer). The first caller of a batch conducts it; the others wait for their result.

    `members` bounds a batch: when all hosts of the layer have arrived, but for those known not to come, it closes.
    """

    def __init__(
        self, runner: Callable[[str, Mapping[str, Any]], Mapping[str, Any]], quiet: float = QUIET_SECONDS
    ) -> None:
        self._runner = runner
        self._quiet = quiet
        self._lock = threading.Condition()
        self._open: dict[str, _Open[Any, Any]] = {}
        self._absent: dict[str, set[str]] = {}

    def will_not_come(self, key: str, host: str) -> None:
        """A member whose diff showed nothing: no batch needs to wait for it."""
        with self._lock:
            self._absent.setdefault(key, set()).add(host)
            self._lock.notify_all()

    def submit(self, key: str, host: str, job: Any, members: int) -> Any:
        """Hand in one host's job and wait for its outcome."""
        with self._lock:
            batch = self._open.get(key)
            conductor = batch is None
            if batch is None:
                batch = self._open[key] = _Open()
            batch.jobs[host] = job
            batch.last = time.monotonic()
            self._lock.notify_all()
        if conductor:
            self._conduct(key, batch, members)
        batch.done.wait()
        if batch.error is not None:
            raise batch.error
        return batch.results[host]

    def _conduct(self, key: str, batch: _Open[Any, Any], members: int) -> None:
        with self._lock:
            while True:
                now = time.monotonic()
                missing = members - len(batch.jobs) - len(self._absent.get(key, set()) - batch.jobs.keys())
                until = min(batch.last + self._quiet, batch.started + LONGEST_SECONDS)
                if missing <= 0 or now >= until:
                    break
                self._lock.wait(until - now)
            # From here on a new arrival opens a batch of its own.
            del self._open[key]
        try:
            batch.results = dict(self._runner(key, batch.jobs))
        except BaseException as error:
            batch.error = error
        finally:
            batch.done.set()

"""Calls that arrive together run together.

The engine calls once for each host, on threads of their own; a host run has a start-up worth sharing. A batch closes
when every member of the layer that is going to arrive has arrived, or shortly after the last sign of life.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Settle = Callable[[str, Outcome], None]
Work = Callable[[dict[str, Item], "Settle[Outcome]"], None]

QUIET_SECONDS = 0.4
LONGEST_SECONDS = 5.0


@dataclass
class _Open(Generic[Item, Outcome]):
    """A batch that still takes hosts."""

    members: int
    began: float
    last: float
    items: dict[str, Item] = field(default_factory=dict)
    futures: dict[str, Future[Outcome]] = field(default_factory=dict)
    closed: bool = False


class Gathering(Generic[Item, Outcome]):
    """Gathers calls by group (a layer and a mode) and hands each batch to `work`, on a thread of its own."""

    def __init__(
        self,
        work: Work[Item, Outcome],
        *,
        quiet: float = QUIET_SECONDS,
        longest: float = LONGEST_SECONDS,
    ) -> None:
        self._work = work
        self._quiet = quiet
        self._longest = longest
        self._open: dict[Hashable, _Open[Item, Outcome]] = {}
        self._absent: dict[Hashable, set[str]] = {}
        self._served: dict[Hashable, set[str]] = {}
        self._life: dict[Hashable, float] = {}
        self._changed = threading.Condition()

    def coming(self, group: Hashable, host: str) -> None:
        """A sign of life: this host may arrive soon."""
        with self._changed:
            self._absent.setdefault(group, set()).discard(host)
            self._served.setdefault(group, set()).discard(host)
            self._life[group] = time.monotonic()
            self._changed.notify_all()

    def absent(self, group: Hashable, host: str) -> None:
        """This host has nothing to do and will not arrive."""
        with self._changed:
            self._absent.setdefault(group, set()).add(host)
            self._life[group] = time.monotonic()
            self._changed.notify_all()

    def arrive(self, group: Hashable, host: str, members: int, item: Item) -> Outcome:
        """Join the open batch (or open one), and wait for this host's outcome."""
        future: Future[Outcome] = Future()
        with self._changed:
            now = time.monotonic()
            batch = self._open.get(group)
            if batch is not None and host in batch.items:
                # The same host again is another job: it must not be lost, nor run beside the first one unasked.
                batch.closed = True
                batch = None
            if batch is None:
                batch = self._open[group] = _Open(members, now, now)
                threading.Thread(target=self._attend, args=(group, batch), daemon=True).start()
            batch.items[host], batch.futures[host] = item, future
            batch.last, batch.members = now, max(batch.members, members)
            self._changed.notify_all()
        return future.result()

    def _attend(self, group: Hashable, batch: _Open[Item, Outcome]) -> None:
        with self._changed:
            while not batch.closed and not self._full(group, batch):
                now = time.monotonic()
                alive = max(batch.last, self._life.get(group, 0.0))
                wait = min(alive + self._quiet, batch.began + self._longest) - now
                if wait <= 0:
                    break
                self._changed.wait(wait)
            batch.closed = True
            if self._open.get(group) is batch:
                del self._open[group]
            self._served.setdefault(group, set()).update(batch.items)
        self._finish(batch)

    def _full(self, group: Hashable, batch: _Open[Item, Outcome]) -> bool:
        accounted = set(batch.items) | self._absent.get(group, set()) | self._served.get(group, set())
        return len(accounted) >= batch.members

    def _finish(self, batch: _Open[Item, Outcome]) -> None:
        def settle(host: str, outcome: Outcome) -> None:
            future = batch.futures[host]
            if not future.done():
                future.set_result(outcome)

        error: BaseException = RuntimeError("the run ended and said nothing of this host")
        try:
            self._work(dict(batch.items), settle)
        except BaseException as fault:
            error = fault
        for future in batch.futures.values():
            if not future.done():
                future.set_exception(error)

"""Says what is waited for: a line at least every three seconds, with the time gone and the time left."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

EVERY = 3.0


class UnavailableError(Exception):
    """Something cannot be had on this machine; the message says what, why and the way out."""


def spell(seconds: float) -> str:
    """Seconds as minutes and seconds, as a clock would show them."""
    whole = max(0, int(seconds + 0.5))
    return f"{whole // 60}:{whole % 60:02d}"


class Estimate:
    """Time left, from what such work took elsewhere at first, and from its own speed once that is known."""

    def __init__(self, known: float, tail: float = 0.0) -> None:
        self.known = known
        self.tail = tail
        self.done = 0
        self.total = 0
        self.counted_at: float | None = None

    def left(self, gone: float) -> float:
        """Seconds left after `gone` seconds; never less than what must still follow the counted part."""
        if not self.total:
            return max(self.known - gone, 1.0)
        rest = self.total - self.done
        if rest <= 0:
            # What follows the counted part is known by its usual time alone.
            self.counted_at = gone if self.counted_at is None else self.counted_at
            return max(self.tail - (gone - self.counted_at), 1.0)
        if self.done < 0.05 * self.total:
            return self.known * rest / self.total + self.tail
        return gone * rest / self.done + self.tail


class Progress:
    """One piece of work on the screen: begins, reports by itself, ends with how long it took."""

    def __init__(
        self,
        title: str,
        estimate: Estimate,
        out: TextIO | None = None,
        every: float = EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.title = title
        self.estimate = estimate
        self.doing = "starting"
        self.out = out or sys.stderr
        self.every = every
        self.clock = clock
        self.begun = clock()
        self.ended = threading.Event()
        self.ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Progress:
        self.begun = self.clock()
        self.say(f"{self.title}: starting, usually {spell(self.estimate.known)} from nothing")
        self.ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self.ticker.join()
        how = "stopped" if kind else "ready"
        self.say(f"{self.title}: {how} after {spell(self.clock() - self.begun)}")

    def line(self) -> str:
        """The line that is shown now."""
        gone = self.clock() - self.begun
        counted = f" {self.estimate.done} of {self.estimate.total}" if self.estimate.total else ""
        return f"{self.title}: {self.doing}{counted}, {spell(gone)} gone, about {spell(self.estimate.left(gone))} left"

    def say(self, text: str) -> None:
        """Write one line at once; several pieces of work share the screen, so a line is never split."""
        self.out.write(text + "\n")
        self.out.flush()

    def _tick(self) -> None:
        while not self.ended.wait(self.every):
            self.say(self.line())

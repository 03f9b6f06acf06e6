"""Several calls at once, and none of them holds the others up beyond a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What one call gave, or why it gave nothing."""

    value: T | None = None
    error: Exception | None = None


class LateError(Exception):
    """No answer within the deadline."""


def ask(calls: Mapping[K, Callable[[], T]], seconds: float) -> dict[K, Answer[T]]:
    """Every call's answer, in the calls' order. What is late is left to itself: its thread ends with the process."""
    found: dict[K, Answer[T]] = {}

    def run(key: K, call: Callable[[], T]) -> None:
        try:
            answer = Answer(value=call())
        except Exception as error:
            answer = Answer(error=error)
        found[key] = answer

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in calls.items()]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late: Answer[T] = Answer(error=LateError(f"no answer within {seconds:g} s"))
    return {key: found.get(key, late) for key in calls}

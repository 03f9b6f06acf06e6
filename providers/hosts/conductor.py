"""In which order the hosts of one batch are worked on. Today all at once; a canary and pairs find their place here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Job = TypeVar("Job")


def waves(jobs: Sequence[Job]) -> list[list[Job]]:
    """The batch as waves, each begun when the one before it has ended."""
    return [list(jobs)] if jobs else []

"""What a rule is: a generator over the fleet whose docstring's first line is the rule itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from model.fleet import Fleet
from model.reading import Where


class Found(NamedTuple):
    """One place where a rule does not hold."""

    path: Where
    what: str
    way_out: str


Rule = Callable[[Fleet], Iterator[Found]]


def sentence(rule: Callable[..., Iterator[Found]]) -> str:
    """The rule in one sentence, as people read it beside what it found."""
    return (rule.__doc__ or rule.__name__).strip().splitlines()[0]

"""What goes wrong in rosters: directed mistakes, each aimed at one rule, and blind ones at any place of the data."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.roster_fuzz import mutations_people, mutations_teams
from tests.roster_fuzz.grammar import Data
from tests.roster_fuzz.mutations_people import Mutation

GARBAGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, float("nan"), 10**30, "", " ", "x" * 300, "all", "2026-02-30", "{who}",
    "ssh-ed25519", "ssh-ed25519 AAAA", [], {}, [[]], {"": None}, {"on": {}}, "\x00", "ä", "a-b", "2001-", "root",
)  # fmt: skip


DIRECTED: tuple[Mutation, ...] = tuple(
    value
    for module in (mutations_people, mutations_teams)
    for name, value in sorted(vars(module).items())
    if not name.startswith("_") and name not in ("pick", "here") and getattr(value, "__module__", "") == module.__name__
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, Any]]:
    steps: Iterator[tuple[Any, Any]] = (
        iter(value.items()) if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else iter(())
    )
    for step, inner in list(steps):
        yield value, step
        yield from _places(inner, (*path, step))


def blind(r: Data, rng: Random) -> None:
    """Anything, anywhere: removed, replaced, copied from elsewhere, or one key more."""
    places = list(_places(r))
    if not places:
        return
    around, step = rng.choice(places)
    other_around, other = rng.choice(places)
    how = rng.randint(0, 3)
    if how == 0 or (how == 3 and not isinstance(around, dict)):
        del around[step]
    elif how == 1:
        around[step] = copy.deepcopy(rng.choice(GARBAGE))
    elif how == 2:
        around[step] = copy.deepcopy(other_around[other])
    else:
        around[rng.choice(("teams", "owners", "left", "on", "", "owner", "x"))] = copy.deepcopy(other_around[other])


def mutated(roster: Data, rng: Random) -> Data:
    """The roster with one to three mistakes. One that no longer fits what another left of it is not made."""
    mistakes = [*rng.choices(DIRECTED, k=rng.choice((1, 1, 1, 2))), *([blind] * rng.choice((0, 0, 0, 1, 2)))]
    for mistake in mistakes:
        before = copy.deepcopy(roster)
        try:
            mistake(roster, rng)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, StopIteration):
            roster = before
    return roster

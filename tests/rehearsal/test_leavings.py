"""Two leavings with the clock, an operator's and a mirror keeper's: every way in of theirs ends within the limit."""

from __future__ import annotations

import pytest

from tests.load.leavings import LIMIT, joined, names, one, told
from tests.rehearsal.support import Rehearsed

pytestmark = pytest.mark.rehearsal


def test_a6_01_whoever_leaves_is_out_everywhere_within_a_minute(rehearsed: Rehearsed) -> None:
    with joined(rehearsed, 2) as copy:
        found = [one(rehearsed, copy, name) for name in names(copy)]
    for gone in found:
        print(told(gone))
        assert gone.worst <= LIMIT
    # What each could try: the operator on six hosts with root, the other on both mirrors.
    kinds = [sorted({way.partition(" on ")[0] for way in gone.ways}) for gone in found]
    assert {"login in devspace", "session in devspace"} <= set(kinds[0]) & set(kinds[1])
    assert {"root", "login", "session", "token of vault", "token of nomad", "member at GitHub"} <= set(
        kinds[0] + kinds[1]
    )
    assert rehearsed.preview(only=["people"]).changes == {}

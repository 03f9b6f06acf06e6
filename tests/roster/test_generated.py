"""Generated rosters: never a traceback, what is accepted keeps the invariants, and every rule is met."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest

from model.checks import Rule
from tests.roster_fuzz import campaign
from tests.roster_fuzz.campaign import RULES_AT_LOAD, Tally, run

COUNT = 5000
CHUNK = 250


def test_g_06_generated_rosters() -> None:
    whole = Tally()
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for part in pool.map(run, [1] * (COUNT // CHUNK), [range(a, a + CHUNK) for a in range(0, COUNT, CHUNK)]):
            whole.add(part)
    assert whole.failures == []
    assert whole.count == COUNT
    assert whole.accepted >= 0.3 * COUNT
    assert whole.missing(1) == []


def test_the_same_seed_makes_the_same_rosters() -> None:
    one, other, another = run(3, range(60)), run(3, range(60)), run(4, range(60))
    assert (one.fired, one.accepted) == (other.fired, other.accepted)
    assert one.fired != another.fired


def test_the_oracle_sees_what_no_rule_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rules, rosters pass that the oracle does not take: it is no echo of them."""
    left: tuple[Rule, ...] = tuple(rule for rule in campaign_rules() if rule not in RULES_AT_LOAD)
    monkeypatch.setattr("model.checks.RULES", left)
    monkeypatch.setattr("model.checks.roster_dated.DATED", ())
    found = {failure.split(": ", 1)[1] for failure in run(1, range(300)).failures}
    for what in ("too few owners", "something is of two", "a key is weak", "left and holds something"):
        assert any(what in one for one in found), found


def campaign_rules() -> tuple[Rule, ...]:
    """Every rule that a load runs."""
    from model.checks import RULES

    return RULES


def test_every_rule_of_people_is_counted() -> None:
    assert len(campaign.RULES) == len(RULES_AT_LOAD) - len(campaign.WITHOUT) + 5

"""The directory of people in the rehearsal: leaving is one line, is said before, and takes what the person had."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from model import load
from rehearsal import driver, people
from rehearsal.place import STACKS
from tests.rehearsal.support import Copy, Rehearsed

pytestmark = pytest.mark.rehearsal
ONLY = ("people",)


def doors(rehearsed: Rehearsed) -> people.Doors:
    return driver.people_doors(rehearsed.at, load(STACKS))


def entity(rehearsed: Rehearsed, name: str) -> dict[str, Any]:
    return people.ask(doors(rehearsed), {"verb": "look", "name": name})


def lets_in(rehearsed: Rehearsed, name: str) -> bool:
    there = doors(rehearsed)
    secret = (there.passwords / name).read_text().strip()
    found = people.ask(there, {"verb": "token", "name": name, "secret": secret, "patience": 20.0})
    assert set(found) < {"token", "problem"}
    return "token" in found


def words(rehearsed: Rehearsed) -> list[str]:
    """What the ledger said in the last apply."""
    events = [json.loads(line) for line in (rehearsed.at.run / "logs" / "test-up.json").read_text().splitlines()]
    told = [event["diagnosticEvent"] for event in events if "diagnosticEvent" in event]
    return [one["message"].strip() for one in told if "Ledger" in one.get("urn", "") and one["severity"] == "info"]


@pytest.fixture
def copy(rehearsed: Rehearsed) -> Iterator[Copy]:
    made = Copy("people")
    yield made
    made.remove()
    assert rehearsed.up(only=ONLY).code == 0


def test_what_stands_is_what_the_roster_says_and_the_first_entity_is_locked(rehearsed: Rehearsed) -> None:
    assert entity(rehearsed, people.FIRST)["locked"]
    ann = entity(rehearsed, "ann")
    assert (ann["number"], ann["primary_group"], ann["locked"]) == (2001, "people", False)
    assert ann["groups"] == ["mirror-keepers", "operators"]
    assert lets_in(rehearsed, "ann")
    assert rehearsed.preview(only=ONLY).changes == {}


def test_leaving_is_one_line_and_takes_all_and_is_said_before(rehearsed: Rehearsed, copy: Copy) -> None:
    assert lets_in(rehearsed, "fay")
    copy.edit("roster/people/fay.yaml", "teams: {mirror-keepers: member}", "left: {on: 2026-11-27, why: wish}")
    outcome = rehearsed.up(copy.config, only=ONLY)
    assert outcome.code == 0, outcome.failures
    assert any("fay" in one and "log in" in one for one in words(rehearsed))
    found = entity(rehearsed, "fay")
    assert (found["number"], found["locked"], found["groups"], found["keys"]) == (2006, True, [], [])
    assert not lets_in(rehearsed, "fay")


def test_a_person_whose_file_goes_is_refused_in_the_preview(rehearsed: Rehearsed, copy: Copy) -> None:
    (copy.folder / "roster" / "people" / "fay.yaml").unlink()
    shown = rehearsed.preview(copy.config, only=ONLY).text
    assert "fay is gone from the roster" in shown
    assert not entity(rehearsed, "fay")["locked"]

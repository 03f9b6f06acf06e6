"""The directory on a day: who is in it, with what, and who stays locked."""

from __future__ import annotations

from datetime import date

import pytest

from components.roster import directory
from components.roster.netauth_plan import Directory, plan
from model import Fleet, load
from model.roster import Left, Person, Roster
from tests.harness import ROOT

DAY = date(2026, 11, 27)


@pytest.fixture(scope="module")
def local() -> Fleet:
    return load(ROOT / "stacks" / "local")


def roster_of(fleet: Fleet) -> Roster:
    assert fleet.roster is not None
    return fleet.roster


def planned(fleet: Fleet, day: date = DAY) -> Directory:
    found = plan(fleet, day)
    assert found is not None
    return found


def with_person(fleet: Fleet, handle: str, person: Person) -> Fleet:
    roster = roster_of(fleet)
    return fleet.model_copy(update={"roster": roster.model_copy(update={"people": {**roster.people, handle: person}})})


def test_everybody_who_is_a_member_has_their_groups_number_and_keys(local: Fleet) -> None:
    entities = {one.name: one for one in planned(local).entities}
    ann = entities["ann"]
    assert (ann.number, ann.primary_group, ann.home, ann.shell) == (2001, "people", "/home/ann", "/bin/bash")
    assert not ann.locked
    assert {"operators", "mirror-keepers"} <= set(ann.groups)
    assert len(entities["cy"].keys) == 2
    assert all(print_.startswith("SHA256:") for print_, _, _ in ann.keys)


def test_every_group_of_a_team_is_there_with_its_capabilities(local: Fleet) -> None:
    groups = {one.name: one for one in planned(local).groups}
    assert groups["people"].number == 3001
    assert groups["operators"].capabilities == ("GLOBAL_ROOT",)
    assert set(groups) == {
        "people",
        *(team.grants.netauth.group for team in roster_of(local).teams.values() if team.grants.netauth),
    }
    for one in planned(local).entities:
        assert set(one.groups) <= set(groups)


def test_who_left_stays_locked_without_groups_and_keys(local: Fleet) -> None:
    ann = roster_of(local).people["ann"]
    left = ann.model_copy(update={"left": Left(on=date(2026, 11, 1), why="wish"), "teams": {}})
    found = {one.name: one for one in planned(with_person(local, "ann", left)).entities}["ann"]
    assert (found.number, found.locked, found.groups, found.keys) == (2001, True, (), ())


def test_whose_join_has_not_begun_is_not_there_and_one_day_later_is(local: Fleet) -> None:
    ann = roster_of(local).people["ann"]
    eve = ann.model_copy(update={"netauth": ann.netauth, "since": date(2024, 2, 1), "decision": None})
    assert "eve" in {one.name for one in planned(with_person(local, "eve", eve)).entities}
    later = eve.model_copy(update={"since": date(2026, 12, 1)})
    assert "eve" not in {one.name for one in planned(with_person(local, "eve", later)).entities}


def test_two_labels_of_one_key_are_one_key(local: Fleet) -> None:
    ann = roster_of(local).people["ann"]
    key = next(iter(ann.keys.values()))
    twice = ann.model_copy(update={"keys": {"a": key, "b": f"{key} comment"}})
    found = {one.name: one for one in planned(with_person(local, "ann", twice)).entities}["ann"]
    assert len(found.keys) == 1


def test_the_server_is_where_its_role_is_and_nowhere_else(local: Fleet) -> None:
    assert directory.hosts(local) == ("a-bru-be",)
    assert directory.address(local) == "10.77.9.1"
    assert directory.desired(local, "a-bru-be") == {"netauth": {"server": "a-bru-be.m.fleet.example", "port": 1729}}
    assert directory.desired(local, "a-nyc-us") == {}
    assert directory.hosts(local.model_copy(update={"roster": None})) == ()
    assert plan(local.model_copy(update={"roster": None}), DAY) is None
    prod = load(ROOT / "stacks" / "prod")
    assert set(directory.hosts(prod)) == {"i-hel-fi", "a-sfo3-us"}
    assert directory.names(prod, "i-hel-fi") == ["netauth.voidlinux.org"]
    assert directory.names(prod, "a-hel-fi") == []

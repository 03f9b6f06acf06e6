"""Who may do what on a day follows from people, teams and grants, and from nothing else."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from components.roster.rights import KINDS, Right, from_plain, plain, right, rights, roles_of, to_rotate
from model import load
from tests.model import cases_roster
from tests.model.change import GONE, Changes, bare, changed, facts, write

AS_OF = date(2026, 11, 27)
LOCAL = bare("local") | {"roster": facts("local")["roster"]}
PEOPLE = "roster/people"
TEAMS = "roster/teams"


def _held(tmp_path: Path, changes: Changes, as_of: date = AS_OF) -> dict[str, frozenset[Right]]:
    return rights(load(write(tmp_path, changed(LOCAL, changes))), as_of)


def _of(held: dict[str, frozenset[Right]], handle: str, kind: str) -> list[str]:
    return sorted(one.where for one in held[handle] if one.kind == kind)


def test_a_team_is_the_one_source(tmp_path: Path) -> None:
    held = _held(tmp_path, {})
    assert _of(held, "fay", "host-login") == ["a-nyc-us", "a-pdx-us"]
    assert _of(held, "fay", "host-sudo") == []
    assert _of(held, "bo", "host-sudo") == ["a-ams-nl", "a-bru-be", "a-fra-de", "a-grq-nl", "a-nyc-us", "a-pdx-us"]
    assert _of(held, "hal", "vault-policy") == ["observer"]
    assert _of(held, "eli", "devspace") == [""]
    assert _of(held, "eli", "github-team") == ["app-admins:member"]
    assert _of(held, "eli", "mail") == ["apps@fleet.example"]
    assert _of(held, "bo", "bot") == ["herald"]
    assert _of(held, "cy", "secret") == ["state-passphrase", "unseal-share"]
    assert held["ivy"] == frozenset()
    assert {one.kind for its in held.values() for one in its} == set(KINDS)


def test_an_owner_is_a_maintainer_of_each_team(tmp_path: Path) -> None:
    held = _held(tmp_path, {})
    assert _of(held, "ann", "github-owner") == [""]
    assert _of(held, "ann", "github-team") == [
        "mirror-keepers:maintainer",
        "operators:maintainer",
        "packagers:maintainer",
    ]
    assert _of(held, "bo", "github-team") == ["mirror-keepers:maintainer", "operators:maintainer", "packagers:member"]
    assert _of(held, "bo", "github-owner") == []


def test_the_wider_of_two_permissions_holds(tmp_path: Path) -> None:
    held = _held(tmp_path, {f"{TEAMS}/operators/grants/github/repositories/docs": "admin"})
    assert "docs:admin" in _of(held, "bo", "github-repo")
    assert "docs:push" not in _of(held, "bo", "github-repo")
    assert "docs:push" in _of(held, "dee", "github-repo")


def test_a_child_team_has_what_its_parent_has(tmp_path: Path) -> None:
    held = _held(tmp_path, {f"{TEAMS}/mirror-keepers/grants/github/parent": "packagers"})
    assert _of(held, "fay", "github-repo") == ["docs:push", "mirrors:maintain", "void-packages:push"]


@pytest.mark.parametrize(
    ("told", "day", "in_effect"),
    [
        ({}, "2026-06-01", True),
        ({}, "2026-05-31", False),
        ({"since": "2026-12-01"}, "2026-11-27", False),
        ({"approvals": ["ann"]}, "2026-11-27", False),
        ({"approvals": []}, "2026-11-27", False),
        ({"consent": None}, "2026-11-27", False),
    ],
)
def test_a_join_is_in_effect_when_it_is_decided_and_begun(
    told: dict[str, Any], day: str, in_effect: bool, tmp_path: Path
) -> None:
    whole = {"teams": {"packagers": "member"}} | {k: v for k, v in told.items() if k == "since"}
    person = cases_roster.NEW | whole
    person["decision"] = {**cases_roster.NEW["decision"], **{k: v for k, v in told.items() if k != "since"}}  # type: ignore[dict-item]
    held = _held(tmp_path, {f"{PEOPLE}/new": person}, date.fromisoformat(day))
    assert bool(held["new"]) is in_effect


@pytest.mark.parametrize("on", ["2026-06-01", "2026-11-27", "2027-06-01"])
def test_a_leaving_counts_from_when_it_is_written_down(on: str, tmp_path: Path) -> None:
    held = _held(tmp_path, {f"{PEOPLE}/hal/left": {"on": on, "why": "wish"}, f"{PEOPLE}/hal/teams": {}})
    assert held["hal"] == frozenset()


def test_rights_do_not_hang_on_the_order_of_the_data(tmp_path: Path) -> None:
    shuffled = dict(LOCAL)
    roster: dict[str, Any] = dict(LOCAL["roster"])
    order = random.Random(7)
    for part in ("people", "teams"):
        items = list(roster[part].items())
        order.shuffle(items)
        roster[part] = dict(items)
    shuffled["roster"] = roster
    one = rights(load(write(tmp_path / "a", LOCAL)), AS_OF)
    other = rights(load(write(tmp_path / "b", shuffled)), AS_OF)
    assert plain(one) == plain(other)
    assert list(plain(one)) == list(plain(other)) == sorted(plain(one))


def test_rights_survive_as_plain_data(tmp_path: Path) -> None:
    held = _held(tmp_path, {})
    assert from_plain(plain(held)) == held
    assert right("devspace") == Right("devspace")
    with pytest.raises(ValueError, match="'host-log a' is no right"):
        right("host-log a")


def test_without_a_roster_nobody_has_rights(tmp_path: Path) -> None:
    fleet = load(write(tmp_path, bare("local")))
    assert rights(fleet, AS_OF) == {}
    assert to_rotate(fleet) == {}
    assert roles_of(fleet)["a-nyc-us"] == ["mirror"]


def test_what_leavers_knew_is_to_be_made_anew_until_it_was(tmp_path: Path) -> None:
    knew = {f"{PEOPLE}/ivy/left": {"on": "2026-06-01", "why": "wish", "knew": ["unseal-share", "state-passphrase"]}}
    at = "roster/settings/secrets/unseal-share/rotated"
    for rotated, left in (("2026-05-31", True), ("2026-06-01", False), (GONE, True)):
        changes = knew if rotated is GONE else knew | {at: rotated}
        found = to_rotate(load(write(tmp_path / str(rotated), changed(LOCAL, changes))))
        assert found == {"state-passphrase": ("ivy",)} | ({"unseal-share": ("ivy",)} if left else {})

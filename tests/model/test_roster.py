"""The roster's folder, the rules that ask for the day, and what no change may do to people."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from model import BadData, load
from model.checks import dated, roster_dated, roster_teams, sentence
from model.fleet import Fleet
from model.roster_change import ledger, problems
from tests.model import cases_roster
from tests.model.change import GONE, STACKS, Changes, bare, changed, facts, write
from tests.model.change import problems as said

AS_OF = date(2026, 11, 27)
LOCAL = bare("local") | {"roster": facts("local")["roster"]}
PEOPLE = "roster/people"
SETTINGS = "roster/settings"
WISH = {"on": "2026-11-25", "why": "wish"}
LONG_GONE = {"on": "2026-11-20", "why": "wish"}
WAIVER = cases_roster.WAIVER | {"reviewed_by": ["ann", "bo"]}


@pytest.fixture
def local(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STACKS / "local", tmp_path / "local"))


def _leaving(*handles: str, left: Any = WISH) -> Changes:
    gone: Changes = {}
    for handle in handles:
        gone |= {f"{PEOPLE}/{handle}/left": left, f"{PEOPLE}/{handle}/teams": {}}
    return gone


# Three of eight go, who answer for no team and own nothing.
MANY = (*("eli", "hal", "fay"),)
THEIRS: Changes = {"roster/teams/devspace-users/owners": ["dee"]}

DATED = (
    (
        roster_dated.joins_that_begin_are_decided,
        cases_roster.decided(approvals=["ann"]),
        cases_roster.new(since="2026-11-28") | {f"{PEOPLE}/new/decision/approvals": ["ann"]},
    ),
    (
        roster_dated.joins_that_begin_are_decided,
        cases_roster.decided(consent=None),
        cases_roster.decided(),
    ),
    (
        roster_dated.enough_owners_are_in_effect,
        {f"{PEOPLE}/cy/owner": False, **cases_roster.new(owner=True, since="2026-11-28")},
        {f"{PEOPLE}/cy/owner": False, **cases_roster.new(owner=True, since="2026-11-27")},
    ),
    (
        roster_dated.removals_are_few,
        _leaving(*MANY) | THEIRS,
        _leaving(*MANY) | THEIRS | {f"{SETTINGS}/waivers": [WAIVER]},
    ),
    (
        roster_dated.removals_are_few,
        _leaving(*MANY) | THEIRS | {f"{SETTINGS}/waivers": [WAIVER | {"until": "2026-11-26"}]},
        _leaving(*MANY[:2]) | THEIRS,
    ),
    (
        roster_dated.removals_are_few,
        _leaving(*MANY[:2]) | THEIRS | {f"{SETTINGS}/removal_percent": 24},
        _leaving(*MANY, left=LONG_GONE) | THEIRS,
    ),
    (
        roster_dated.waivers_end_soon,
        {f"{SETTINGS}/waivers": [WAIVER | {"until": "2026-12-28"}]},
        {f"{SETTINGS}/waivers": [WAIVER | {"until": "2026-12-27"}]},
    ),
    (
        roster_dated.what_is_done_has_happened,
        {f"{PEOPLE}/ivy/left/on": "2026-11-28"},
        {f"{PEOPLE}/ivy/left/on": "2026-11-20"},
    ),
)


@pytest.mark.parametrize(("rule", "broken", "twin"), DATED, ids=[f"{c[0].__name__}-{i}" for i, c in enumerate(DATED)])
def test_a_rule_that_asks_for_the_day(rule: Any, broken: Changes, twin: Changes, tmp_path: Path) -> None:
    folder = write(tmp_path / "broken", changed(LOCAL, broken))
    assert said(folder) == []  # without a day there is nothing to say
    with pytest.raises(BadData) as bad:
        load(folder, AS_OF)
    assert {p.rule for p in bad.value.problems} == {sentence(rule)}
    assert all(p.line and p.way_out for p in bad.value.problems)
    fleet = load(write(tmp_path / "twin", changed(LOCAL, twin)), AS_OF)
    assert list(dated(fleet, AS_OF)) == []


def test_every_rule_that_asks_for_the_day_is_shown() -> None:
    assert {rule for rule, _, _ in DATED} == set(roster_dated.DATED)


def test_a_repository_that_is_not_declared(tmp_path: Path) -> None:
    fleet = load(write(tmp_path, LOCAL))
    known = {"infrastructure", "members", "void-packages", "docs", "sites", "mirrors"}
    whole = fleet.model_copy(update={"github": SimpleNamespace(repositories=dict.fromkeys(known))})
    assert list(roster_teams.repositories_are_declared(whole)) == []
    less = fleet.model_copy(update={"github": SimpleNamespace(repositories=dict.fromkeys(known - {"docs", "members"}))})
    found = [one.path[-1] for one in roster_teams.repositories_are_declared(less)]
    assert found == ["docs", "repository"] or found == ["members", "docs", "repository"]


def test_both_stacks_hold_today() -> None:
    for stack in ("local", "prod"):
        fleet = load(STACKS / stack, datetime.now(UTC).date())
        assert fleet.roster is not None
        assert fleet.roster.people


def test_prod_has_as_many_people_in_teams_as_were_found() -> None:
    roster = load(STACKS / "prod").roster
    assert roster is not None
    found = {}
    for name, team in roster.teams.items():
        if team.grants.github is not None:
            levels = {h: "maintainer" if roster.people[h].owner else its for h, its in roster.members(name).items()}
            found[team.grants.github.team] = (
                sum(level == "maintainer" for level in levels.values()),
                sum(level == "member" for level in levels.values()),
                len(team.grants.github.repositories),
            )
    assert found == {
        "pkg-committers": (3, 19, 22),
        "xbps-developers": (1, 0, 1),
        "void-ops": (4, 0, 3),
        "doc-writers": (1, 1, 1),
        "webmasters": (3, 1, 2),
        "runit-devs": (3, 1, 1),
    }
    assert sum(p.left is None and bool(p.teams) for p in roster.people.values()) == 22
    assert sum(p.owner for p in roster.people.values()) == 3


def test_a_person_is_a_file_and_a_mistake_is_said_with_its_line(local: Path) -> None:
    file = local / "roster" / "people" / "bo.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("operators: maintainer", "operators: maintianer"), encoding="utf-8")
    (problem,) = said(local)
    assert (problem.file, problem.field) == (str(file), "roster.people.bo.teams.operators")
    assert problem.line == 1 + text[: text.index("teams:")].count("\n")


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("people/jo.yaml", "github: 1\nsince: 2024-01-01\nteam: {}\n", "unknown key `team`"),
        ("people/jo.yaml", "github: 1\n", "`since` is missing"),
        ("people/jo.yaml", "github: 1\nsince: 2024-02-30\n", "'2024-02-30' is no day"),
        ("people/jo.yaml", "github: 1\nsince: 20240201\n", "20240201 is no day"),
        ("people/jo.yaml", "", "says nothing"),
        ("people/jo.yaml", "- a\n", "holds no keys at its top level"),
        ("people/jo.yml", "github: 1\n", "ends in .yml"),
        ("people/Jo.yaml", "github: 1\nsince: 2024-01-01\n", "the key 'Jo' is not of the form"),
        (
            "people/jo.yaml",
            "github: 1\nsince: 2024-01-01\nkeys: {a: ssh-ed25519}\n",
            "'ssh-ed25519' is not of the form",
        ),
        ("more.yaml", "teams: {}\n", "stands in"),
        ("more.yaml", "teem: {}\n", "unknown key `teem`"),
        ("more.yaml", "people: {ann: {github: 5}}\n", "ann stands in"),
    ],
)
def test_a_mistake_in_the_folder(file: str, text: str, says: str, local: Path) -> None:
    (local / "roster" / file).write_text(text, encoding="utf-8")
    found = [p for p in said(local) if says in p.what]
    assert found, said(local)
    assert Path(found[0].file).parent in {local / "roster", local / "roster" / "people"}


def test_a_stack_without_people(local: Path) -> None:
    shutil.rmtree(local / "roster")
    # Nobody to let in, so nothing that lets people in.
    (local / "services/devspace.yaml").unlink()
    shutil.rmtree(local / "services/files/devspace")
    assert load(local, AS_OF).roster is None


def test_leaving_is_one_line(local: Path) -> None:
    file = local / "roster" / "people" / "fay.yaml"
    lines = file.read_text(encoding="utf-8").splitlines()
    (at,) = [i for i, line in enumerate(lines) if line.startswith("teams:")]
    lines[at] = "left: {on: 2026-11-26, why: security}"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    load(local, AS_OF)


def _ledgers(tmp_path: Path, changes: Changes) -> tuple[dict[str, Any], dict[str, Any]]:
    before, after = (load(write(tmp_path / n, changed(LOCAL, c))) for n, c in (("a", {}), ("b", changes)))
    assert before.roster is not None
    assert after.roster is not None
    return ledger(before.roster), ledger(after.roster)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({f"{PEOPLE}/hal": GONE}, "hal is gone from the roster"),
        ({f"{PEOPLE}/hal/github": 900000077}, "the GitHub id of hal changes from 900000008 to 900000077"),
        ({f"{PEOPLE}/hal/netauth/number": 2077}, "the number in the directory of hal changes from 2008 to 2077"),
        (
            {f"{PEOPLE}/hal": GONE, f"{PEOPLE}/lou": cases_roster.NEW | {"github": 900000008}},
            "the GitHub id 900000008 of lou was hal's",
        ),
        (
            {f"{PEOPLE}/hal": GONE, f"{PEOPLE}/lou": cases_roster.NEW | {"netauth": {"number": 2008}}},
            "the number in the directory 2008 of lou was hal's",
        ),
        ({f"{PEOPLE}/lou": {"github": 5, "since": "2024-01-01"}}, "lou is new and came without a decision"),
        # Whatever day they carry, and whatever the same change says of the limit.
        (_leaving(*MANY, left=LONG_GONE) | THEIRS, "3 of 8 people leave within 7 days (eli, fay, hal): that is 38 %"),
        (_leaving(*MANY) | THEIRS | {f"{SETTINGS}/removal_percent": 100}, "3 of 8 people leave within 7 days"),
    ],
)
def test_a_change_that_is_refused(changes: Changes, says: str, tmp_path: Path) -> None:
    found = problems(*_ledgers(tmp_path, changes), AS_OF)
    assert any(says in one for one in found), found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {f"{PEOPLE}/new": cases_roster.NEW},
        _leaving("hal"),
        _leaving(*MANY) | THEIRS | {f"{SETTINGS}/waivers": [WAIVER]},
        {f"{PEOPLE}/ann/keys": {}},
    ],
)
def test_a_change_that_is_not(changes: Changes, tmp_path: Path) -> None:
    assert problems(*_ledgers(tmp_path, changes), AS_OF) == ()


def test_leaving_in_two_steps_counts_as_one(tmp_path: Path) -> None:
    _, halfway = _ledgers(tmp_path / "one", _leaving(*MANY[:2]) | THEIRS)
    _, after = _ledgers(tmp_path / "two", _leaving(*MANY) | THEIRS)
    assert any("3 of 8 people leave" in one for one in problems(halfway, after, AS_OF))


def test_what_comes_back_from_the_engine_is_the_same(tmp_path: Path) -> None:
    before, after = _ledgers(tmp_path, {})
    floats = {**before, "people": {n: {**it, "github": float(it["github"])} for n, it in before["people"].items()}}
    assert problems(floats, after, AS_OF) == ()
    assert problems(None, after, AS_OF) == problems({}, after, AS_OF) == ()


def test_keys_of_made_up_people_are_keys() -> None:
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    for file in sorted(STACKS.glob("*/roster/people/*.yaml")):
        for key in yaml.safe_load(file.read_text(encoding="utf-8")).get("keys", {}).values():
            load_ssh_public_key(key.encode())


def test_who_is_a_member_of_a_team_has_not_left(tmp_path: Path) -> None:
    fleet: Fleet = load(write(tmp_path, LOCAL))
    assert fleet.roster is not None
    assert fleet.roster.members("observers") == {"cy": "member", "gus": "maintainer", "hal": "member"}

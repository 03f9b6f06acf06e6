"""`fleet welcome`: each join is told once, those who asked for quiet have it, and what fails is tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli import roster_github, roster_tell
from tests.cli.github_api import TOKEN, Hub, serving
from tests.cli.rosters import edit, project
from tests.cli.run import Ran

__all__ = ["project"]

Fleet = Callable[..., Ran]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving() as found:
        found.logins = {900000006: "fay-at-github", 900000008: "hal-at-github"}
        found.issues = {n: {"number": n, "state": "open", "title": f"Proposal {n}", "body": None} for n in (3, 5, 8, 9)}
        monkeypatch.setenv(roster_github.BASE, found.address)
        monkeypatch.setenv(roster_github.TOKEN, TOKEN)
        monkeypatch.setenv(roster_tell.HOOK, f"{found.address}/bridge")
        monkeypatch.setattr(roster_github, "organisation", lambda _: "o")
        yield found


def welcomes(fleet: Fleet, as_of: str = "2026-05-10", since: str = "2025-06-01") -> Ran:
    return fleet("welcome", "-s", "local", "--as-of", as_of, "--since", since)


@pytest.mark.usefixtures("project")
def test_a_join_is_told_once_and_its_issue_closed(fleet: Fleet, hub: Hub) -> None:
    assert welcomes(fleet).code == 0
    assert {n: one["state"] for n, one in hub.issues.items()} == {3: "open", 5: "closed", 8: "closed", 9: "closed"}
    assert hub.channel == [
        {"channel": "#fleet", "text": f"{who} has joined: {team}. Welcome!"}
        for who, team in (("fay", "mirror-keepers"), ("hal", "observers"))
    ]
    assert hub.comments[5][0].startswith("@fay-at-github is a member now. Welcome! From now on:")
    assert "- fay can log in on 2 mirrors" in hub.comments[5][0]
    assert 8 not in hub.comments, "gus asked for quiet"
    before = hub.comments | {}
    assert welcomes(fleet).code == 0
    assert (len(hub.channel), hub.comments) == (2, before)
    assert not [one for one in hub.asked if one.startswith("PATCH")][3:]


@pytest.mark.usefixtures("project")
def test_what_has_not_begun_and_what_is_long_ago_is_not_told(fleet: Fleet, hub: Hub) -> None:
    assert welcomes(fleet, "2026-05-03", "2026-01-01").code == 0
    assert {n for n, one in hub.issues.items() if one["state"] == "closed"} == {8}
    assert hub.channel == []


def test_a_proposal_that_is_no_issue_gets_one_of_its_own(fleet: Fleet, hub: Hub, project: Path) -> None:
    edit(project, "people/hal.yaml", "https://git.fleet.example/members/issues/9", "said at the meeting in April")
    for _ in range(2):
        assert welcomes(fleet, since="2026-05-01").code == 0
    assert hub.issues[10]["state"] == "closed"
    assert (max(hub.issues), len(hub.channel), len(hub.comments[10])) == (10, 1, 1)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("broken", ["POST /bridge", "POST /repos/o/members/issues/9/comments", "PATCH /repos/o"])
def test_what_fails_is_said_and_done_by_the_next_run(fleet: Fleet, hub: Hub, broken: str) -> None:
    hub.broken = [broken]
    ran = welcomes(fleet, since="2026-05-01")
    assert ran.code == 1
    assert "hal: not told yet" in ran.err
    assert TOKEN not in ran.err + ran.out
    hub.broken = []
    assert welcomes(fleet, since="2026-05-01").code == 0
    assert hub.issues[9]["state"] == "closed"
    assert len(hub.comments[9]) == 1


@pytest.mark.usefixtures("project")
def test_without_a_bridge_the_note_is_said_for_a_person_to_post(
    fleet: Fleet, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(roster_tell.HOOK)
    ran = welcomes(fleet, since="2026-05-01")
    assert ran.code == 0
    assert "Post this to #fleet" in ran.err
    assert hub.issues[9]["state"] == "closed"


@pytest.mark.usefixtures("project", "hub")
def test_without_a_token_nothing_is_asked(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(roster_github.TOKEN)
    ran = welcomes(fleet)
    assert ran.code == 1
    assert "no token for GitHub: set GITHUB_TOKEN" in ran.err

"""GitHub's stand-in takes and refuses what the official provider and GitHub do, and sees what drifted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from providers.base.values import UNKNOWN, Bag
from rehearsal.cloud.github_client import Client
from rehearsal.cloud.github_hub import AN_HOUR, Hub, hub_of
from rehearsal.cloud.world import World
from tests.cloud.conftest import Engine

MEMBER = "github:index/membership:Membership"
SETTINGS = "github:index/organizationSettings:OrganizationSettings"
TEAM = "github:index/team:Team"
IN_TEAM = "github:index/teamMembership:TeamMembership"
GRANT = "github:index/teamRepository:TeamRepository"
REPOSITORY = "github:index/repository:Repository"
ALERTS = "github:index/repositoryVulnerabilityAlerts:RepositoryVulnerabilityAlerts"
PAGES = "github:index/repositoryPages:RepositoryPages"
LABEL = "github:index/issueLabel:IssueLabel"
BRANCH = "github:index/branchProtection:BranchProtection"

REVIEW = {"requiredApprovingReviewCount": 1, "dismissStaleReviews": True}
GOOD: dict[str, Bag] = {
    MEMBER: {"username": "ann", "role": "admin"},
    SETTINGS: {"billingEmail": "a@x.example", "defaultRepositoryPermission": "read", "membersCanCreatePages": False},
    TEAM: {"name": "ops", "description": "Operators", "privacy": "closed"},
    IN_TEAM: {"teamId": "4000001", "username": "ann", "role": "maintainer"},
    GRANT: {"teamId": "4000001", "repository": "one", "permission": "push"},
    REPOSITORY: {
        "name": "one",
        "description": "The first",
        "topics": ["b", "a"],
        "hasWiki": False,
        "allowMergeCommit": False,
        "visibility": "public",
        "archiveOnDestroy": True,
        "autoInit": True,
    },
    ALERTS: {"repository": "one", "enabled": True},
    PAGES: {
        "repository": "one",
        "buildType": "legacy",
        "source": {"branch": "main", "path": "/"},
        "cname": "x.example",
    },
    LABEL: {"repository": "one", "name": "join us", "color": "0e8a16", "description": "somebody is proposed"},
    BRANCH: {"repositoryId": "R_kgDO90000001", "pattern": "main", "requiredPullRequestReviews": [REVIEW]},
}

BAD: list[tuple[str, Bag, str]] = [
    (MEMBER, {"role": "admin"}, "username: required by Membership"),
    (MEMBER, {**GOOD[MEMBER], "role": "owner"}, "role: 'owner' is not one of member, admin"),
    (MEMBER, {**GOOD[MEMBER], "user": "x"}, "user: unknown property"),
    (SETTINGS, {"name": "x"}, "billingEmail: required"),
    (TEAM, {**GOOD[TEAM], "privacy": "open"}, "privacy: 'open' is not one of secret, closed"),
    (
        TEAM,
        {**GOOD[TEAM], "parent_team_id": "1"},
        "parent_team_id: unknown property of Team; did you mean",
    ),
    (IN_TEAM, {"username": "ann"}, "teamId: required"),
    (IN_TEAM, {**GOOD[IN_TEAM], "role": "admin"}, "role: 'admin' is not one of member, maintainer"),
    (GRANT, {**GOOD[GRANT], "permission": "write"}, "permission: 'write' is not one of pull, triage, push"),
    (REPOSITORY, {**GOOD[REPOSITORY], "topics": "a"}, "topics: must be a list"),
    (REPOSITORY, {**GOOD[REPOSITORY], "hasWiki": "no"}, "hasWiki: must be true or false"),
    (REPOSITORY, {**GOOD[REPOSITORY], "visibility": "open"}, "visibility: 'open' is not one of"),
    (REPOSITORY, {**GOOD[REPOSITORY], "private": True}, "visibility conflicts with private"),
    (ALERTS, {"enabled": True}, "repository: required"),
    (PAGES, {**GOOD[PAGES], "source": {"path": "/"}}, "source.branch: required"),
    (PAGES, {**GOOD[PAGES], "buildType": "branch"}, "buildType: 'branch' is not one of legacy, workflow"),
    (LABEL, {"repository": "one", "name": "x"}, "color: required"),
    (BRANCH, {"repositoryId": "R"}, "pattern: required"),
    (
        BRANCH,
        {**GOOD[BRANCH], "requiredPullRequestReviews": [{"approvals": 1}]},
        "requiredPullRequestReviews[0].approvals: unknown property",
    ),
]
FIRST = (MEMBER, SETTINGS, TEAM, REPOSITORY)


@pytest.fixture
def github(connect: Callable[..., Engine]) -> Engine:
    return connect("github", owner="o", baseUrl="https://api.github.com/")


@pytest.fixture
def hub(world: World) -> Hub:
    return hub_of(world)


def made(github: Engine, *tokens: str) -> dict[str, tuple[str, Bag, Bag]]:
    """What stands before most things, and these: id, inputs and outputs of each."""
    found = {}
    for token in dict.fromkeys((*FIRST, *tokens)):
        taken, failures = github.check(token, GOOD[token])
        assert failures == []
        number, outputs = github.create(token, GOOD[token])
        found[token] = (number, taken, outputs)
    return found


@pytest.mark.parametrize(("token", "bag", "says"), BAD, ids=[f"{t.rpartition(':')[2]}-{s[:30]}" for t, _, s in BAD])
def test_a_bad_bag_is_refused_by_name(token: str, bag: Bag, says: str, github: Engine) -> None:
    _, failures = github.check(token, bag)
    assert any(says in one for one in failures), failures
    assert len(failures) == 1


def test_the_provider_takes_no_token_and_wants_an_owner(github: Engine) -> None:
    assert any("the state would keep it" in one for one in github.configure(owner="o", token="ghp_x"))
    assert any("which organisation" in one for one in github.configure(baseUrl="https://api.github.com/"))
    assert any("unknown property" in one for one in github.configure(owner="o", tokens="x"))
    assert github.configure(owner="o", writeDelayMs="500") == []


@pytest.mark.parametrize("token", GOOD)
def test_what_was_made_is_found_as_it_was_asked_for_and_goes(token: str, github: Engine) -> None:
    number, taken, outputs = made(github, token)[token]
    assert github.read(token, number, taken, outputs)[1] == taken
    assert not github.diff(token, number, taken, outputs, taken).detailedDiff
    again, imported, _ = github.read(token, number)
    assert again == number
    seen = {key: value for key, value in imported.items() if key in taken}
    shown = {key: sorted(value) if key == "topics" else value for key, value in taken.items() if key in seen}
    assert seen == shown
    if token == MEMBER:
        with pytest.raises(Exception, match="Cannot remove the last owner"):
            github.delete(token, number)
        return
    github.delete(token, number)
    github.delete(token, number)
    if token not in (REPOSITORY, SETTINGS, ALERTS):
        assert github.read(token, number, taken, outputs)[0] == ""


def test_a_repository_that_leaves_is_archived_and_not_deleted(github: Engine, hub: Hub) -> None:
    number, taken, _ = made(github)[REPOSITORY]
    github.delete(REPOSITORY, number, taken)
    assert hub.call("GET", "/repos/o/one").body["archived"]


def test_a_repository_is_renamed_in_place(github: Engine) -> None:
    number, taken, outputs = made(github)[REPOSITORY]
    renamed = {**taken, "name": "uno"}
    answer = github.diff(REPOSITORY, number, taken, outputs, renamed)
    assert list(answer.detailedDiff) == ["name"]
    assert not answer.replaces
    after = github.update(REPOSITORY, number, taken, outputs, renamed)
    assert (after["fullName"], after["repoId"]) == ("o/uno", outputs["repoId"])
    assert github.read(REPOSITORY, number, renamed, after)[1]["name"] == "uno"


def test_an_archived_repository_is_opened_before_anything_else_changes(github: Engine) -> None:
    number, taken, outputs = made(github)[REPOSITORY]
    closed = {**taken, "archived": True}
    outputs = github.update(REPOSITORY, number, taken, outputs, closed)
    with pytest.raises(Exception, match=r"403 Repository was archived so is read-only\."):
        github.update(REPOSITORY, number, closed, outputs, {**closed, "description": "Another"})
    after = github.update(REPOSITORY, number, closed, outputs, {**taken, "description": "Another"})
    assert after["description"] == "Another"
    assert not after.get("archived")


CHANGES = [
    (MEMBER, {"username": "bo"}, True),
    (TEAM, {"name": "operators"}, False),
    (GRANT, {"permission": "pull"}, False),
    (GRANT, {"repository": "two"}, True),
    (IN_TEAM, {"teamId": "5"}, True),
    (REPOSITORY, {"topics": ["a", "c"]}, False),
    (LABEL, {"color": "ffffff"}, False),
    (LABEL, {"repository": "two"}, True),
    (BRANCH, {"requiredPullRequestReviews": [{**REVIEW, "requiredApprovingReviewCount": 2}]}, False),
    (PAGES, {"cname": "y.example"}, False),
]


@pytest.mark.parametrize(("token", "change", "anew"), CHANGES)
def test_what_a_change_replaces(token: str, change: Bag, anew: bool, github: Engine) -> None:
    number, taken, outputs = made(github, token)[token]
    answer = github.diff(token, number, taken, outputs, {**taken, **change})
    assert {path.partition("[")[0] for path in answer.detailedDiff} == set(change)
    assert bool(answer.replaces) == anew
    if not anew:
        after = github.update(token, number, taken, outputs, {**taken, **change})
        assert not github.diff(token, number, {**taken, **change}, after, {**taken, **change}).detailedDiff
        assert github.read(token, number, {**taken, **change}, after)[1] == {**taken, **change}


def test_an_order_of_topics_and_capitals_of_a_login_are_no_change(github: Engine) -> None:
    found = made(github)
    number, taken, outputs = found[REPOSITORY]
    assert not github.diff(REPOSITORY, number, taken, outputs, {**taken, "topics": ["a", "b"]}).detailedDiff
    number, taken, outputs = found[MEMBER]
    assert not github.diff(MEMBER, number, taken, outputs, {**taken, "username": "Ann"}).detailedDiff


def test_what_somebody_changed_by_hand_is_seen(github: Engine, hub: Hub) -> None:
    found = made(github, GRANT, BRANCH, LABEL)
    hub.call("PATCH", "/repos/o/one", {"has_wiki": True, "description": "by hand"})
    number, taken, outputs = found[REPOSITORY]
    seen = github.read(REPOSITORY, number, taken, outputs)[1]
    assert {key: seen[key] for key in seen if seen[key] != taken.get(key)} == {
        "hasWiki": True,
        "description": "by hand",
    }
    hub.call("PUT", "/orgs/o/teams/ops/repos/o/one", {"permission": "admin"})
    assert github.read(GRANT, *found[GRANT])[1]["permission"] == "admin"
    hub.call("DELETE", "/repos/o/one/labels/join%20us")
    assert github.read(LABEL, *found[LABEL])[0] == ""
    hub.call("DELETE", "/orgs/o/teams/ops")
    assert github.read(GRANT, *found[GRANT])[0] == ""


def test_a_pending_invitation_is_a_membership(github: Engine, hub: Hub) -> None:
    made(github)
    number, outputs = github.create(MEMBER, {"username": "bo", "role": "member"})
    assert hub.call("GET", "/orgs/o/memberships/bo").body["state"] == "pending"
    assert github.read(MEMBER, number, {"username": "bo", "role": "member"}, outputs)[1]["role"] == "member"
    github.delete(MEMBER, number)
    assert hub.call("GET", "/orgs/o/invitations").body == []


def test_a_label_that_every_repository_has_is_taken_over(github: Engine, hub: Hub) -> None:
    made(github)
    github.create(LABEL, {"repository": "one", "name": "bug", "color": "000000", "description": "ours"})
    assert hub.call("GET", "/repos/o/one/labels/bug").body["color"] == "000000"
    assert len(hub.call("GET", "/repos/o/one/labels").body) == 9


REFUSED = [
    (GRANT, {**GOOD[GRANT], "teamId": "9"}, "no team 9 in o"),
    (GRANT, {**GOOD[GRANT], "repository": "none"}, r"PUT https://api\.github\.com/orgs/o/teams/ops/repos/o/none: 404"),
    (IN_TEAM, {**GOOD[IN_TEAM], "username": "no_login"}, "404 Not Found"),
    (REPOSITORY, GOOD[REPOSITORY], "422 Repository creation failed. .*name already exists on this account"),
    (TEAM, GOOD[TEAM], "422 Validation Failed .*Name must be unique for this org"),
    (BRANCH, {**GOOD[BRANCH], "repositoryId": "R_none"}, "NOT_FOUND: Could not resolve to a node"),
    (PAGES, {**GOOD[PAGES], "source": {"branch": "gh-pages"}}, "gh-pages branch must exist"),
]


@pytest.mark.parametrize(("token", "bag", "says"), REFUSED)
def test_what_github_refuses_is_refused_in_its_words(token: str, bag: Bag, says: str, github: Engine) -> None:
    made(github)
    with pytest.raises(Exception, match=f"(?s){says}"):
        github.create(token, bag)


def test_a_branch_is_protected_once(github: Engine) -> None:
    made(github, BRANCH)
    with pytest.raises(Exception, match="Name already protected: main"):
        github.create(BRANCH, GOOD[BRANCH])


def test_a_preview_makes_nothing_and_does_not_know_what_github_decides(github: Engine, hub: Hub) -> None:
    number, outputs = github.create(REPOSITORY, GOOD[REPOSITORY], preview=True)
    assert number == ""
    assert outputs["nodeId"] is UNKNOWN
    assert hub.every("repository") == []
    everything = dict.fromkeys(GOOD[BRANCH], UNKNOWN)
    assert github.check(BRANCH, everything)[1] == []


def test_at_a_limit_it_waits_as_the_official_provider_does(world: World, hub: Hub) -> None:
    said: list[str] = []
    client = Client(world, "o", 0.0, lambda text, severity: said.append(f"{severity}: {text}"))
    begun = hub.clock.now()
    for number in range(90):
        client("POST", "/orgs/o/repos", {"name": f"r{number}"})
    assert said == ["warning: GitHub's limit is reached: the official provider would wait for 60 s"]
    assert hub.clock.now() - begun > 60
    patient = Client(world, "o", 1.0, lambda text, _: said.append(text))
    for number in range(90):
        patient("POST", "/orgs/o/repos", {"name": f"p{number}"})
    assert len(said) == 1, "with its own pause between writes no limit is met"


def test_the_limit_of_an_hour_is_waited_for_too(world: World, hub: Hub) -> None:
    said: list[Any] = []
    client = Client(world, "o", 0.0, lambda *text: said.append(text))
    client("PATCH", "/orgs/o", {"description": "x"})
    hub._limits["token"].used = AN_HOUR
    assert client("GET", "/orgs/o")["description"] == "x"
    assert len(said) == 1

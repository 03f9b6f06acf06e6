"""The rehearsal's GitHub answers as the real one: shapes, pages, limits, refusals, invitations."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal.cloud.github_hub import AN_HOUR, Hub, hub_of
from rehearsal.cloud.store import Store
from rehearsal.cloud.world import World

ORG = "/orgs/o"


@pytest.fixture
def hub(world: World) -> Hub:
    return hub_of(world)


def done(hub: Hub, method: str, path: str, body: dict[str, Any] | None = None, **more: Any) -> Any:
    """A request that succeeds; its body."""
    answer = hub.call(method, path, body, **more)
    assert answer.status < 300, answer.body
    return answer.body


def refused(hub: Hub, method: str, path: str, body: dict[str, Any] | None = None, **more: Any) -> tuple[int, str]:
    """A request that does not; status and what was said, of the first error where there is one."""
    answer = hub.call(method, path, body, **more)
    assert answer.status >= 400, answer.body
    assert answer.body["status"] == str(answer.status)
    errors = answer.body.get("errors")
    return answer.status, (errors[0].get("message") or errors[0]["code"]) if errors else answer.body["message"]


def owned(hub: Hub) -> None:
    """An organisation with its first owner."""
    done(hub, "PUT", f"{ORG}/memberships/ann", {"role": "admin"})


def test_an_invitation_is_pending_until_the_account_itself_accepts(hub: Hub) -> None:
    owned(hub)
    assert done(hub, "PUT", f"{ORG}/memberships/bo", {"role": "member"})["state"] == "pending"
    assert [one["login"] for one in done(hub, "GET", f"{ORG}/members")] == ["ann"]
    assert [one["login"] for one in done(hub, "GET", f"{ORG}/invitations")] == ["bo"]
    assert refused(hub, "PATCH", "/user/memberships/orgs/o", {"state": "active"}, actor="eve")[0] == 404
    done(hub, "PATCH", "/user/memberships/orgs/o", {"state": "active"}, actor="bo")
    assert [one["login"] for one in done(hub, "GET", f"{ORG}/members")] == ["ann", "bo"]
    assert done(hub, "GET", f"{ORG}/memberships/BO")["role"] == "member", "logins have no capitals"


def test_the_last_owner_stays(hub: Hub) -> None:
    owned(hub)
    assert refused(hub, "DELETE", f"{ORG}/memberships/ann") == (403, "Cannot remove the last owner of the organization")
    assert refused(hub, "PUT", f"{ORG}/memberships/ann", {"role": "member"})[0] == 403
    done(hub, "PUT", f"{ORG}/memberships/bo", {"role": "admin"})
    assert refused(hub, "DELETE", f"{ORG}/memberships/ann")[0] == 403, "an invited owner is none yet"
    done(hub, "PATCH", "/user/memberships/orgs/o", {"state": "active"}, actor="bo")
    done(hub, "DELETE", f"{ORG}/memberships/ann")
    assert refused(hub, "GET", f"{ORG}/memberships/ann") == (404, "Not Found")


def test_a_login_that_another_account_took_is_nobodys_membership(hub: Hub) -> None:
    owned(hub)
    done(hub, "PUT", f"{ORG}/memberships/bo", {"role": "member"})
    before = done(hub, "GET", "/users/bo")["id"]
    hub.register("bo", before + 1)
    assert refused(hub, "GET", f"{ORG}/memberships/bo") == (404, "Not Found")


def test_whoever_leaves_is_out_of_the_teams_and_an_owner_maintains_theirs(hub: Hub) -> None:
    owned(hub)
    team = done(hub, "POST", f"{ORG}/teams", {"name": "The Ops", "privacy": "closed"})
    assert team["slug"] == "the-ops"
    said = done(hub, "PUT", f"{ORG}/teams/the-ops/memberships/ann", {"role": "member"})
    assert (said["role"], said["state"]) == ("maintainer", "active")
    said = done(hub, "PUT", f"{ORG}/teams/the-ops/memberships/bo", {"role": "member"})
    assert (said["role"], said["state"]) == ("member", "pending"), "whoever is not in the organisation is invited"
    assert [one["login"] for one in done(hub, "GET", f"{ORG}/teams/the-ops/members")] == ["ann"]
    done(hub, "DELETE", f"{ORG}/memberships/bo")
    assert refused(hub, "GET", f"{ORG}/teams/the-ops/memberships/bo")[0] == 404


def test_teams_nest_and_go_together(hub: Hub) -> None:
    owned(hub)
    above = done(hub, "POST", f"{ORG}/teams", {"name": "above", "privacy": "closed"})
    below = {"name": "below", "privacy": "closed", "parent_team_id": above["id"]}
    assert done(hub, "POST", f"{ORG}/teams", below)["parent"]["slug"] == "above"
    assert refused(hub, "POST", f"{ORG}/teams", below) == (422, "Name must be unique for this org")
    secret = {"name": "hidden", "privacy": "secret", "parent_team_id": above["id"]}
    assert refused(hub, "POST", f"{ORG}/teams", secret)[0] == 422
    assert refused(hub, "POST", f"{ORG}/teams", {"privacy": "closed"}) == (422, "missing_field")
    circle = {"parent_team_id": done(hub, "GET", f"{ORG}/teams/below")["id"]}
    assert refused(hub, "PATCH", f"{ORG}/teams/above", circle) == (422, "A team cannot stand under itself")
    done(hub, "DELETE", f"{ORG}/teams/above")
    assert done(hub, "GET", f"{ORG}/teams") == []


def test_lists_come_in_pages(hub: Hub) -> None:
    owned(hub)
    for number in range(65):
        done(hub, "POST", f"{ORG}/teams", {"name": f"team-{number}", "privacy": "closed"})
    first = hub.call("GET", f"{ORG}/teams")
    assert len(first.body) == 30
    assert '&page=2>; rel="next"' in first.headers["link"]
    assert '&page=3>; rel="last"' in first.headers["link"]
    last = hub.call("GET", f"{ORG}/teams?per_page=30&page=3")
    assert len(last.body) == 5
    assert 'rel="next"' not in last.headers["link"]
    assert len(hub.call("GET", f"{ORG}/teams?per_page=500").body) == 65, "a hundred at most"
    assert "link" not in hub.call("GET", f"{ORG}/teams?per_page=100").headers


NAMES = [
    ({"name": "a b"}, "name is invalid"),
    ({"name": "x.git"}, "name is invalid"),
    ({"name": "one"}, "name already exists on this account"),
    ({"name": "ONE"}, "name already exists on this account"),
    ({"name": "x", "visibility": "internal"}, "Only organizations of an enterprise have internal ones"),
    ({"name": "x", "description": "x" * 351}, "description cannot be more than 350 characters"),
    (
        {"name": "x", "allow_merge_commit": False, "allow_squash_merge": False, "allow_rebase_merge": False},
        "Sorry, need to allow at least one merge strategy. (no_merge_method)",
    ),
]


@pytest.mark.parametrize(("body", "says"), NAMES)
def test_a_repository_that_github_does_not_take_is_refused(body: dict[str, Any], says: str, hub: Hub) -> None:
    done(hub, "POST", f"{ORG}/repos", {"name": "one"})
    assert refused(hub, "POST", f"{ORG}/repos", body) == (422, says)
    assert refused(hub, "POST", f"{ORG}/repos", {}) == (422, "missing_field")


def test_an_archived_repository_can_only_be_read(hub: Hub) -> None:
    owned(hub)
    done(hub, "POST", f"{ORG}/repos", {"name": "one"})
    done(hub, "POST", f"{ORG}/teams", {"name": "ops", "privacy": "closed"})
    grant = f"{ORG}/teams/ops/repos/o/one"
    done(hub, "PUT", grant, {"permission": "push"})
    done(hub, "PATCH", "/repos/o/one", {"archived": True})
    read_only = (403, "Repository was archived so is read-only.")
    assert refused(hub, "PUT", grant, {"permission": "pull"}) == read_only
    assert refused(hub, "DELETE", grant) == read_only
    assert refused(hub, "PATCH", "/repos/o/one", {"description": "x"}) == read_only
    assert refused(hub, "PUT", "/repos/o/one/topics", {"names": []}) == read_only
    assert refused(hub, "POST", "/repos/o/one/labels", {"name": "x", "color": "ffffff"}) == read_only
    assert done(hub, "GET", grant)["permissions"]["push"]
    done(hub, "PATCH", "/repos/o/one", {"archived": False})
    done(hub, "DELETE", grant)


def test_a_renamed_repository_is_found_under_its_old_name_until_another_takes_it(hub: Hub) -> None:
    number = done(hub, "POST", f"{ORG}/repos", {"name": "old"})["id"]
    done(hub, "PATCH", "/repos/o/old", {"name": "new"})
    assert done(hub, "GET", "/repos/o/old")["id"] == number
    other = done(hub, "POST", f"{ORG}/repos", {"name": "old"})["id"]
    assert done(hub, "GET", "/repos/o/old")["id"] == other != number
    assert done(hub, "GET", "/repos/o/new")["id"] == number


def test_topics_labels_and_pages_are_checked(hub: Hub) -> None:
    done(hub, "POST", f"{ORG}/repos", {"name": "one", "auto_init": True})
    assert refused(hub, "PUT", "/repos/o/one/topics", {"names": ["Upper"]})[1].startswith("Topics must start with")
    assert refused(hub, "PUT", "/repos/o/one/topics", {"names": [f"t{n}" for n in range(21)]})[0] == 422
    assert done(hub, "PUT", "/repos/o/one/topics", {"names": ["b", "a"]})["names"] == ["a", "b"]
    assert len(done(hub, "GET", "/repos/o/one/labels")) == 9, "those that every new repository has"
    assert refused(hub, "POST", "/repos/o/one/labels", {"name": "x", "color": "#fff"}) == (422, "invalid")
    assert refused(hub, "POST", "/repos/o/one/labels", {"name": "BUG", "color": "ffffff"}) == (422, "already_exists")
    no_branch = {"build_type": "legacy", "source": {"branch": "gh-pages", "path": "/"}}
    assert "gh-pages branch must exist" in refused(hub, "POST", "/repos/o/one/pages", no_branch)[1]
    done(hub, "POST", "/repos/o/one/pages", {"build_type": "legacy", "source": {"branch": "main", "path": "/"}})
    assert refused(hub, "POST", "/repos/o/one/pages", {"build_type": "workflow"})[0] == 409
    done(hub, "PUT", "/repos/o/one/pages", {"cname": "x.example"})
    done(hub, "POST", f"{ORG}/repos", {"name": "two"})
    done(hub, "POST", "/repos/o/two/pages", {"build_type": "workflow"})
    assert "already taken" in refused(hub, "PUT", "/repos/o/two/pages", {"cname": "x.example"})[1]


def test_issues_are_told_apart_by_state_and_label(hub: Hub) -> None:
    done(hub, "POST", f"{ORG}/repos", {"name": "one"})
    first = done(hub, "POST", "/repos/o/one/issues", {"title": "fay joins", "labels": ["join"]}, actor="ann")
    done(hub, "POST", "/repos/o/one/issues", {"title": "other"})
    assert (first["number"], first["user"]["login"]) == (1, "ann")
    assert [one["number"] for one in done(hub, "GET", "/repos/o/one/issues?labels=Join")] == [1]
    done(hub, "POST", "/repos/o/one/issues/1/comments", {"body": "welcome"})
    assert [one["body"] for one in done(hub, "GET", "/repos/o/one/issues/1/comments")] == ["welcome"]
    done(hub, "PATCH", "/repos/o/one/issues/1", {"state": "closed"})
    assert [one["number"] for one in done(hub, "GET", "/repos/o/one/issues")] == [2]
    assert refused(hub, "GET", "/repos/o/one/issues/9") == (404, "Not Found")
    done(hub, "PATCH", "/repos/o/one", {"has_issues": False})
    assert refused(hub, "POST", "/repos/o/one/issues", {"title": "x"})[0] == 410


def test_five_thousand_requests_an_hour_and_no_more(hub: Hub) -> None:
    owned(hub)
    for number in range(AN_HOUR - 1):
        if number % 800 == 0:
            hub.clock.wait(61)
        assert hub.call("GET", "/users/ann").status == 200
    over = hub.call("GET", "/users/ann")
    assert (over.status, over.headers["x-ratelimit-remaining"]) == (403, "0")
    assert over.body["message"].startswith("API rate limit exceeded")
    assert hub.call("GET", "/users/ann", actor="another").status == 200, "the limit is of one token"
    hub.clock.wait(float(over.headers["x-ratelimit-reset"]) - hub.clock.now() + 1)
    assert hub.call("GET", "/users/ann").headers["x-ratelimit-used"] == "1"


def test_eighty_things_made_a_minute_and_no_more(hub: Hub) -> None:
    for number in range(80):
        done(hub, "POST", f"{ORG}/repos", {"name": f"r{number}"})
    over = hub.call("POST", f"{ORG}/repos", {"name": "r80"})
    assert (over.status, over.headers["retry-after"]) == (403, "60")
    assert "secondary rate limit" in over.body["message"]
    hub.clock.wait(60)
    done(hub, "POST", f"{ORG}/repos", {"name": "r80"})


def test_five_hundred_things_made_an_hour_and_the_wait_is_told(hub: Hub) -> None:
    for number in range(500):
        hub.clock.wait(1)
        done(hub, "POST", f"{ORG}/teams", {"name": f"t{number}", "privacy": "closed"})
    over = hub.call("POST", f"{ORG}/teams", {"name": "t500", "privacy": "closed"})
    assert over.status == 403
    # An hour after the first of them, told in whole seconds: 500 s of it are gone.
    assert 3000 < int(over.headers["retry-after"]) <= 3101
    hub.clock.wait(float(over.headers["retry-after"]))
    done(hub, "POST", f"{ORG}/teams", {"name": "t500", "privacy": "closed"})


def test_what_is_kept_outlives_the_daemon(hub: Hub, world: World) -> None:
    owned(hub)
    again = Hub(Store(world.run / "cloud"))
    assert again.call("GET", f"{ORG}/memberships/ann").body == hub.call("GET", f"{ORG}/memberships/ann").body
    assert refused(again, "GET", "/orgs/another") == (404, "Not Found"), "there is one organisation"

"""The plan of prod's organisation agrees with the facts: repository by repository, value by value."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from components.roster.github_plan import GithubPlan, plan
from model import Fleet, load
from tests.model.change import STACKS, changed, facts, write
from tests.model.github_facts import FACTS, expected, found, links

DAY = date(2026, 11, 27)


def _plan(fleet: Fleet) -> GithubPlan:
    it = plan(fleet, DAY)
    assert it is not None
    return it


@pytest.fixture(scope="module")
def prod() -> GithubPlan:
    return _plan(load(STACKS / "prod"))


def _planned(whole: GithubPlan) -> dict[str, dict[str, Any]]:
    pages = {it.repository: {"cname": it.cname, "branch": it.branch, "path": it.path} for it in whole.pages}
    branches: dict[str, dict[str, int]] = {}
    for it in whole.branches:
        branches.setdefault(it.repository, {})[it.pattern] = it.protection.approvals
    return {
        it.name: {
            "description": it.description,
            "homepage": it.homepage,
            "topics": set(it.topics),
            "issues": it.issues,
            "wiki": it.wiki,
            "projects": it.projects,
            "discussions": it.discussions,
            "archived": it.archived,
            "merge_commit": it.merge_commit,
            "squash": it.squash,
            "rebase": it.rebase,
            "delete_branch": it.delete_branch,
            "auto_merge": it.auto_merge,
            "alerts": it.alerts,
            "visibility": it.visibility,
            "pages": pages.get(it.name),
            "branches": branches.get(it.name),
        }
        for it in whole.repositories
    }


def test_a6_05_the_29_repositories_are_those_of_the_facts(prod: GithubPlan) -> None:
    assert len(FACTS["repositories"]) == 29
    assert _planned(prod) == expected()


def test_a6_05_a_value_that_differs_is_seen(tmp_path: Path) -> None:
    other = _plan(load(write(tmp_path, changed(facts("prod"), {"github/repositories/xbps/merge": "anyhow"}))))
    seen = [name for name, said in expected().items() if _planned(other)[name] != said]
    assert seen == ["xbps"]


def test_a6_05_every_difference_is_one_and_has_a_reason() -> None:
    before = found()
    for it in FACTS["differences"]:
        assert len(it["why"]) > 20
        if it["repository"] is not None:
            assert before[it["repository"]][it["field"]] != it["here"]


def test_a6_05_the_6_teams_are_those_of_the_facts(prod: GithubPlan) -> None:
    levels = Counter((it.slug, it.role) for it in prod.in_teams)
    teams = {
        it.slug: {
            "description": it.description,
            "privacy": it.privacy,
            "parent": it.parent,
            "maintainers": levels[it.slug, "maintainer"],
            "members": levels[it.slug, "member"],
        }
        for it in prod.teams
    }
    assert len(teams) == 6
    assert teams == FACTS["teams"]


def test_a6_05_the_30_grants_are_those_of_the_facts(prod: GithubPlan) -> None:
    granted = {(it.slug, it.repository, it.permission) for it in prod.grants}
    assert granted == links()
    assert len(prod.grants) == 30


def test_a6_05_people_are_as_many_as_in_the_facts(prod: GithubPlan) -> None:
    counted = FACTS["people"]
    assert len({it.handle for it in prod.in_teams}) == counted["distinct"]
    assert len(prod.in_teams) == counted["in_teams"]
    roles = Counter(it.role for it in prod.in_teams)
    assert (roles["maintainer"], roles["member"]) == (counted["maintainers"], counted["members"])
    assert sum(it.role == "admin" for it in prod.members) == FACTS["organisation"]["owners"]
    whole = {it["field"]: it["here"] for it in FACTS["differences"] if it["repository"] is None}
    assert whole == {"members": len(prod.members), "labels": len(prod.labels)}


def test_a6_05_the_organisation_is_that_of_the_facts(prod: GithubPlan) -> None:
    assert prod.organisation == FACTS["organisation"]["name"]
    assert prod.settings == FACTS["organisation"]["settings"]
    assert not prod.adopted, "its people are made up: creating them would invite strangers"

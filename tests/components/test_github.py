"""The organisation at GitHub as the program asks for it: prod's values, who is in it, what is kept, and no token."""

from __future__ import annotations

from typing import Any

import pytest

from tests.components.programs import program, program_with
from tests.harness import Asked, Ledger, number_of, run_program
from tests.model.change import GONE
from tests.model.github_facts import FACTS, expected, links

KIND = "github:index/{0}{1}:{2}"
LEAVES = {"roster/people/fay/left": {"on": "2026-03-02", "why": "wish"}, "roster/people/fay/teams": GONE}


def of(ledger: Ledger, name: str) -> dict[str, Asked]:
    """The resources of one of GitHub's types, by name."""
    return ledger.of(KIND.format(name[0].lower(), name[1:], name))


def _said(ledger: Ledger) -> dict[str, dict[str, Any]]:
    """Every repository as the provider gets it, in the facts' words."""
    alerts = {a.inputs["repository"]: a.inputs["enabled"] for a in of(ledger, "RepositoryVulnerabilityAlerts").values()}
    pages = {}
    for a in of(ledger, "RepositoryPages").values():
        assert a.inputs["buildType"] == "legacy"
        pages[a.inputs["repository"]] = {"cname": a.inputs["cname"], **a.inputs["source"]}
    nodes = {f"R_{number_of(name)}": a.inputs["name"] for name, a in of(ledger, "Repository").items()}
    branches: dict[str, dict[str, int]] = {}
    for a in of(ledger, "BranchProtection").values():
        (reviews,) = a.inputs["requiredPullRequestReviews"]
        asked = int(reviews["requiredApprovingReviewCount"])
        branches.setdefault(nodes[a.inputs["repositoryId"]], {})[a.inputs["pattern"]] = asked
    found = {}
    for a in of(ledger, "Repository").values():
        it = a.inputs
        found[it["name"]] = {
            "description": it["description"],
            "homepage": it.get("homepageUrl"),
            "topics": set(it["topics"]),
            "issues": it["hasIssues"],
            "wiki": it["hasWiki"],
            "projects": it["hasProjects"],
            "discussions": it["hasDiscussions"],
            "archived": it["archived"],
            "merge_commit": it["allowMergeCommit"],
            "squash": it["allowSquashMerge"],
            "rebase": it["allowRebaseMerge"],
            "delete_branch": it["deleteBranchOnMerge"],
            "auto_merge": it["allowAutoMerge"],
            "alerts": alerts.get(it["name"]),
            "visibility": it["visibility"],
            "pages": pages.get(it["name"]),
            "branches": branches.get(it["name"]),
        }
    return found


def test_a6_05_the_29_repositories_have_the_facts_values() -> None:
    assert _said(program("prod")) == expected()
    assert len(of(program("prod"), "Repository")) == 29


def test_a6_05_a_repository_with_another_value_is_seen() -> None:
    other = program_with({"github/repositories/runit/description": "another one"}, stack="prod")
    assert [name for name, said in expected().items() if _said(other)[name] != said] == ["runit"]


def test_a6_05_teams_and_grants_have_the_facts_values() -> None:
    prod = program("prod")
    teams = {a.inputs["name"]: a.inputs for a in of(prod, "Team").values()}
    assert set(teams) == set(FACTS["teams"])
    for name, fact in FACTS["teams"].items():
        assert (teams[name]["description"], teams[name]["privacy"]) == (fact["description"], fact["privacy"])
        assert "parentTeamId" not in teams[name]
    slugs = {str(number_of(name)): a.inputs["name"] for name, a in of(prod, "Team").items()}
    granted = {
        (slugs[a.inputs["teamId"]], a.inputs["repository"], a.inputs["permission"])
        for a in of(prod, "TeamRepository").values()
    }
    assert granted == links()
    levels = [(slugs[a.inputs["teamId"]], a.inputs["role"]) for a in of(prod, "TeamMembership").values()]
    for name, fact in FACTS["teams"].items():
        assert (levels.count((name, "maintainer")), levels.count((name, "member"))) == (
            fact["maintainers"],
            fact["members"],
        )
    assert not of(prod, "OrganizationSettings")


def test_whoever_left_is_in_nothing() -> None:
    before, after = program("local"), program_with(LEAVES)
    gone = {a.name for a in before.asked} - {a.name for a in after.asked}
    assert "github-member-fay" in gone
    assert {name for name in gone if name.startswith("github-")} == {
        a.name for a in before.asked if a.inputs.get("username") == "fay" and a.type.startswith("github:")
    }
    assert len(gone) > 1
    assert not [a.name for a in after.asked if a.inputs.get("username") == "fay"]


def test_whoever_leaves_the_organisation_is_out_of_its_teams_by_the_same_call() -> None:
    for a in of(program("local"), "TeamMembership").values():
        assert a.deleted_with == f"github-member-{a.inputs['username']}"
        assert a.deleted_with in a.depends_on


def test_repositories_are_kept_until_they_are_released() -> None:
    for stack in ("local", "prod"):
        for a in of(program(stack), "Repository").values():
            assert a.protect, a.name
            assert a.inputs["archiveOnDestroy"], a.name
    let_go = program_with({"github/repositories/docs/released": "the handbook moved elsewhere"})
    assert [n for n, a in of(let_go, "Repository").items() if not a.protect] == ["github-repository-docs"]


def test_the_owners_that_the_fleet_cannot_be_without_are_kept() -> None:
    held = {name for name, a in of(program("prod"), "Membership").items() if a.protect}
    assert held == {"github-member-alder", "github-member-birch", "github-member-hazel"}
    everything = {name for name, a in of(program("prod"), "Membership").items() if a.inputs["role"] == "admin"}
    assert held == everything


def test_nothing_is_created_in_an_organisation_that_is_not_adopted() -> None:
    prod, local = program("prod"), program("local")
    hook = "refuse-unadopted-github-void-linux"
    asked = [a for a in prod.asked if a.type.startswith("github:")]
    assert len(asked) > 150
    assert {a.before_create for a in asked} == {(hook,)}
    with pytest.raises(ValueError, match=r"(?s)void-linux is not adopted.*invitations.*Way out: import"):
        prod.hooks[hook](type("Args", (), {"name": "github-member-elm"})())
    assert {a.before_create for a in local.asked if a.type.startswith("github:")} == {()}


def test_a_token_of_the_environment_is_not_in_the_providers_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_control_string")
    ours = program_with({"github/organisation/settings/display_name": "Another"})["github-provider"]
    assert "ghp_control_string" not in str(ours.wire)
    assert set(ours.inputs) == {"owner", "baseUrl"}

    def build() -> None:
        import pulumi_github

        pulumi_github.Provider("sdk", owner="fleet-rehearsal")

    assert "ghp_control_string" in str(run_program(build)["sdk"].wire), "the SDK's own class takes it along"


def test_a_stack_without_an_organisation_asks_for_none_of_it() -> None:
    without = program_with({"github": GONE})
    assert not [a for a in without.asked if a.name.startswith("github")]

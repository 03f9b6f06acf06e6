"""Cases of the rules about the organisation at GitHub: repositories, their profiles, and what teams may do in them."""

from __future__ import annotations

from typing import Any

from model.checks import github, github_grants, roster
from tests.model.case import Case
from tests.model.change import GONE, Changes, facts

LOCAL = facts("local")
BASE: Changes = {"roster": LOCAL["roster"], "github": LOCAL["github"]}
REPOSITORY = "github/repositories"
TEAMS = "roster/teams"
NEW = {"description": "a test"}
PAGES = "docs.pages.example"


def _case(rule: Any, broken: Changes, twin: Changes) -> Case:
    return Case(rule, BASE | broken, BASE | twin)


def _above(team: str) -> Changes:
    """The packagers stand under another team."""
    return {f"{TEAMS}/packagers/grants/github/parent": team}


def _no_owners() -> Changes:
    owners = [handle for handle, person in LOCAL["roster"]["people"].items() if person.get("owner")]
    return {f"roster/people/{handle}/owner": False for handle in owners}


CASES = (
    _case(
        github.repository_names_are_once,
        {f"{REPOSITORY}/Docs": NEW},
        {f"{REPOSITORY}/Docs-two": NEW},
    ),
    _case(github.repository_names_are_once, {f"{REPOSITORY}/..": NEW}, {f"{REPOSITORY}/.github": NEW}),
    _case(github.repository_names_are_once, {f"{REPOSITORY}/a.git": NEW}, {f"{REPOSITORY}/a.gitx": NEW}),
    _case(
        github.old_names_are_free,
        {f"{REPOSITORY}/handbook": {**NEW, "formerly": "Docs"}},
        {f"{REPOSITORY}/handbook": {**NEW, "formerly": "manual"}},
    ),
    _case(
        github.old_names_are_free,
        {f"{REPOSITORY}/one": {**NEW, "formerly": "old"}, f"{REPOSITORY}/two": {**NEW, "formerly": "old"}},
        {f"{REPOSITORY}/one": {**NEW, "formerly": "old"}, f"{REPOSITORY}/two": {**NEW, "formerly": "older"}},
    ),
    _case(github.profiles_exist, {f"{REPOSITORY}/docs/merge": "squashed"}, {f"{REPOSITORY}/docs/merge": "anyhow"}),
    _case(github.profiles_exist, {"github/defaults/merge": "squashed"}, {"github/defaults/merge": "rebase-only"}),
    _case(github.profiles_exist, {"github/defaults/labels": ["ticket"]}, {"github/defaults/labels": ["tickets"]}),
    _case(github.profiles_exist, {f"{REPOSITORY}/docs/labels": ["ticket"]}, {f"{REPOSITORY}/docs/labels": ["tickets"]}),
    _case(
        github.profiles_exist,
        {f"{REPOSITORY}/docs/branches": {"main": "seen"}},
        {f"{REPOSITORY}/docs/branches": {"main": "reviewed"}},
    ),
    _case(
        github.changes_can_be_merged,
        {"github/merge_profiles/never": {"merge_commit": False, "squash": False, "rebase": False}},
        {"github/merge_profiles/never": {"merge_commit": False, "squash": False, "rebase": True}},
    ),
    _case(
        github.linear_branches_can_be_merged_to,
        {
            "github/protections/reviewed/linear": True,
            "github/merge_profiles/rebase-only": {"squash": False, "rebase": False},
        },
        {"github/protections/reviewed/linear": True, "github/merge_profiles/rebase-only": {"squash": False}},
    ),
    _case(
        github.topics_are_few,
        {f"{REPOSITORY}/docs/topics": [f"t{n}" for n in range(20)]},
        {f"{REPOSITORY}/docs/topics": [f"t{n}" for n in range(19)]},
    ),
    _case(
        github.topics_are_few,
        {f"{REPOSITORY}/docs/topics": ["fleet-rehearsal"]},
        {f"{REPOSITORY}/docs/topics": ["fleet"]},
    ),
    _case(
        github.labels_are_once,
        {"github/labels/more": {"Outage": {"color": "ffffff"}}, f"{REPOSITORY}/members/labels": ["tickets", "more"]},
        {"github/labels/more": {"Outages": {"color": "ffffff"}}, f"{REPOSITORY}/members/labels": ["tickets", "more"]},
    ),
    _case(
        github.pages_have_a_source,
        {f"{REPOSITORY}/docs/pages": {"path": "/docs"}},
        {f"{REPOSITORY}/docs/pages": {"path": "/docs", "branch": "main"}},
    ),
    _case(
        github.pages_have_a_source,
        {f"{REPOSITORY}/docs/pages": {"build": "workflow", "branch": "main"}},
        {f"{REPOSITORY}/docs/pages": {"build": "workflow"}},
    ),
    _case(
        github.pages_names_lead_to_github,
        {f"{REPOSITORY}/docs/pages": {"branch": "main", "cname": "handbook.fleet.example"}},
        {f"{REPOSITORY}/docs/pages": {"branch": "main", "cname": "handbook.fleet.example"}}
        | {"zones/fleet.example/aliases/handbook": {"outside": "fleet-rehearsal.github.io."}},
    ),
    _case(
        github.pages_names_lead_to_github,
        {f"{REPOSITORY}/docs/pages": {"branch": "main", "cname": "handbook.fleet.example"}}
        | {"zones/fleet.example/aliases/handbook": {"outside": "somebody.github.io."}},
        {f"{REPOSITORY}/docs/pages": {"branch": "main", "cname": "handbook.elsewhere.example"}},
    ),
    _case(
        github.pages_names_lead_to_github,
        {f"{REPOSITORY}/docs/pages": {"branch": "main", "cname": PAGES}}
        | {f"{REPOSITORY}/infrastructure/pages": {"branch": "main", "cname": PAGES}},
        {f"{REPOSITORY}/docs/pages": {"branch": "main", "cname": PAGES}}
        | {f"{REPOSITORY}/infrastructure/pages": {"branch": "main"}},
    ),
    _case(
        github.pages_are_the_homepage,
        {f"{REPOSITORY}/sites/pages": {"branch": "main", "cname": PAGES}},
        {
            f"{REPOSITORY}/sites/pages": {"branch": "main", "cname": PAGES},
            f"{REPOSITORY}/sites/homepage": "https://x.example",
        },
    ),
    _case(
        github.branches_are_protected_or_say_why_not,
        {"github/defaults/unprotected": GONE},
        {"github/defaults/unprotected": GONE}
        | {
            f"{REPOSITORY}/{name}/unprotected": "a test"
            for name in LOCAL["github"]["repositories"]
            if name != "infrastructure"
        },
    ),
    _case(
        github.branches_are_protected_or_say_why_not,
        {f"{REPOSITORY}/infrastructure/unprotected": "a test"},
        {f"{REPOSITORY}/docs/unprotected": "a test"},
    ),
    _case(
        github.archived_repositories_ask_for_nothing,
        {f"{REPOSITORY}/old": {**NEW, "archived": {"because": "a test"}, "labels": ["tickets"]}},
        {f"{REPOSITORY}/old": {**NEW, "archived": {"because": "a test"}}},
    ),
    Case(github_grants.organisations_have_a_roster, {"github": LOCAL["github"]}, BASE),
    _case(
        github_grants.repositories_are_granted_once,
        _above("operators") | {f"{TEAMS}/packagers/grants/github/repositories/infrastructure": "push"},
        _above("operators") | {f"{TEAMS}/packagers/grants/github/repositories/infrastructure": "maintain"},
    ),
    _case(
        github_grants.repositories_are_granted_once,
        _above("operators") | {f"{TEAMS}/packagers/grants/github/repositories/infrastructure": "pull"},
        {f"{TEAMS}/packagers/grants/github/repositories/infrastructure": "pull"},
    ),
    _case(
        github_grants.frozen_grants_stay,
        {f"{REPOSITORY}/docs/archived": {"because": "a test", "frozen": {"packagers": "maintain"}}},
        {f"{REPOSITORY}/docs/archived": {"because": "a test", "frozen": {"packagers": "push"}}},
    ),
    _case(
        github_grants.frozen_grants_stay,
        {f"{REPOSITORY}/docs/archived": {"because": "a test", "frozen": {"packagers": "push", "operators": "push"}}},
        {f"{REPOSITORY}/docs/archived": {"because": "a test", "frozen": {"packagers": "push", "operators": "push"}}}
        | {f"{TEAMS}/operators/grants/github/repositories/docs": "push"},
    ),
    _case(
        github_grants.frozen_grants_stay,
        {f"{REPOSITORY}/docs/archived": {"because": "a test", "frozen": {"packagers": "push", "packers": "push"}}},
        {f"{REPOSITORY}/docs/archived": {"because": "a test", "frozen": {"packagers": "push"}}},
    ),
    _case(
        github_grants.protected_branches_have_reviewers,
        {
            f"{REPOSITORY}/docs/branches": {"main": "crowd"},
            "github/protections/crowd": {"purpose": "x", "approvals": 6},
        },
        {
            f"{REPOSITORY}/docs/branches": {"main": "crowd"},
            "github/protections/crowd": {"purpose": "x", "approvals": 2},
        },
    ),
    # Whoever takes the last owner out breaks the rules about owners, too.
    Case(
        github_grants.repositories_have_an_administrator,
        BASE | _no_owners() | {f"{REPOSITORY}/infrastructure/branches": GONE},
        BASE | {f"{TEAMS}/mirror-keepers/grants/github/repositories/mirrors": "admin"},
        also=(roster.enough_owners, roster.required_owners_stay, roster.token_user_stays_an_owner),
    ),
    _case(
        github_grants.joins_are_told_where_issues_are,
        {f"{REPOSITORY}/members/features": {"issues": False}},
        {f"{REPOSITORY}/docs/features": {"issues": False}},
    ),
)

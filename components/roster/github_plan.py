"""What the organisation at GitHub is to hold on a day. Pure: same data and day, same plan in the same order.

Nobody is a member here before their join is in effect, and nobody who left is. An id under a handle is no part of it:
GitHub's provider knows people by their login alone (README.md says what guards the id).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from components.roster.rights import Right, rights
from model import Fleet
from model.github import Github, OrganisationSettings, Protection, settled
from model.roster import Roster

# Whoever has one of these is in the organisation; what else a team gives needs no account at GitHub.
_MEMBERSHIP = ("github-owner", "github-team")


@dataclass(frozen=True)
class Member:
    """A person in the organisation; `role` is GitHub's word: admin for an owner, member for all others."""

    handle: str
    role: str
    keep: bool
    """Whether the organisation cannot be run without this membership, so that taking it away is refused."""

    @property
    def logical_name(self) -> str:
        """The resource's identity."""
        return f"github-member-{self.handle}"


@dataclass(frozen=True)
class HubTeam:
    """A team. `parent` is the slug of the team that it stands under."""

    slug: str
    description: str
    privacy: str
    parent: str | None

    @property
    def logical_name(self) -> str:
        """The resource's identity."""
        return f"github-team-{self.slug}"


@dataclass(frozen=True)
class InTeam:
    """A person in a team. `role` is maintainer or member."""

    slug: str
    role: str
    handle: str

    @property
    def logical_name(self) -> str:
        """The resource's identity."""
        return f"github-in-{self.slug}-{self.handle}"


@dataclass(frozen=True)
class Granted:
    """What a team may do in a repository."""

    slug: str
    repository: str
    permission: str

    @property
    def logical_name(self) -> str:
        """The resource's identity."""
        return f"github-grant-{self.slug}-{self.repository}"


@dataclass(frozen=True)
class HubLabel:
    """A label of a repository."""

    repository: str
    name: str
    color: str
    description: str

    @property
    def logical_name(self) -> str:
        """The resource's identity."""
        return f"github-label-{self.repository}-{self.name}"


@dataclass(frozen=True)
class Guarded:
    """A protected branch, or all branches that a pattern fits."""

    repository: str
    pattern: str
    protection: Protection

    @property
    def logical_name(self) -> str:
        """The resource's identity."""
        return f"github-branch-{self.repository}-{self.pattern}"


@dataclass(frozen=True)
class Site:
    """Pages of a repository. Without a branch a workflow of the repository makes them."""

    repository: str
    branch: str | None
    path: str
    cname: str | None

    @property
    def logical_name(self) -> str:
        """The resource's identity."""
        return f"github-pages-{self.repository}"


@dataclass(frozen=True)
class HubRepository:
    """A repository with all its settings. `alerts` is None where they are left as they are.

    `keep`: its resource is protected, and it is archived and never deleted when it leaves the data all the same.
    """

    name: str
    description: str
    homepage: str | None
    topics: tuple[str, ...]
    visibility: str
    issues: bool
    wiki: bool
    projects: bool
    discussions: bool
    merge_commit: bool
    squash: bool
    rebase: bool
    auto_merge: bool
    delete_branch: bool
    archived: bool
    alerts: bool | None
    formerly: str | None
    keep: bool

    @property
    def logical_name(self) -> str:
        """The resource's identity."""
        return f"github-repository-{self.name}"

    @property
    def old_logical_name(self) -> str | None:
        """The identity under the name before; None where there was none."""
        return f"github-repository-{self.formerly}" if self.formerly else None

    @property
    def alerts_name(self) -> str:
        """The identity of the resource that turns the warnings on or off."""
        return f"github-alerts-{self.name}"

    @property
    def old_alerts_name(self) -> str | None:
        """That identity under the name before."""
        return f"github-alerts-{self.formerly}" if self.formerly else None


@dataclass(frozen=True)
class GithubPlan:
    """Everything that the organisation is to hold."""

    organisation: str
    adopted: bool
    settings: OrganisationSettings | None
    members: tuple[Member, ...]
    teams: tuple[HubTeam, ...]
    in_teams: tuple[InTeam, ...]
    repositories: tuple[HubRepository, ...]
    grants: tuple[Granted, ...]
    labels: tuple[HubLabel, ...]
    branches: tuple[Guarded, ...]
    pages: tuple[Site, ...]


def plan(fleet: Fleet, as_of: date) -> GithubPlan | None:
    """The organisation on a day; None where the stack has none."""
    github, roster = fleet.github, fleet.roster
    if github is None or roster is None:
        return None
    present = {handle: its for handle, its in rights(fleet, as_of).items() if any(r.kind in _MEMBERSHIP for r in its)}
    kept = {*roster.settings.required_owners, roster.settings.token_user}
    slugs = {name: t.grants.github.team for name, t in roster.teams.items() if t.grants.github is not None}
    in_teams = [
        InTeam(*_parted(right), handle)
        for handle, its in present.items()
        for right in sorted(its)
        if right.kind == "github-team"
    ]
    return GithubPlan(
        organisation=github.organisation.name,
        adopted=github.organisation.adopted,
        settings=github.organisation.settings,
        members=tuple(
            Member(handle, "admin" if Right("github-owner") in its else "member", handle in kept)
            for handle, its in present.items()
        ),
        teams=tuple(_teams(roster, slugs)),
        in_teams=tuple(sorted(in_teams, key=lambda one: (one.slug, one.handle))),
        repositories=tuple(_repository(github, name) for name in sorted(github.repositories)),
        grants=tuple(_grants(roster)),
        labels=tuple(_labels(github)),
        branches=tuple(
            Guarded(name, pattern, github.protections[word])
            for name, it in sorted(github.repositories.items())
            for pattern, word in sorted(it.branches.items())
        ),
        pages=tuple(
            Site(name, it.pages.branch, it.pages.path, it.pages.cname)
            for name, it in sorted(github.repositories.items())
            if it.pages is not None
        ),
    )


def _parted(right: Right) -> tuple[str, str]:
    """A team's slug and the level in it."""
    slug, _, level = right.where.partition(":")
    return slug, level


def _teams(roster: Roster, slugs: dict[str, str]) -> Iterator[HubTeam]:
    """Each team, and after those that it stands under."""
    waiting = {name: t.grants.github for name, t in sorted(roster.teams.items()) if t.grants.github is not None}
    done: set[str] = set()
    while waiting:
        ready = [name for name, grant in waiting.items() if grant.parent is None or grant.parent in done]
        for name in ready:
            grant = waiting.pop(name)
            parent = slugs[grant.parent] if grant.parent is not None else None
            yield HubTeam(grant.team, grant.description, grant.privacy, parent)
        done.update(ready)
        if not ready:
            raise AssertionError(f"teams stand under each other in a circle: {', '.join(waiting)}")


def _grants(roster: Roster) -> Iterator[Granted]:
    for _, team in sorted(roster.teams.items()):
        if team.grants.github is not None:
            for repository, permission in sorted(team.grants.github.repositories.items()):
                yield Granted(team.grants.github.team, repository, permission)


def _labels(github: Github) -> Iterator[HubLabel]:
    for name in sorted(github.repositories):
        for word in settled(github, name).labels:
            for label, it in sorted(github.labels[word].items()):
                yield HubLabel(name, label, it.color, it.description)


def _repository(github: Github, name: str) -> HubRepository:
    it, whole = github.repositories[name], settled(github, name)
    merging = github.merge_profiles[whole.merge]
    return HubRepository(
        name=name,
        description=it.description,
        homepage=it.homepage,
        topics=whole.topics,
        visibility=whole.visibility,
        issues=whole.issues,
        wiki=whole.wiki,
        projects=whole.projects,
        discussions=whole.discussions,
        merge_commit=merging.merge_commit,
        squash=merging.squash,
        rebase=merging.rebase,
        auto_merge=merging.auto,
        delete_branch=merging.delete_branch,
        archived=it.archived is not None,
        alerts={"on": True, "off": False}.get(whole.alerts),
        formerly=it.formerly,
        keep=it.released is None,
    )

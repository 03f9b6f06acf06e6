"""Rules about what teams may do in repositories: that both exist, and that somebody can do what is asked of them."""

from __future__ import annotations

from collections.abc import Iterator

from model.checks.roster_teams import ancestors
from model.checks.rule import Found
from model.fleet import Fleet
from model.github import Github, settled
from model.reading import Where
from model.roster import GithubGrant, Roster

# From the least to the most; each may do what those before it may.
LEVELS = ("pull", "triage", "push", "maintain", "admin")
WRITES = ("push", "maintain", "admin")


def _both(fleet: Fleet) -> Iterator[tuple[Github, Roster]]:
    if fleet.github is not None and fleet.roster is not None:
        yield fleet.github, fleet.roster


def _teams(roster: Roster) -> Iterator[tuple[str, GithubGrant]]:
    """The roster's teams that are teams at GitHub, too."""
    for name, team in roster.teams.items():
        if team.grants.github is not None:
            yield name, team.grants.github


def _grant(team: str, *more: str) -> Where:
    return ("roster", "teams", team, "grants", "github", *more)


def held(roster: Roster, team: str) -> dict[str, str]:
    """What a team may do, by repository: its own grants and those of the teams that it stands under."""
    found: dict[str, str] = {}
    for name in (team, *ancestors(roster, team)):
        grant = roster.teams[name].grants.github if name in roster.teams else None
        for repository, level in grant.repositories.items() if grant is not None else ():
            if repository not in found or LEVELS.index(level) > LEVELS.index(found[repository]):
                found[repository] = level
    return found


def holders(roster: Roster, repository: str, levels: tuple[str, ...]) -> frozenset[str]:
    """The people who hold one of these levels on a repository by a team; the organisation's owners hold them all."""
    found = {handle for handle, person in roster.people.items() if person.owner and person.left is None}
    for team, _ in _teams(roster):
        if held(roster, team).get(repository) in levels:
            found |= set(roster.members(team))
    return frozenset(found)


def organisations_have_a_roster(fleet: Fleet) -> Iterator[Found]:
    """Where there is an organisation at GitHub, a roster says who is in it."""
    if fleet.github is not None and fleet.roster is None:
        yield Found(("github",), "nobody is in it", "add roster/settings.yaml and roster/teams.yaml")


def repositories_are_granted_once(fleet: Fleet) -> Iterator[Found]:
    """A team's grant on a repository is more than what it has there by the teams that it stands under."""
    for _, roster in _both(fleet):
        for team, grant in _teams(roster):
            over = ancestors(roster, team)
            inherited = held(roster, over[0]) if over else {}
            for repository, level in grant.repositories.items():
                above_it = inherited.get(repository)
                if above_it is not None and LEVELS.index(above_it) >= LEVELS.index(level):
                    what = f"{level}, and it has {above_it} by {over[0]} already"
                    yield Found(_grant(team, "repositories", repository), what, "take it out, or grant more than that")


def frozen_grants_stay(fleet: Fleet) -> Iterator[Found]:
    """GitHub lets no team in or out of an archived repository: teams hold there what they held when it was archived."""
    for github, roster in _both(fleet):
        slugs = {grant.team: team for team, grant in _teams(roster)}
        for name, it in github.repositories.items():
            if it.archived is None:
                continue
            now = {
                grant.team: (team, grant.repositories[name])
                for team, grant in _teams(roster)
                if name in grant.repositories
            }
            way_out = "leave it as it was; or take `archived` out, and put it back in a later change"
            for slug, (team, level) in now.items():
                was = it.archived.frozen.get(slug)
                if was != level:
                    what = f"{level}, and {name} was archived when {slug} had {was or 'nothing'} there"
                    yield Found(_grant(team, "repositories", name), what, way_out)
            for slug, was in it.archived.frozen.items():
                path: Where = ("github", "repositories", name, "archived", "frozen", slug)
                if slug not in slugs:
                    yield Found(path, f"{slug} is no team of the roster", f"write one of: {', '.join(slugs)}")
                elif slug not in now:
                    yield Found(path, f"{slug} had {was} there and its team grants nothing", way_out)


def repositories_have_an_administrator(fleet: Fleet) -> Iterator[Found]:
    """Somebody administers each repository: an owner of the organisation, or a member of a team with admin there."""
    for github, roster in _both(fleet):
        for name in github.repositories:
            if not holders(roster, name, ("admin",)):
                yield Found(
                    ("github", "repositories", name), "nobody does", "give a team with members admin on it, or an owner"
                )


def protected_branches_have_reviewers(fleet: Fleet) -> Iterator[Found]:
    """For a protected branch there are as many people who may write as must approve, and one more who asks them."""
    for github, roster in _both(fleet):
        for name, it in github.repositories.items():
            for branch, word in it.branches.items():
                protection = github.protections.get(word)
                found = len(holders(roster, name, WRITES))
                if protection is not None and found <= protection.approvals:
                    what = f"{protection.approvals} must approve besides the author, and {found} may write there"
                    way_out = "put more people into a team with push, or ask for fewer approvals"
                    yield Found(("github", "repositories", name, "branches", branch), what, way_out)


def joins_are_told_where_issues_are(fleet: Fleet) -> Iterator[Found]:
    """The repository in which joins are told takes issues."""
    for github, roster in _both(fleet):
        name = roster.settings.welcome.repository
        it = github.repositories.get(name)
        if it is not None and (it.archived is not None or not settled(github, name).issues):
            path: Where = ("roster", "settings", "welcome", "repository")
            yield Found(path, f"{name} takes no issues", "write another one, or let it take them")


RULES = (
    organisations_have_a_roster,
    repositories_are_granted_once,
    frozen_grants_stay,
    repositories_have_an_administrator,
    protected_branches_have_reviewers,
    joins_are_told_where_issues_are,
)

"""Rules about teams: what they grant exists, is theirs alone, and keeps apart what must not touch."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from model.checks.roster import near, of, people_of
from model.checks.rule import Found
from model.fleet import Fleet
from model.reading import Where
from model.roster import Grants, Roster, Team

# Groups that hosts bring along. Whoever is in one of these from the directory would have what the host gives it.
LOCAL_GROUPS = frozenset(
    [
        "root",
        "sudo",
        "wheel",
        "adm",
        "admin",
        "docker",
        "disk",
        "shadow",
        "sys",
        "kmem",
        "staff",
        "tty",
        "ssh",
        "users",
        "nogroup",
    ]
)


def teams_exist(fleet: Fleet) -> Iterator[Found]:
    """Whoever is in a team is in one that exists."""
    for handle, person in people_of(fleet):
        for team in person.teams:
            if fleet.roster is not None and team not in fleet.roster.teams:
                way_out = near(team, fleet.roster.teams, "declare it in teams.yaml")
                yield Found(of("people", handle, "teams", team), f"{team} is no team", way_out)


def team_owners_are_members(fleet: Fleet) -> Iterator[Found]:
    """Whoever answers for a team is in it."""
    for name, team in _teams(fleet):
        for i, handle in enumerate(team.owners):
            person = fleet.roster.people.get(handle) if fleet.roster else None
            if person is None or person.left is not None or name not in person.teams:
                why = "is nobody here" if person is None else "left" if person.left else f"is not in {name}"
                way_out = "name a member of the team, or let the team go with its last member"
                yield Found(of("teams", name, "owners", i), f"{handle} {why}", way_out)


def owners_are_written_as_members(fleet: Fleet) -> Iterator[Found]:
    """An owner of the organisation is not written as a maintainer, for GitHub makes one of every owner."""
    for handle, person in people_of(fleet):
        for team, level in person.teams.items():
            if person.owner and level == "maintainer":
                yield Found(of("people", handle, "teams", team), f"{handle} is an owner", "write `member`")


def teams_grant_something(fleet: Fleet) -> Iterator[Found]:
    """A team grants something."""
    for name, team in _teams(fleet):
        if team.grants == Grants():
            yield Found(of("teams", name), f"{name} grants nothing", "say what its members get, or take it out")


def grants_are_one_teams(fleet: Fleet) -> Iterator[Found]:
    """A team at GitHub, a group of the directory and a mail alias are of one team of the roster."""
    seen: dict[tuple[str, str], str] = {}
    if fleet.roster is not None and fleet.roster.settings.netauth is not None:
        seen["group", fleet.roster.settings.netauth.primary.group] = "everybody"
    for name, team in _teams(fleet):
        grants = team.grants
        said = [
            ("github", "team", grants.github.team if grants.github else None),
            ("netauth", "group", grants.netauth.group if grants.netauth else None),
            ("mail", "", grants.mail),
        ]
        for grant, field, value in said:
            other = seen.setdefault((field, value), name) if value is not None else name
            if other != name:
                path = of("teams", name, "grants", grant, *([field] if field else []))
                yield Found(path, f"{value} is of {other} too", "give each a name of its own, or make one team of both")


def groups_are_no_hosts_own(fleet: Fleet) -> Iterator[Found]:
    """A group of the directory is none that hosts have themselves, whose rights its members would get."""
    taken = LOCAL_GROUPS | {group for operator in fleet.operators.values() for group in operator.groups}
    primary = fleet.roster.settings.netauth if fleet.roster else None
    if primary is not None and primary.primary.group in taken:
        path = of("settings", "netauth", "primary", "group")
        yield Found(path, f"{primary.primary.group} is a group of hosts", "take another name")
    for name, team in _teams(fleet):
        if team.grants.netauth is not None and team.grants.netauth.group in taken:
            path = of("teams", name, "grants", "netauth", "group")
            yield Found(path, f"{team.grants.netauth.group} is a group of hosts", "take another name")


def parents_are_teams_at_github(fleet: Fleet) -> Iterator[Found]:
    """A team's parent is at GitHub, both can be seen there, and no team is above itself."""
    for name, team in _teams(fleet):
        at_github = team.grants.github
        if fleet.roster is None or at_github is None or at_github.parent is None:
            continue
        path = of("teams", name, "grants", "github", "parent")
        above = fleet.roster.teams.get(at_github.parent)
        if above is None or above.grants.github is None:
            known = [n for n, t in fleet.roster.teams.items() if t.grants.github and n != name]
            yield Found(path, f"{at_github.parent} has no team at GitHub", near(at_github.parent, known, "take it out"))
        elif name in ancestors(fleet.roster, name):
            yield Found(path, f"{name} is above itself", "take one parent out")
        elif "secret" in (at_github.privacy, above.grants.github.privacy):
            yield Found(path, "GitHub has no secret team above or below another", "write `privacy: closed` for both")


def ancestors(roster: Roster, name: str) -> tuple[str, ...]:
    """The teams above a team at GitHub, the nearest first; with the team itself among them if they go in a circle."""
    found: list[str] = []
    team = roster.teams.get(name)
    while team is not None and team.grants.github is not None and team.grants.github.parent is not None:
        parent = team.grants.github.parent
        if parent in found:
            break
        found.append(parent)
        team = roster.teams.get(parent)
    return tuple(found)


def repositories_are_declared(fleet: Fleet) -> Iterator[Found]:
    """A team's repository, and the one where joins are told, is one of the organisation."""
    known = repositories(fleet)
    if fleet.roster is None or known is None:
        return
    said = [
        (of("teams", name, "grants", "github", "repositories", repository), repository)
        for name, team in fleet.roster.teams.items()
        if team.grants.github is not None
        for repository in team.grants.github.repositories
    ]
    said.append((of("settings", "welcome", "repository"), fleet.roster.settings.welcome.repository))
    for path, repository in said:
        if repository not in known:
            yield Found(path, f"{repository} is no repository", near(repository, known, "declare it in github.yaml"))


def repositories(fleet: Fleet) -> Collection[str] | None:
    """The organisation's repositories; None where the stack has no organisation."""
    organisation: Any = getattr(fleet, "github", None)
    return organisation.repositories if organisation is not None else None


def hosts_are_chosen(fleet: Fleet) -> Iterator[Found]:
    """Login is granted on machines that are managed, and sudo only where there is login."""
    for name, team in _teams(fleet):
        if team.grants.hosts is None:
            continue
        path = of("teams", name, "grants", "hosts")
        for i, word in enumerate(team.grants.hosts.on):
            if not fleet.chosen((word,)):
                way_out = near(word, {*fleet.roles, *fleet.managed}, "name a role, a machine, or all")
                yield Found((*path, "on", i), f"{word} chooses no managed machine", way_out)
        if not team.grants.hosts.login:
            what = "gives sudo to people who cannot log in" if team.grants.hosts.sudo else "gives nothing"
            yield Found(path, what, "write `login: true`, or take `hosts:` out")


def members_are_in_the_directory(fleet: Fleet) -> Iterator[Found]:
    """Whoever gets something through the directory has a number there."""
    for handle, person in people_of(fleet):
        through = [t for t in person.teams if fleet.roster and _through_directory(fleet.roster.teams.get(t))]
        if through and person.netauth is None:
            what = f"{handle} is in {', '.join(sorted(through))} and not in the directory"
            yield Found(of("people", handle), what, "add `netauth: {number: …}`")


def _through_directory(team: Team | None) -> bool:
    return team is not None and bool(team.grants.netauth or team.grants.hosts or team.grants.devspace)


def directory_is_there(fleet: Fleet) -> Iterator[Found]:
    """A roster with numbers or groups of the directory says where the directory is."""
    if fleet.roster is None or fleet.roster.settings.netauth is not None:
        return
    if any(p.netauth for p in fleet.roster.people.values()) or any(
        _through_directory(t) for t in fleet.roster.teams.values()
    ):
        yield Found(of("settings"), "no `netauth:` says where the directory is", "add `netauth:` to the settings")


def hosts_ask_for_groups(fleet: Fleet) -> Iterator[Found]:
    """Login and devspace are given through a group, for that is what a host asks the directory about."""
    for name, team in _teams(fleet):
        if (team.grants.hosts or team.grants.devspace) and team.grants.netauth is None:
            what = f"{name} grants {'login' if team.grants.hosts else 'devspace'} without a group"
            yield Found(of("teams", name, "grants"), what, "add `netauth: {group: …, number: …}`")


def devspace_and_shells_stay_apart(fleet: Fleet) -> Iterator[Found]:
    """Devspace gives nobody a shell: its team is no team of hosts, nor above or below one, and no sshd lets it in."""
    if fleet.roster is None:
        return
    for name, team in fleet.roster.teams.items():
        if not team.grants.devspace:
            continue
        path = of("teams", name, "grants", "devspace")
        if team.grants.hosts is not None:
            yield Found(path, f"{name} gives login on hosts too", "make two teams of it")
        for other, its in fleet.roster.teams.items():
            if its.grants.hosts is None or other == name:
                continue
            if other in ancestors(fleet.roster, name) or name in ancestors(fleet.roster, other):
                what = f"{name} and {other}, which gives login on hosts, are one inside the other"
                yield Found(path, what, "take the `parent:` out")
        group = team.grants.netauth.group if team.grants.netauth else None
        if group in fleet.ssh.allow_groups:
            what = f"{group} is among the groups that every host's sshd lets in"
            yield Found(path, what, "take it out of ssh.allow_groups")


def vault_groups_are_teams(fleet: Fleet) -> Iterator[Found]:
    """A group that Vault gives rights to is a team's."""
    if fleet.roster is None or fleet.access is None:
        return
    known = {team.grants.netauth.group for _, team in _teams(fleet) if team.grants.netauth}
    for group in fleet.access.vault.groups:
        if group not in known:
            way_out = near(group, known, "let a team grant it: `netauth: {group: …, number: …}`")
            yield Found(("access", "vault", "groups", group), f"{group} is no team's group", way_out)


def what_is_held_is_defined(fleet: Fleet) -> Iterator[Found]:
    """A secret, a bot and a break-glass account that somebody holds are defined."""
    if fleet.roster is None:
        return
    settings = fleet.roster.settings
    said: list[tuple[Where, tuple[str, ...], Collection[str], str]] = [
        (of("settings", "break_glass", "operators"), settings.break_glass.operators, fleet.operators, "operators.yaml")
    ]
    for name, team in fleet.roster.teams.items():
        path = of("teams", name, "grants")
        said.append(((*path, "bots"), team.grants.bots, settings.bots, "settings.yaml"))
        said.append(((*path, "secrets"), team.grants.secrets, settings.secrets, "settings.yaml"))
    for handle, person in people_of(fleet):
        said.append((of("people", handle, "secrets"), person.secrets, settings.secrets, "settings.yaml"))
        knew = person.left.knew if person.left else ()
        said.append((of("people", handle, "left", "knew"), knew, settings.secrets, "settings.yaml"))
    for path, names, known, file in said:
        for i, name in enumerate(names):
            if name not in known:
                yield Found((*path, i), f"{name} is not defined", near(name, known, f"define it in {file}"))


def _teams(fleet: Fleet) -> Iterator[tuple[str, Team]]:
    if fleet.roster is not None:
        yield from fleet.roster.teams.items()


RULES = (
    teams_exist,
    team_owners_are_members,
    owners_are_written_as_members,
    teams_grant_something,
    grants_are_one_teams,
    groups_are_no_hosts_own,
    parents_are_teams_at_github,
    repositories_are_declared,
    hosts_are_chosen,
    members_are_in_the_directory,
    directory_is_there,
    hosts_ask_for_groups,
    devspace_and_shells_stay_apart,
    vault_groups_are_teams,
    what_is_held_is_defined,
)

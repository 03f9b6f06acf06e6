"""Who may do what where on one day: the one place where people, teams and grants become rights. Pure.

Everything that is done for people follows from here: GitHub, the directory, login data of hosts, mail, words of a
change. Left out: what break-glass accounts may do, and what a service grants by itself to a group it knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Literal, NamedTuple, get_args

from model.checks.roster_teams import ancestors
from model.fleet import Fleet
from model.roster import Permission, Person, Roster, in_effect

Kind = Literal[
    "github-owner",
    "github-team",
    "github-repo",
    "netauth-group",
    "netauth-capability",
    "vault-policy",
    "host-login",
    "host-sudo",
    "devspace",
    "mail",
    "bot",
    "secret",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
PERMISSIONS: tuple[str, ...] = get_args(Permission)


class Right(NamedTuple):
    """One thing that somebody may do.

    `where` is what it is about: a team at GitHub with the level (`operators:maintainer`), a repository with the
    permission (`docs:push`), a group, a capability, a policy, a machine, an alias, a bot or a secret; nothing for the
    owner of the organisation and for devspace.
    """

    kind: Kind
    where: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.where}".rstrip()


Rights = Mapping[str, frozenset[Right]]


def right(text: str) -> Right:
    """A right as it stands in plain text: what `str` makes of one. Raises ValueError for another text."""
    kind, _, where = text.partition(" ")
    for known in KINDS:
        if kind == known:
            return Right(known, where)
    raise ValueError(f"{text!r} is no right")


def rights(fleet: Fleet, as_of: date) -> dict[str, frozenset[Right]]:
    """What everybody of the roster may do on a day, in name order.

    Nothing for whoever has left, or whose join has not begun: comments are open, or approvals or consent are missing.
    """
    roster = fleet.roster
    if roster is None:
        return {}
    granted = {name: tuple(_granted(fleet, roster, name)) for name in roster.teams}
    return {
        handle: frozenset(_of(person, roster, granted)) if in_effect(person, roster.settings, as_of) else frozenset()
        for handle, person in sorted(roster.people.items())
    }


def plain(held: Rights) -> dict[str, list[str]]:
    """Rights as plain data, for the engine's state: sorted, so that nothing changes without reason."""
    return {handle: sorted(map(str, its)) for handle, its in sorted(held.items())}


def from_plain(said: Mapping[str, list[str]]) -> dict[str, frozenset[Right]]:
    """Rights as they were before `plain`."""
    return {handle: frozenset(map(right, its)) for handle, its in sorted(said.items())}


def of_kind(held: Rights, kind: Kind) -> dict[str, list[str]]:
    """What everybody's rights of one kind are about, sorted; nothing for who left."""
    return {handle: sorted(one.where for one in its if one.kind == kind) for handle, its in held.items()}


def token_roles(fleet: Fleet) -> dict[str, list[str]]:
    """The roles by which Vault makes tokens of Nomad and of Consul: a token carries the name of its role."""
    vault = fleet.access.vault if fleet.access is not None else None
    return {"nomad": sorted(vault.nomad.roles), "consul": sorted(vault.consul.roles)} if vault is not None else {}


def roles_of(fleet: Fleet) -> dict[str, list[str]]:
    """The roles of each managed machine, which is how words speak of machines."""
    return {name: list(machine.roles) for name, machine in fleet.managed.items()}


def _of(person: Person, roster: Roster, granted: Mapping[str, tuple[Right, ...]]) -> Iterator[Right]:
    if person.owner:
        yield Right("github-owner")
    repositories: dict[str, str] = {}
    for team, level in person.teams.items():
        for its in granted.get(team, ()):
            if its.kind != "github-repo":
                yield its
                continue
            # Of two permissions on one repository, GitHub takes the wider one.
            name, _, permission = its.where.rpartition(":")
            repositories[name] = _wider(permission, repositories.get(name))
        at_github = roster.teams[team].grants.github if team in roster.teams else None
        if at_github is not None:
            yield Right("github-team", f"{at_github.team}:{'maintainer' if person.owner else level}")
    for name, permission in repositories.items():
        yield Right("github-repo", f"{name}:{permission}")
    for secret in person.secrets:
        yield Right("secret", secret)


def _wider(one: str, other: str | None) -> str:
    return max(one, other or one, key=lambda permission: PERMISSIONS.index(permission))


def _granted(fleet: Fleet, roster: Roster, name: str) -> Iterator[Right]:
    """What every member of a team gets alike."""
    grants = roster.teams[name].grants
    if grants.github is not None:
        # A child team has its parents' repositories, and GitHub says so only where one asks for a person.
        for above in (name, *ancestors(roster, name)):
            its = roster.teams[above].grants.github if above in roster.teams else None
            for repository, permission in its.repositories.items() if its is not None else ():
                yield Right("github-repo", f"{repository}:{permission}")
    if grants.netauth is not None:
        group = grants.netauth.group
        yield Right("netauth-group", group)
        for capability in grants.netauth.capabilities:
            yield Right("netauth-capability", capability)
        vault = fleet.access.vault.groups if fleet.access is not None else {}
        for policy in vault[group].policies if group in vault else ():
            yield Right("vault-policy", policy)
    if grants.hosts is not None:
        for machine in fleet.chosen(grants.hosts.on):
            if grants.hosts.login:
                yield Right("host-login", machine)
            if grants.hosts.sudo:
                yield Right("host-sudo", machine)
    if grants.devspace:
        yield Right("devspace")
    if grants.mail is not None:
        yield Right("mail", grants.mail)
    for bot in grants.bots:
        yield Right("bot", bot)
    for secret in grants.secrets:
        yield Right("secret", secret)


def to_rotate(fleet: Fleet) -> dict[str, tuple[str, ...]]:
    """The shared secrets that somebody who left still knows, and who does: each until it is made anew."""
    if fleet.roster is None:
        return {}
    known: dict[str, list[str]] = {}
    for handle, person in sorted(fleet.roster.people.items()):
        for secret in person.left.knew if person.left is not None else ():
            said = fleet.roster.settings.secrets.get(secret)
            if person.left is not None and (said is None or said.rotated is None or said.rotated < person.left.on):
                known.setdefault(secret, []).append(handle)
    return {secret: tuple(handles) for secret, handles in sorted(known.items())}

"""The roster: people, the teams they are in, and what a team grants. One file a person, one source for every right.

Left out here: settings of repositories (model/github.py), and what follows from the roster for one day, which
components/roster/rights.py works out. Break-glass accounts are no people: they stand with the stack's operators.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from model.control import DnsName
from model.strict import Name, Strict, Text


def _day(text: Any) -> Any:
    if not isinstance(text, str):
        return text if isinstance(text, date) else _no_day(text)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return _no_day(text)
    return day if day.isoformat() == text else _no_day(text)


def _no_day(said: Any) -> Any:
    raise ValueError(f"{said!r} is no day: write it as 2026-03-01")


def _span(text: str) -> str:
    found = re.fullmatch(r"([0-9]{1,9})-([0-9]{1,9})", text)
    if not found or not 0 < int(found[1]) <= int(found[2]):
        raise ValueError(f"{text!r} is no range such as 2001-2999")
    return text


def span(text: str) -> range:
    """The numbers of a range as people write it, both ends included."""
    low, _, high = text.partition("-")
    return range(int(low), int(high) + 1)


Day = Annotated[date, BeforeValidator(_day)]
Span = Annotated[str, AfterValidator(_span)]
# Also the name of an account, which Linux ends at 32 characters.
Handle = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=32)]
# Of any type: which ones are good enough is a rule's to say, with the reason.
Key = Annotated[str, StringConstraints(pattern=r"^(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [^\r\n]*)?$")]
RepositoryName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=100)]
MailAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?@([a-z0-9-]+\.)+[a-z0-9-]+$")]
Channel = Annotated[str, StringConstraints(pattern=r"^#[a-z0-9._-]+$")]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]

Level = Literal["member", "maintainer"]
Permission = Literal["pull", "triage", "push", "maintain", "admin"]
Capability = Literal[
    "GLOBAL_ROOT",
    "CREATE_ENTITY",
    "DESTROY_ENTITY",
    "MODIFY_ENTITY_META",
    "MODIFY_ENTITY_KEYS",
    "CHANGE_ENTITY_SECRET",
    "LOCK_ENTITY",
    "UNLOCK_ENTITY",
    "CREATE_GROUP",
    "DESTROY_GROUP",
    "MODIFY_GROUP_META",
    "MODIFY_GROUP_MEMBERS",
]


class Numbers(Strict):
    """Where numbers of accounts and of groups come from: the same on every host, and never handed out twice."""

    people: Span
    groups: Span


class Welcome(Strict):
    """Where a join that is applied is told."""

    repository: RepositoryName = Field(description="where the issue of a join stands, which is then closed")
    channel: Channel


class Waiver(Strict):
    """A limit lifted for a while, for a change that people looked at."""

    allows: Literal["removal_percent"]
    percent: int = Field(ge=1, le=100)
    reason: Text
    reviewed_by: tuple[Handle, ...] = Field(min_length=1)
    until: Day = Field(description="the last day on which it holds")


class Primary(Strict):
    """The group that every account has first. It grants nothing."""

    group: Name = "people"
    number: Number


class Netauth(Strict):
    """The directory: where it answers, and what every entity in it has."""

    server: DnsName
    port: int = Field(default=1729, ge=1, le=65535)
    domain: DnsName | None = Field(default=None, description="what its names in LDAP end in: fleet.example")
    role: Name = Field(default="netauth", description="role of the machines where it stands")
    primary: Primary


class Login(Strict):
    """How a host asks who may come in. The age limit bounds what a host believes that hears nothing any more."""

    deadline_seconds: int = Field(default=2, ge=1, le=30, description="for one login, however often sshd asks in it")
    cache_minutes: int = Field(default=15, ge=1, le=24 * 60, description="how old an answer may be that still counts")
    refresh_seconds: int = Field(default=15, ge=5, le=3600, description="how often a host asks anew by itself")
    shell: str = Field(default="/bin/bash", pattern=r"^(/[a-z0-9._-]+)+$")
    home: str = Field(default="/home", pattern=r"^(/[a-z0-9._-]+)+$", description="folder of people's own folders")


class BreakGlass(Strict):
    """Accounts that no directory can block. Their keys stand with `operators`."""

    operators: tuple[Name, ...] = ()
    drill_days: int = Field(default=7, ge=1, le=366, description="how often each key is proved on each host")


class SharedSecret(Strict):
    """A secret that people know. Who leaves still knows it, so it is made anew."""

    purpose: Text
    rotate: Text = Field(description="how it is made anew: the command, or the words")
    rotated: Day | None = Field(default=None, description="when it was last made anew")


class Settings(Strict):
    """The rules of membership of one stack, as numbers and names."""

    founded: Day = Field(description="who was here by then needs no sponsor and no decision")
    owners_at_least: int = Field(ge=1)
    required_owners: tuple[Handle, ...] = ()
    token_user: Handle = Field(description="owner of the organisation whose token the fleet's program uses")
    removal_percent: int = Field(default=25, ge=0, le=100, description="share of people who may go in a comment time")
    comment_days: int = Field(default=7, ge=1, le=366)
    approvals_at_least: int = Field(default=2, ge=1)
    numbers: Numbers
    welcome: Welcome
    waivers: tuple[Waiver, ...] = ()
    netauth: Netauth | None = None
    login: Login = Login()
    break_glass: BreakGlass = BreakGlass()
    secrets: dict[Name, SharedSecret] = {}
    bots: dict[Name, Text] = Field(default={}, description="bot: what it does; whom it obeys is a team's to say")
    keys_env: Text | None = Field(
        default=None,
        description="environment variable with the path of a folder of public keys, one <handle>.pub a person: "
        "for a rehearsal, which makes its own",
    )

    @property
    def comment_time(self) -> timedelta:
        """How long a proposal stands open for comments."""
        return timedelta(days=self.comment_days)


class GithubGrant(Strict):
    """A team on GitHub, and what it may do where."""

    team: Name = Field(description="its slug")
    description: Text
    privacy: Literal["closed", "secret"] = "closed"
    parent: Name | None = Field(default=None, description="team of this roster whose rights it has besides")
    repositories: dict[RepositoryName, Permission] = {}


class NetauthGrant(Strict):
    """A group of the directory. Vault knows it by the same name: `access.vault.groups`."""

    group: Name
    number: Number
    capabilities: tuple[Capability, ...] = Field(default=(), description="what it may change in the directory itself")


class HostsGrant(Strict):
    """Login on hosts. `on` holds roles or names of machines, or "all"."""

    on: tuple[Text, ...] = Field(min_length=1)
    login: bool = True
    sudo: bool = False


class Grants(Strict):
    """All that the members of a team get by it."""

    github: GithubGrant | None = None
    netauth: NetauthGrant | None = None
    hosts: HostsGrant | None = None
    devspace: bool = False
    mail: MailAlias | None = Field(default=None, description="alias that reaches every member")
    bots: tuple[Name, ...] = Field(default=(), description="bots that obey its members")
    secrets: tuple[Name, ...] = Field(default=(), description="secrets that its members know")


class Team(Strict):
    """People with a purpose. `owners` are members who answer for it."""

    purpose: Text
    owners: tuple[Handle, ...] = Field(min_length=1)
    grants: Grants = Grants()


class InDirectory(Strict):
    """A person's place in the directory. The entity's name is the handle."""

    number: Number


class Decision(Strict):
    """How somebody became a member. Approvals and consent may still be missing while comments are open."""

    proposal: Text = Field(description="where it can be read, or what it said")
    proposed: Day
    deadline: Day = Field(description="the day on which comments close")
    approvals: tuple[Handle, ...] = ()
    consent: Day | None = Field(default=None, description="when the candidate said yes")


class Left(Strict):
    """That somebody left. It counts from the moment it is written down."""

    on: Day
    why: Literal["wish", "inactive", "removal", "security"]
    told: Day | None = Field(
        default=None, description="when somebody removed was told, and could answer; for security nobody is"
    )
    knew: tuple[Name, ...] = Field(default=(), description="shared secrets known on that day, to be made anew")


class Person(Strict):
    """A person. The file's name is the handle; the numeric id at GitHub is the identity, which no new name changes.

    Whoever leaves keeps the file, so that neither handle nor numbers are handed out again.
    """

    github: Number
    netauth: InDirectory | None = None
    keys: dict[Name, Key] = Field(default={}, description="label: OpenSSH public key")
    teams: dict[Name, Level] = {}
    owner: bool = Field(default=False, description="owner of the organisation, and so maintainer of each of its teams")
    since: Day
    sponsor: Handle | None = Field(default=None, description="who saw the join through")
    welcome: bool = Field(default=True, description="false: nothing is posted about the join")
    secrets: tuple[Name, ...] = Field(default=(), description="shared secrets known beside those of the teams")
    decision: Decision | None = None
    left: Left | None = None


class Roster(Strict):
    """Everything that a stack says of people: the folder `roster`."""

    settings: Settings
    teams: dict[Name, Team] = {}
    people: dict[Handle, Person] = Field(default={}, description="one file each: roster/people/<handle>.yaml")

    def members(self, team: str) -> dict[str, Level]:
        """Who is written down in a team, in name order, and as what. Not all of them need be in effect yet."""
        return {h: p.teams[team] for h, p in sorted(self.people.items()) if team in p.teams and p.left is None}


def in_effect(person: Person, settings: Settings, as_of: date) -> bool:
    """Whether somebody is a member on a day: the join is decided and begun, and nobody wrote down a leaving.

    A leaving counts from the moment it is written down, whatever its day.
    """
    return person.left is None and joined(person, settings, as_of)


def joined(person: Person, settings: Settings, as_of: date) -> bool:
    """Whether somebody's join has begun by a day, and was decided by then: comments closed, approved, agreed to."""
    if person.since > as_of:
        return False
    if person.decision is None:
        return person.since <= settings.founded
    said = person.decision
    return (
        said.deadline - said.proposed >= settings.comment_time
        and said.deadline <= as_of
        and len(set(said.approvals)) >= settings.approvals_at_least
        and said.consent is not None
        and said.consent <= as_of
    )

"""The organisation at GitHub: its settings, its repositories, and the profiles that these share. Who may do what where
is a team's to say (model/roster.py).

Left out: downloads, which GitHub took away, and secrets of workflows, which are nobody's to write down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from model.control import DnsName
from model.roster import Permission, RepositoryName
from model.strict import Name, Strict, Text

Login = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9](-?[A-Za-z0-9]){0,38}$")]
Topic = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,49}$")]
Description = Annotated[str, StringConstraints(min_length=1, max_length=350, pattern=r"^[^\r\n\t]+$")]
Homepage = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=255)]
Mail = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]
LabelName = Annotated[str, StringConstraints(min_length=1, max_length=50)]
Color = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{6}$")]
# As git takes a branch's name, with GitHub's wildcards.
BranchPattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9*?\[\]._/-]+$", max_length=255)]
Visibility = Literal["public", "private"]
Alerts = Literal["on", "off", "as-is"]


class OrganisationSettings(Strict):
    """What holds for the whole organisation. What members may do beyond their teams is little, unless it is said."""

    billing_email: Mail
    display_name: Text | None = None
    description: Text | None = None
    blog: Homepage | None = None
    email: Mail | None = None
    default_permission: Literal["read", "none"] = Field(
        default="read", description="what every member may do in every repository; more comes from teams alone"
    )
    members_create_repositories: bool = False
    members_create_pages: bool = False
    members_fork_private: bool = False
    signoff_required: bool = Field(default=False, description="of commits that are made on GitHub's own pages")


class Organisation(Strict):
    """The organisation itself.

    `adopted: false` means that its things exist and are not in our state: creating any of them is refused.
    """

    name: Login
    adopted: bool
    settings: OrganisationSettings | None = Field(default=None, description="null: left as they are")


class Merging(Strict):
    """How a change may come into a repository."""

    merge_commit: bool = True
    squash: bool = True
    rebase: bool = True
    delete_branch: bool = Field(default=False, description="a branch goes when it is merged")
    auto: bool = Field(default=False, description="a change may merge by itself as soon as it may")


class Protection(Strict):
    """What a branch asks of a change. Nobody forces a push to a protected branch or deletes it."""

    purpose: Text
    approvals: int = Field(ge=1, le=6, description="how many other people must approve")
    dismiss_stale: bool = Field(default=True, description="a later push takes approvals away")
    code_owners: bool = False
    last_push: bool = Field(default=False, description="whoever pushed last does not count among those who approve")
    resolved: bool = Field(default=False, description="every conversation is brought to an end first")
    linear: bool = False
    administrators: bool = Field(default=True, description="it binds administrators, too")
    checks: tuple[Text, ...] = Field(default=(), description="names of checks that must have passed")


class Label(Strict):
    """A label for issues."""

    color: Color
    description: str = Field(default="", max_length=100)


class Features(Strict):
    """What a repository has beside its code. What is not said comes from the defaults."""

    issues: bool | None = None
    wiki: bool | None = None
    projects: bool | None = None
    discussions: bool | None = None


class EveryFeature(Strict):
    """What a repository has beside its code, unless it says otherwise."""

    issues: bool
    wiki: bool
    projects: bool
    discussions: bool


class Pages(Strict):
    """A site made from a repository: of a branch, or by a workflow of its own."""

    build: Literal["branch", "workflow"] = "branch"
    branch: Text | None = None
    path: Literal["/", "/docs"] = "/"
    cname: DnsName | None = Field(default=None, description="a name of its own; null: the organisation's at github.io")


class Archived(Strict):
    """That a repository can only be read. GitHub then lets no team in or out, so what teams hold is written here."""

    because: Text
    frozen: dict[Name, Permission] = Field(default={}, description="team's slug: what it held when it was archived")


class Defaults(Strict):
    """What holds for every repository that does not say otherwise. Topics and labels come beside a repository's own."""

    visibility: Visibility
    features: EveryFeature
    merge: Name = Field(description="one of merge_profiles")
    alerts: Alerts = Field(description="warnings of vulnerable dependencies; as-is: left as they are")
    topics: tuple[Topic, ...] = ()
    labels: tuple[Name, ...] = Field(default=(), description="sets of labels")
    unprotected: Text | None = Field(default=None, description="why branches need no protection")


class Repository(Strict):
    """A repository. What it does not say comes from `defaults`."""

    description: Description
    homepage: Homepage | None = None
    topics: tuple[Topic, ...] = ()
    visibility: Visibility | None = None
    features: Features = Features()
    merge: Name | None = None
    alerts: Alerts | None = None
    labels: tuple[Name, ...] = ()
    pages: Pages | None = None
    branches: dict[BranchPattern, Name] = Field(default={}, description="pattern of branches: one of protections")
    unprotected: Text | None = None
    archived: Archived | None = None
    formerly: RepositoryName | None = Field(default=None, description="name before: it is renamed and not made anew")
    released: Text | None = Field(
        default=None, description="why it may leave the data; only then a later change may take it out (it is archived)"
    )
    why: Text | None = Field(default=None, description="the reason of something here that looks odd")


class Github(Strict):
    """All that a stack says of GitHub but who may do what."""

    organisation: Organisation
    merge_profiles: dict[Name, Merging] = Field(min_length=1)
    protections: dict[Name, Protection] = {}
    labels: dict[Name, dict[LabelName, Label]] = Field(default={}, description="sets of labels, by name")
    defaults: Defaults
    repositories: dict[RepositoryName, Repository] = {}


@dataclass(frozen=True)
class Settled:
    """A repository with every default filled in."""

    name: str
    visibility: str
    issues: bool
    wiki: bool
    projects: bool
    discussions: bool
    merge: str
    alerts: str
    topics: tuple[str, ...]
    labels: tuple[str, ...]
    """Names of the sets."""
    unprotected: str | None
    """Why its branches need no protection; None where some are protected, or where it cannot be written to."""


def settled(github: Github, name: str) -> Settled:
    """One repository as it is to be. Its own word goes before the default; topics and labels come beside each other."""
    it, common = github.repositories[name], github.defaults
    own = {key: value for key, value in it.features.model_dump().items() if value is not None}
    features: Mapping[str, bool] = common.features.model_dump() | own
    closed = it.archived is not None
    return Settled(
        name=name,
        visibility=it.visibility or common.visibility,
        **features,
        merge=it.merge or common.merge,
        alerts=it.alerts or common.alerts,
        topics=tuple(dict.fromkeys((*common.topics, *it.topics))),
        labels=() if closed else tuple(dict.fromkeys((*common.labels, *it.labels))),
        unprotected=None if it.branches or closed else it.unprotected or common.unprotected,
    )

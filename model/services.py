"""The fleet's services as data: what runs, where it may run, what it reads, and the public names it answers.

A service is one file, `stacks/<stack>/services/<name>.yaml`. Bodies of templates that are longer than a line stand
beside it in `services/files/<name>/`. A service of one group, and a group of one task, say it all at one level.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from model.control import Capability, HostPath, Label
from model.registration import Duration, Registration, UrlPath, seconds
from model.strict import Name, Strict, Text
from model.sync import Sync

ServiceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*([-_][a-z0-9]+)*$", max_length=63)]
ImageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=127)]
Cron = Annotated[
    str, StringConstraints(pattern=r"^(@(yearly|monthly|weekly|daily|hourly)|[0-9*/,A-Za-z-]+( [0-9*/,A-Za-z-]+){4})$")
]
Perms = Annotated[str, StringConstraints(pattern=r"^0[0-7]{3}$")]
VariablePath = Annotated[str, StringConstraints(pattern=r"^nomad/jobs(/[A-Za-z0-9._~-]+)+$")]
Place = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9._-]+)+$")]
Tag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


# What the fleet's Nomad clients grant at most (hostconfig/nomad.py); asked for more, they would grant this silently.
LONGEST_END = "15m"


def cron_of(every: str) -> str:
    """The cron line of a period that divides an hour or a day evenly."""
    minutes = seconds(every) / 60
    if minutes == 1:
        return "* * * * *"
    if minutes >= 1 and 60 % minutes == 0 and minutes < 60:
        return f"*/{int(minutes)} * * * *"
    hours = minutes / 60
    if hours >= 1 and 24 % hours == 0:
        return "0 0 * * *" if hours == 24 else "0 * * * *" if hours == 1 else f"0 */{int(hours)} * * *"
    raise ValueError(f"{every} does not divide an hour or a day evenly: write 1m, 5m, 1h, 6h, 1d or the like")


def _period(text: str) -> str:
    if re.fullmatch(r"[0-9]{1,6}(ms|s|m|h|d)", text):
        cron_of(text)
    return text


Period = Annotated[Duration, AfterValidator(_period)]


class Image(Strict):
    """Where a task's program comes from. `exec` is the same program where no container runs."""

    source: Text = Field(description="registry and name, without tag")
    tag: Tag | None = None
    digest: Digest | None = None
    architectures: tuple[Literal["x86_64", "aarch64"], ...] = Field(min_length=1)
    own: bool = Field(default=False, description="true: built from images/<name>/ of this repository")
    exec: tuple[Text, ...] = Field(default=(), description="command and arguments where machines run no containers")
    note: Text | None = None


class Port(Strict):
    """A port of a group. Without a number Nomad chooses one; `to` is the port inside the group's own network."""

    static: int | None = Field(default=None, ge=1, le=65535, description="one copy at a time has it on a machine")
    shared: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="copies of the group listen on it side by side (SO_REUSEPORT), and a new version takes over; "
        "Nomad does not know it: the tasks read it as FLEET_PORT_<label>",
    )
    to: int | None = Field(default=None, ge=1, le=65535)
    interface: Label = Field(default="default", description="the machine's network the port is on")


class Mount(Strict):
    """A host volume in a task. The key is the volume's name; only machines that offer it are candidates."""

    to: HostPath
    read_only: bool = False
    any_copy: Text | None = Field(
        default=None, description="why a single copy of the job may land on any of several machines that offer it"
    )


class Template(Strict):
    """A file written into the task before it starts.

    Its body is exactly one of `file`, `text`, `key`, `keys`, `facts`.
    """

    file: Text | None = Field(default=None, description="name below services/files/<service>/")
    text: Text | None = None
    key: Label | None = Field(default=None, description="the body is this key of a Nomad variable")
    keys: dict[Label, Label] = Field(default={}, description="environment variable: key of a Nomad variable")
    facts: Literal["certificate", "devspace", "authorities"] | None = Field(
        default=None,
        description="the body is what the fleet's data say of it: the certificate's authority and names; whom devspace "
        "lets in, and how it asks; the recorded certificates of the fleet's own authorities",
    )
    variable: VariablePath | None = Field(default=None, description="of `key` and `keys`; the job's own if not said")
    environment: bool = Field(default=False, description="true: lines NAME=value become the task's environment")
    perms: Perms | None = Field(default=None, description="0600 below secrets/, else 0644, if not said")
    uid: int | None = Field(default=None, ge=0, le=65534)
    gid: int | None = Field(default=None, ge=0, le=65534)
    on_change: Literal["restart", "noop", "SIGHUP", "SIGUSR1", "SIGUSR2"] = "restart"
    delimiters: tuple[Text, Text] | None = Field(default=None, description="where {{ }} belong to the file itself")


class Resources(Strict):
    """What a task gets: MHz, and megabytes of memory. Not said: Nomad's default of 100 and 300."""

    cpu: int | None = Field(default=None, ge=1)
    memory: int | None = Field(default=None, ge=10)
    memory_max: int | None = Field(default=None, ge=10, description="what it may take beyond while nobody needs it")


class Container(Strict):
    """What only a container driver knows."""

    entrypoint: tuple[Text, ...] = ()
    cap_add: tuple[Capability, ...] = ()
    privileged: bool = False
    init: bool = False
    ports: tuple[Label, ...] = ()
    offline: bool = Field(default=False, description="true: it has no network at all")
    binds: tuple[Text, ...] = Field(default=(), description="local/file:/place/in/container")


class Identity(Strict):
    """How the task gets its own token for Nomad's API."""

    env: bool = False
    file: bool = False


class Lifecycle(Strict):
    """When the task runs beside the others of its group."""

    hook: Literal["prestart", "poststart", "poststop"]
    sidecar: bool = False


class Restart(Strict):
    """What happens on the same machine when a task ends by itself."""

    attempts: int | None = Field(default=None, ge=0)
    delay: Duration | None = None
    interval: Duration | None = None
    mode: Literal["fail", "delay"] | None = None


class Location(Strict):
    """A path of a web server with a folder of its own."""

    root: HostPath
    listing: bool = False
    cache: Duration | None = None


class Webserver(Strict):
    """nginx, configured by the block. More sites are templates below local/nginx/, which it includes."""

    port: Label = "http"
    root: HostPath | None = Field(default=None, description="the folder it serves; not said: only the other sites")
    listing: bool = False
    cache: Duration | None = None
    locations: dict[UrlPath, Location] = {}
    workers: int = Field(default=1, ge=1, le=64)


class Task(Strict):
    """One program."""

    image: ImageName | None = None
    command: Text | None = None
    args: tuple[str, ...] = ()
    env: dict[Label, str] = {}
    user: Text | None = None
    resources: Resources = Resources()
    volumes: dict[Label, Mount] = {}
    templates: dict[Place, Template] = Field(default={}, description="place in the task: what stands there")
    container: Container = Container()
    identity: Identity | None = None
    lifecycle: Lifecycle | None = None
    restart: Restart | None = None
    meta: dict[Label, str] = {}
    webserver: Webserver | None = None
    sync: Sync | None = None
    shutdown_delay: Duration | None = None
    kill_timeout: Duration | None = Field(
        default=None, description=f"how long it may take to end, up to {LONGEST_END}; Nomad's default is 5s"
    )


class Disk(Strict):
    """The group's own disk, which goes with it unless it is sticky. Megabytes."""

    size: int | None = Field(default=None, ge=10)
    sticky: bool = False
    migrate: bool = False


class Constraint(Strict):
    """A property of a machine that a group needs: an attribute, or what the machine's data say of it."""

    attribute: Annotated[str, StringConstraints(pattern=r"^(attr|meta|node)\.[A-Za-z0-9._-]+$")] = Field(
        description="such as meta.builder or attr.cpu.arch"
    )
    operator: Literal["=", "!=", "set_contains_any", "is_set", "is_not_set"] = "="
    value: str = ""


class Affinity(Constraint):
    """What a group would rather have, or rather not (a negative weight)."""

    weight: int = Field(ge=-100, le=100)


class Update(Strict):
    """How a change of a running service is rolled out."""

    max_parallel: int | None = Field(default=None, ge=1)
    canary: int | None = Field(
        default=None,
        ge=0,
        description="so many instances of a new version run first, until one is chosen: beside the old ones, or, of a "
        "service that stands everywhere, in place of that many",
    )
    auto_promote: bool = False
    auto_revert: bool = False
    min_healthy: Duration | None = None
    healthy_deadline: Duration | None = None
    progress_deadline: Duration | None = None


class Group(Task):
    """Tasks that run together on one machine. With one task, its fields stand here (`restart` is then the group's)."""

    count: int = Field(default=1, ge=0)
    network: Literal["bridge", "host", "default"] = Field(
        default="bridge", description="default: what the driver does by itself"
    )
    hostname: Text | None = None
    dns: tuple[Text, ...] = ()
    ports: dict[Label, Port] = {}
    registers: dict[Label, Registration] = {}
    disk: Disk | None = None
    update: Update | None = None
    constraints: tuple[Constraint, ...] = ()
    affinities: tuple[Affinity, ...] = ()
    needs: dict[Label, Text] = Field(default={}, description="volume that marks the right machine, not mounted: why")
    task: Label | None = Field(default=None, description="name of the one task, where it is not the group's")
    tasks: dict[Label, Task] = {}


class Periodic(Strict):
    """When a timer runs."""

    crons: tuple[Cron, ...] = Field(min_length=1)
    overlap: bool = False
    time_zone: Text = "UTC"


class Service(Group):
    """One Nomad job. With one group, its fields stand here."""

    block: Literal["service", "webserver", "sync", "timer"]
    purpose: Text
    namespace: Name
    datacenters: tuple[Label, ...] = Field(min_length=1)
    pool: Name = "default"
    priority: int | None = Field(default=None, ge=1, le=100)
    everywhere: bool = Field(default=False, description="true: one copy on every machine that can hold it")
    resting: tuple[Name, ...] = Field(default=(), description="duties; a machine that rests from one gets no copy")
    periodic: Periodic | None = None
    every: Period | None = Field(default=None, description="period of a sync")
    front: Literal["control"] | None = Field(
        default=None, description="this service is the front that vhosts mean by `through: control`"
    )
    group: Label | None = Field(default=None, description="name of the one group, where it is not the service's")
    groups: dict[Label, Group] = {}
    runs_in_rehearsal: bool = False
    not_in_rehearsal: Text | None = Field(default=None, description="what it needs that the rehearsal has not")
    held: Text | None = Field(default=None, description="why the job is not registered for now")
    note: Text | None = None

"""How a service is found: the name it registers, how others know that it works, and the public names it answers."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from model.control import DnsName, Label
from model.strict import Strict, Text

Duration = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,6}(ms|s|m|h|d)$")]
UrlPath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9/._~-]*$")]
Series = Annotated[
    str, StringConstraints(pattern=r'^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})?$')
]
Method = Literal["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(duration: str) -> float:
    """A duration such as 15s or 2m in seconds."""
    found = re.fullmatch(r"([0-9]+)(ms|s|m|h|d)", duration)
    assert found is not None, duration
    return int(found[1]) * SECONDS[found[2]]


class Check(Strict):
    """How Consul or Nomad knows that it works."""

    kind: Literal["http", "tcp"] = "http"
    path: UrlPath | None = None
    every: Duration = "10s"
    timeout: Duration = "3s"
    port: Label | None = None
    address_mode: Literal["host", "alloc", "driver"] | None = None


class Limits(Strict):
    """What the front takes for a name before it says no."""

    body_mb: int | None = Field(default=None, ge=1)
    requests_per_second: int | None = Field(default=None, ge=1, description="of one client")
    timeout: Duration | None = Field(default=None, description="longest silence of the service")


class VhostPath(Strict):
    """What differs below a path."""

    websocket: bool = False
    buffering: bool = True
    timeout: Duration | None = None
    cache: Duration | None = None
    methods: tuple[Method, ...] = ()
    closed: bool = Field(default=False, description="true: nobody from outside gets there")


class Vhost(Strict):
    """A public HTTPS name, said once. DNS, certificate, the front's server and the probe derive from it."""

    names: tuple[DnsName, ...] = Field(min_length=1)
    public: bool = Field(description="false: the name is kept, and no front answers it")
    through: Literal["mirrors", "control", "own"] = Field(
        default="mirrors", description="the front that takes the requests; own: the service itself"
    )
    login: Literal["none", "service"] = Field(description="service: it asks people who they are by itself")
    websocket: bool = False
    cache: Duration | None = None
    methods: tuple[Method, ...] = Field(default=(), description="only these are let through")
    anybody: Text | None = Field(default=None, description="why people who have not logged in may change things")
    paths: dict[UrlPath, VhostPath] = {}
    limits: Limits = Limits()
    unchecked: Text | None = Field(default=None, description="why a service behind this name has no health check")


class Share(Strict):
    """A share that failed, by which a new version is held against the old one."""

    failed: Series
    done: Series = Field(description="what went well")


class Counted(Strict):
    """What instances count of themselves, in the form of Prometheus: `fleet compare` shows it of old and new."""

    path: UrlPath = "/metrics"
    shown: dict[Label, Series] = Field(
        min_length=1, description="name of the row: series; a row for each of its labels"
    )
    failures: dict[Label, Share] = Field(min_length=1, description="what fails: the new version may not do so more")


class Registration(Strict):
    """A name under which others find a port of the group."""

    port: Label
    provider: Literal["consul", "nomad"] = "consul"
    tags: tuple[Text, ...] = ()
    meta: dict[Label, Text] = {}
    checks: tuple[Check, ...] = ()
    vhost: Vhost | None = None
    counted: Counted | None = None

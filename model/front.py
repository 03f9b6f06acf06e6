"""The front as data: which machines answer for public names, the files among them, and how a new front takes over.

The names of services are not here: they stand with the services, as `vhost`. Any machine of the front answers all.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from model.control import DnsName, HostPath, Label
from model.registration import Duration, UrlPath, seconds
from model.strict import Name, Network, Strict, Text

# A front runs in one of four slots of its machine: each has a port for HTTP, one for HTTPS and one that says how it is.
OWN_PORTS = tuple(first + slot for first in (8080, 8440, 8180) for slot in range(4))

# How long an instance that leaves may still be asked: until the mirror's loop looks again (2 s), Consul and its agent
# have answered (2 s), and a connection kept to it is given to no request any more (5 s); and a second for the clocks.
LEAVING_SECONDS = 10

Ending = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.]*$")]
Folder = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$")]
Covered = Annotated[
    str, StringConstraints(pattern=r"^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+$", max_length=253)
]


def _virtual(text: str) -> str:
    address, _, length = text.partition("/")
    if ":" in address or not 8 <= int(length) <= 24:
        raise ValueError(f"{text}: the virtual addresses are a network of IPv4 between /8 and /24")
    return text


def _some_time(text: str) -> str:
    if seconds(text) < 1:
        raise ValueError(f"{text} is less than a second")
    return text


Virtual = Annotated[Network, AfterValidator(_virtual)]
Time = Annotated[Duration, AfterValidator(_some_time)]


class Kind(Strict):
    """Files of one kind, and how long anybody may keep a copy of one without asking again."""

    endings: tuple[Ending, ...] = Field(
        min_length=1, description="of file names: xbps, or repodata for x86_64-repodata"
    )
    keep: Duration = Field(description="0s: everybody asks each time; 365d: it never changes under its name")


class Tree(Strict):
    """A folder of files under public names: a volume that each of the front's machines offers, or a part of it."""

    names: tuple[DnsName, ...] = Field(min_length=1)
    elsewhere: dict[DnsName, Text] = Field(
        default={}, description="names that lead elsewhere, and are asked for here all the same: by whom"
    )
    volume: Label
    folder: Folder | None = Field(default=None, description="below the volume; not said: the whole of it")
    listing: bool = False
    kinds: dict[Name, Kind] = {}


class Probe(Strict):
    """A question that the old and the new front must answer alike, beside those that follow from the names."""

    name: DnsName
    path: UrlPath


class Swap(Strict):
    """How a new front takes the place of the old one on a machine."""

    share: int = Field(default=20, ge=1, le=100, description="percent of the new connections, while both are compared")
    watch: Time = Field(default="20s", description="how long they are compared under clients' own requests")
    rounds: int = Field(default=3, ge=1, le=100, description="how often each probe is asked")
    slower_factor: float = Field(default=2.0, ge=1.0, description="it may take so many times what the old one takes")
    slower_by: Duration = Field(default="50ms", description="and so much more")
    failing_percent: float = Field(
        default=1.0, ge=0.0, le=100.0, description="so many more of its answers may be 500 and above"
    )
    longest_drain: Time = Field(default="1h", description="what has not let go of its connections by then is ended")


class Certificate(Strict):
    """What the certificate of all public names is issued for."""

    names: tuple[Covered, ...] = Field(min_length=1, description="a wildcard covers one label")


class FrontData(Strict):
    """The machines that take requests for all public names, and answer them or pass them on over the fabric."""

    role: Name
    duty: Name = Field(description="a machine that rests from it is left out of the shared names, and answers on")
    virtual: Virtual = Field(
        default="198.18.0.0/16", description="of addresses that stand for services inside a machine, seen on no wire"
    )
    program: HostPath = "/usr/sbin/nginx"
    keepalive: Time = Field(default="60s", description="a connection in use is closed, politely, after so long")
    hsts: Time = Field(default="365d", description="how long browsers remember that names are asked for by HTTPS alone")
    certificate: Certificate
    swap: Swap = Swap()
    probes: tuple[Probe, ...] = ()
    trees: dict[Name, Tree] = {}
    redirects: dict[DnsName, DnsName] = Field(default={}, description="name: where it sends everybody")
    unanswered: dict[DnsName, Text] = Field(
        default={}, description="names of our zones that lead here and are nobody's: why"
    )

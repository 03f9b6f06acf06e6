"""The desired state of the layer `front` on one mirror: what it serves, what stands behind it, and how it is replaced.

Strict, frozen, nothing left to decide. All times are in seconds.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from hostconfig.desired import Address, Domain, Interface, Label, Network, Path, Strict

UrlPath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9/._~-]*$")]
Ending = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.]*$")]
ConsulName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Method = Literal["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]
Percent = Annotated[int, Field(ge=1, le=100)]


class Kind(Strict):
    """How long anybody may keep files of one kind. `keep` 0: nobody keeps a copy without asking."""

    endings: tuple[Ending, ...] = Field(min_length=1)
    keep: int = Field(ge=0)


class Tree(Strict):
    """A folder of files under public names."""

    names: tuple[Domain, ...] = Field(min_length=1)
    root: Path
    listing: bool = False
    kinds: tuple[Kind, ...] = ()


class Below(Strict):
    """What differs below a path of a service."""

    path: UrlPath
    websocket: bool = False
    buffering: bool = True
    timeout: float | None = None
    cache: int | None = None
    methods: tuple[Method, ...] = ()
    closed: bool = False


class Behind(Strict):
    """A service behind the front: its public names, and the virtual addresses that stand for its instances.

    nginx knows `address` with the ports 1 to `instances`, for ever; which fabric address and port each means is a map
    of the host's packet filter, which follows Consul. So an instance comes and goes without nginx being told.
    """

    names: tuple[Domain, ...] = Field(min_length=1)
    consul: ConsulName
    address: Address
    instances: int = Field(ge=1, le=64)
    canaries: int = Field(default=0, ge=0, le=63)
    """How many of the ports, the last ones, are for those of a version that is being tried."""
    websocket: bool = False
    cache: int | None = None
    methods: tuple[Method, ...] = ()
    below: tuple[Below, ...] = ()
    body_mb: int = Field(default=1, ge=1)
    requests_per_second: int | None = Field(default=None, ge=1)
    timeout: float = 60.0


class Probe(Strict):
    """A question that the old and the new front must answer alike before a client meets the new one."""

    name: Domain
    path: UrlPath


class Swap(Strict):
    """How a new front takes the place of the old one."""

    share: Percent = 20
    """Of the new connections, while the two are compared."""
    watch: float = 20.0
    """How long the two are compared under clients' own requests."""
    probes: tuple[Probe, ...] = ()
    rounds: int = Field(default=3, ge=1)
    """How often each probe is asked."""
    slower_factor: float = Field(default=2.0, ge=1.0)
    slower_seconds: float = Field(default=0.05, ge=0.0)
    """The new one may take `slower_factor` times what the old one takes, and this much more."""
    failing_percent: float = Field(default=1.0, ge=0.0)
    """The new one's answers of 500 and above may be this much more of all than the old one's."""
    longest_drain: float = 3600.0
    """What has not let go of its connections after this long is ended, loudly."""


class Front(Strict):
    """What one mirror serves and passes on."""

    layer: ClassVar[str] = "front"
    hostname: Label
    fqdn: Domain
    os: Literal["debian", "void"]
    interface: Interface
    address: Address
    """Of this host on the fabric; the agents listen there."""
    program: Path = "/usr/sbin/nginx"
    workers: int | Literal["auto"] = "auto"
    virtual: Network = "198.18.0.0/16"
    """The network of the virtual addresses. None of it is ever seen on a wire."""
    keepalive: int = Field(default=60, ge=1)
    """A connection in use is closed, politely, after this long: a bound on how long a replaced front lives on."""
    hsts: int = 31536000
    certificate: Path = "/var/lib/fleet/front/certificate.pem"
    """Chain and key in one file. Where it is missing a placeholder stands in, so that a front starts with nothing."""
    trees: dict[Label, Tree] = {}
    services: dict[Label, Behind] = {}
    redirects: dict[Domain, Domain] = {}
    swap: Swap = Swap()

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        """Two servers of one name: nginx takes the first and warns nobody who reads."""
        said = [name for tree in self.trees.values() for name in tree.names]
        said += [name for service in self.services.values() for name in service.names]
        said += self.redirects
        twice = sorted({name for name in said if said.count(name) > 1})
        if twice:
            raise ValueError(f"{self.hostname}: {', '.join(twice)}: answered twice: each name belongs to one site")
        return self

    @model_validator(mode="after")
    def _each_address_means_one_service(self) -> Self:
        """Two services at one virtual address: a client of the one would be answered by the other."""
        network = ip_network(self.virtual)
        taken: dict[str, str] = {}
        for label, service in sorted(self.services.items()):
            if ip_address(service.address) not in network:
                raise ValueError(f"{self.hostname}: {label}: {service.address} is not in {self.virtual}")
            if service.address in taken:
                other = taken[service.address]
                raise ValueError(f"{self.hostname}: {other} and {label} have one address, {service.address}")
            taken[service.address] = label
        return self

"""One machine: what it is at its provider, where it stands, what it is for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from model.control import Node, Offer
from model.strict import IP, InterfaceAddress, IPv4, IPv6, Name, Origin, Ports, Strict, Text

OpeningFrom = Origin


class Opening(Strict):
    """A port that the outside may reach. Everything else is closed, on IPv4 and IPv6 alike.

    `from` is "world" or networks. Opened in the host's own firewall and, where the provider has one, in that too.
    """

    proto: Literal["tcp", "udp"]
    ports: Ports
    from_: tuple[OpeningFrom, ...] = Field(default=("world",), alias="from", min_length=1)
    why: Text


class Role(Strict):
    """What machines with this role have beyond the base."""

    purpose: Text
    quorum: bool = Field(default=False, description="true: its machines vote, so their number must be odd")
    packages: dict[Text, Text] = {}
    sysctl: dict[Text, Text] = {}
    openings: dict[Name, Opening] = {}
    nomad: Offer | None = Field(default=None, description="what its machines offer to jobs")


class Droplet(Strict):
    """A DigitalOcean droplet. Image and size are the provider's own slugs; an image may be a custom one, by name."""

    kind: Literal["droplet"]
    region: Text = Field(description="DigitalOcean's region, e.g. sfo3")
    size: Text
    image: Text | None = None
    custom_image: Text | None = Field(default=None, description="name of a custom image, looked up by name")
    vpc: Name | None = None
    ssh_keys: tuple[Name, ...] = Field(min_length=1)
    tags: tuple[Text, ...] = ()
    firewall: bool = Field(default=True, description="also keep the declared openings in DigitalOcean's firewall")
    ipv6: bool = True
    first_user: Name = "root"


class Ec2(Strict):
    """An AWS EC2 instance with an elastic address, in a network that `aws.networks` declares."""

    kind: Literal["ec2"]
    region: Text
    zone: Text
    size: Text = Field(description="instance type, e.g. t3.small")
    image: Text = Field(description="AMI id")
    network: Name
    ssh_key: Name
    tags: dict[Text, Text] = {}
    first_user: Name = "admin"


class Gce(Strict):
    """A GCP Compute Engine instance with a static address, in a network that `gcp.networks` declares."""

    kind: Literal["gce"]
    region: Text
    zone: Text
    size: Text = Field(description="machine type, e.g. e2-small")
    image: Text = Field(description="project/family or project/image, e.g. debian-cloud/debian-12")
    network: Name
    ssh_key: Name
    tags: tuple[Name, ...] = ()
    first_user: Name = "debian"


class Metal(Strict):
    """A machine that somebody gives or rents to the fleet and that no API of ours makes: a server or a virtual host."""

    kind: Literal["metal"]
    provider: Text = Field(description="who it stands with, e.g. hetzner, or the donor's name; 'unknown' is an answer")
    hardware: Text
    basis: Text | None = Field(default=None, description="how we know")
    first_user: Name = "root"


Source = Annotated[Droplet | Ec2 | Gce | Metal, Field(discriminator="kind")]


class Public(Strict):
    """The public addresses, where they are facts. A cloud computes its own; `fleet record` writes those down."""

    ipv4: IPv4 | None = None
    ipv6: IPv6 | None = None


class FabricAddress(Strict):
    """The machine's place on the fabric."""

    address: IPv4
    port: int | None = Field(default=None, ge=1, le=65535, description="UDP port, where it differs from the fabric's")


class Volume(Strict):
    """A disk of its own that outlives the machine. Protected by default, for it holds data."""

    size_gb: int = Field(ge=1, le=16384)
    why: Text
    protect: bool = True


class Route(Strict):
    """A way out. It leaves by the interface it is declared for, so a link-local next hop always has a device."""

    to: Text
    via: IP
    onlink: bool = Field(default=False, description="true: the next hop is outside the address's own prefix")


class Interface(Strict):
    """How the host's own network is set up: facts for hosts whose provider does not do it."""

    mode: Literal["static", "dhcp", "provider"]
    interface: Text | None = None
    addresses: tuple[InterfaceAddress, ...] = ()
    routes: tuple[Route, ...] = ()


class Repositories(Strict):
    """Which package repositories the host uses: flavour and the files that name them."""

    flavour: Text
    files: tuple[Text, ...] = ()


class Machine(Strict):
    """One machine of the fleet. Its name is its key in `machines`: <letter>-<region>-<country>."""

    purpose: Text
    region: Name
    source: Source
    os: Literal["void", "debian"]
    libc: Literal["glibc", "musl"] = "glibc"
    arch: Literal["x86_64", "aarch64"] = "x86_64"
    roles: tuple[Name, ...] = ()
    managed: bool = Field(default=True, description="false: it exists and has DNS records, and is never touched")
    public: Public = Public()
    ssh_port: int = Field(default=22, ge=1, le=65535, description="where the outside reaches its sshd")
    fabric: FabricAddress | None = None
    volumes: dict[Name, Volume] = {}
    holds_data: bool = Field(default=False, description="true: the machine itself is protected from deletion")
    network: Interface | None = None
    repositories: Repositories | None = None
    ssh_groups: tuple[Name, ...] = Field(default=(), description="groups that may log in here beyond ssh.allow_groups")
    openings: dict[Name, Opening] = Field(default={}, description="ports open on this machine alone")
    nomad: Node | None = Field(default=None, description="what this machine offers to jobs beyond its roles")
    resting: dict[Name, Text] = Field(default={}, description="duty: why it is held out of it for now")
    note: Text | None = None

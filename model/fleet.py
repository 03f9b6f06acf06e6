"""The fleet: every fact of one stack, each written once in its folder.

Source of the first data: the public repository of Void Linux's infrastructure, taken over as facts.
Left out here: services, people and policies, which other parts of the model add beside these records.
"""

from __future__ import annotations

import ipaddress
from typing import Literal

from pydantic import Field

from model.access import Access
from model.clouds import Aws, DigitalOcean, Gcp
from model.control import Control
from model.dns import Zone
from model.front import FrontData
from model.github import Github
from model.machine import Machine, Opening, OpeningFrom, Role
from model.roster import Roster
from model.services import Image, ImageName, Service, ServiceName
from model.strict import IP, IPv4, IPv6, Name, Network, Ports, PublicKey, Strict, Text, WireGuardKey
from model.watched import Moment, Watched


class Region(Strict):
    """A place where machines stand. The key is the middle part of a machine's name."""

    site: Text
    country: str = Field(
        pattern=r"^[a-z]{2}$", description="two-letter country code, the last part of a machine's name"
    )


class FabricScope(Strict):
    """A port of some machines that only some machines may reach over the fabric.

    `on` and `from` hold roles or names of machines, or "all". A port that no scope names follows `fabric.default`.
    """

    proto: Literal["tcp", "udp"]
    ports: Ports
    on: tuple[Text, ...] = Field(min_length=1)
    from_: tuple[Text, ...] = Field(alias="from", min_length=1)
    why: Text


class FabricSettings(Strict):
    """The WireGuard full mesh between machines. People never have a peer on it."""

    interface: str = Field(pattern=r"^[a-z][a-z0-9]{1,14}$")
    subnet: Network
    port: int = Field(ge=1, le=65535, description="UDP port every machine listens on")
    keepalive: int | None = Field(default=None, ge=1, le=600, description="seconds; null: none is sent")
    default: Literal["open", "closed"] = Field(
        default="open", description="whether a machine takes traffic from the fabric on ports that no scope names"
    )
    scopes: dict[Name, FabricScope] = {}


class Operator(Strict):
    """An account on every host for operating it. People's own accounts come from the roster, not from here.

    `keys` are public. A stack whose keys are not published names a secret instead, and the rehearsal, which makes its
    own key, names the environment variable with the path of the public key's file: exactly one of the three.
    """

    purpose: Text
    uid: int | None = Field(default=None, ge=100, le=59999)
    groups: tuple[Name, ...] = ()
    shell: str = "/bin/sh"
    keys: tuple[PublicKey, ...] = ()
    keys_secret: Text | None = Field(
        default=None, description="name of a secret config value that holds the public keys, one a line"
    )
    keys_env: Text | None = Field(default=None, description="environment variable with the path of a public key file")
    sudo: Literal["all-nopasswd", "none"] = "none"


class Time(Strict):
    """Where hosts get the time. `set_clock: false` where several hosts share one clock (the rehearsal)."""

    servers: tuple[Text, ...] = Field(min_length=1)
    set_clock: bool = True


class Resolver(Strict):
    """The resolver on every host: recursive by itself, or forwarding where `forward` is not empty."""

    allow: tuple[Network, ...] = ("127.0.0.0/8",)
    listen: tuple[IP, ...] = ("127.0.0.1",)
    forward: tuple[IP, ...] = ()
    stubs: dict[Text, Text] = Field(default={}, description="zone: address@port it is asked at")


class Ssh(Strict):
    """The host's sshd, everywhere."""

    allow_groups: tuple[Name, ...] = Field(min_length=1)
    banner: Text


class Base(Strict):
    """What every managed host has, whatever its roles."""

    packages: dict[Text, Text] = Field(default={}, description="package: why it is there")
    sysctl: dict[Text, Text] = {}
    openings: dict[Name, Opening] = {}
    pinned_names: dict[Text, tuple[IP, ...]] = Field(default={}, description="names written into /etc/hosts")


class Recorded(Strict):
    """Facts born on a machine and written into the data by `fleet record`, by a reviewed patch."""

    wireguard_key: WireGuardKey | None = None
    ssh_host_key: PublicKey | None = None
    ipv4: IPv4 | None = None
    ipv6: IPv6 | None = None
    authority: Text | None = Field(default=None, description="certificate of a control host's own authority, PEM")


class Fleet(Strict):
    """Everything one stack says, from all files of its folder."""

    fleet: Name
    suffix: str = Field(description="a machine's full name is <machine>.<suffix>", pattern=r"^[a-z0-9.-]+[a-z0-9]$")
    regions: dict[Name, Region] = Field(min_length=1)
    fabric: FabricSettings
    operators: dict[Name, Operator] = Field(min_length=1)
    time: Time
    resolver: Resolver
    ssh: Ssh
    base: Base
    roles: dict[Name, Role]
    machines: dict[Name, Machine] = Field(min_length=1)
    zones: dict[str, Zone] = {}
    digitalocean: DigitalOcean | None = None
    aws: Aws | None = None
    gcp: Gcp | None = None
    control: Control | None = None
    access: Access | None = None
    front: FrontData | None = None
    images: dict[ImageName, Image] = {}
    services: dict[ServiceName, Service] = Field(default={}, description="one file each: services/<name>.yaml")
    service_files: dict[ServiceName, dict[Text, str]] = Field(
        default={}, description="bodies of templates, read from services/files/<service>/"
    )
    roster: Roster | None = Field(default=None, description="people and teams: the folder roster/")
    github: Github | None = Field(default=None, description="the organisation: the file roster/github.yaml")
    recorded: dict[Name, Recorded] = {}
    watched: dict[Name, Watched] = Field(default={}, description="certificates that people renew, not we")
    certificate_ends: dict[Text, Moment] = Field(
        default={}, description="when certificates end, as `fleet certificates --record` saw it: see model/expiry.py"
    )

    def fqdn(self, machine: str) -> str:
        """The full name of a machine, without the closing dot."""
        return f"{machine}.{self.suffix}"

    @property
    def managed(self) -> dict[str, Machine]:
        """The machines that this program configures, in name order: a rendered file never reshuffles."""
        return {name: m for name, m in sorted(self.machines.items()) if m.managed}

    @property
    def peers(self) -> dict[str, Machine]:
        """The machines on the fabric, in name order."""
        return {name: m for name, m in sorted(self.machines.items()) if m.fabric is not None}

    def having(self, role: str) -> tuple[str, ...]:
        """The machines with a role, in name order."""
        return tuple(name for name, m in sorted(self.machines.items()) if role in m.roles)

    def chooses(self, words: tuple[str, ...], host: str) -> bool:
        """Whether words choose a managed machine: "all", one of its roles, or its name."""
        machine = self.machines[host]
        return machine.managed and ("all" in words or host in words or bool(set(words) & set(machine.roles)))

    def chosen(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """The managed machines that words choose. Each once, in name order."""
        return tuple(name for name in self.managed if self.chooses(words, name))

    @property
    def voters(self) -> tuple[str, ...]:
        """The managed machines that run the three servers, in name order."""
        return tuple(n for n in self.having(self.control.role) if n in self.managed) if self.control else ()

    @property
    def clients(self) -> tuple[str, ...]:
        """The managed machines that run jobs, in name order."""
        return tuple(n for n, m in self.managed.items() if any(self.roles[r].nomad for r in m.roles if r in self.roles))

    @property
    def mirrors(self) -> tuple[str, ...]:
        """The managed machines that answer public names, in name order: those that rest from it too."""
        if self.front is None:
            return ()
        return tuple(n for n in self.having(self.front.role) if n in self.managed and n in self.peers)

    @property
    def fabric_network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        """The fabric's subnet as a network."""
        return ipaddress.ip_network(self.fabric.subnet)


__all__ = ["Fleet", "Machine", "Opening", "OpeningFrom", "Recorded", "Region", "Role"]

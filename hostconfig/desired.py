"""The desired ground state of one host, as the plan hands it over: strict, frozen, nothing left to decide.

Whatever reaches a shell, a path or a config file is checked here once, so that the rest can rely on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from hostconfig.checked import Address as Address
from hostconfig.checked import Contact as Contact
from hostconfig.checked import Domain as Domain
from hostconfig.checked import Endpoint as Endpoint
from hostconfig.checked import Interface as Interface
from hostconfig.checked import Label as Label
from hostconfig.checked import Line as Line
from hostconfig.checked import Listener as Listener
from hostconfig.checked import Name as Name
from hostconfig.checked import Network as Network
from hostconfig.checked import Package as Package
from hostconfig.checked import Path as Path
from hostconfig.checked import Pem as Pem
from hostconfig.checked import Ports as Ports
from hostconfig.checked import RuleName as RuleName
from hostconfig.checked import SshKey as SshKey
from hostconfig.checked import Strict as Strict
from hostconfig.checked import StubTarget as StubTarget
from hostconfig.checked import SysctlKey as SysctlKey
from hostconfig.checked import Url as Url
from hostconfig.checked import WireGuardKey as WireGuardKey
from hostconfig.desired_login import LoginWish


def _document(value: object) -> object:
    """The fabric document arrives as parsed JSON, or as the text of the shared file."""
    return json.loads(value) if isinstance(value, str) else value


class User(Strict):
    """An account that an operator or a service of the fleet uses."""

    uid: int | None = Field(default=None, ge=1, le=60000)
    groups: tuple[Name, ...] = ()
    shell: Path = "/bin/bash"
    keys: tuple[SshKey, ...] = ()
    sudo: Literal["all-nopasswd", "none"] = "none"
    comment: Annotated[str, StringConstraints(pattern=r"^[^:\n\r]*$")] = ""


class Time(Strict):
    """Time servers; `set_clock` is false where the kernel's clock belongs to somebody else."""

    servers: tuple[Domain | Address, ...] = ()
    set_clock: bool = True


class Resolver(Strict):
    """The host's own resolver; without `forward` it asks the root servers itself."""

    kind: Literal["unbound"] = "unbound"
    listen: tuple[Listener, ...] = ("127.0.0.1",)
    allow: tuple[Network, ...] = ("127.0.0.0/8",)
    forward: tuple[Address, ...] = ()
    stubs: dict[Domain, StubTarget] = {}


class Ssh(Strict):
    """Who may log in; algorithms are not a choice of a host."""

    port: int = Field(default=22, ge=1, le=65535)
    allow_groups: tuple[Name, ...] = Field(min_length=1)
    banner: Line = ""


class Opening(Strict):
    """A port opened to networks, or to the world."""

    proto: Literal["tcp", "udp", "icmp"]
    ports: Ports | None = None
    source: tuple[Literal["world"] | Network, ...] = Field(alias="from", min_length=1)
    why: Line = ""

    @model_validator(mode="after")
    def _ports_fit_the_protocol(self) -> Self:
        if (self.proto == "icmp") != (self.ports is None):
            raise ValueError("icmp has no ports, tcp and udp need them: give `ports` for tcp and udp only")
        return self


class Scope(Strict):
    """A port that only the named hosts may reach over the fabric."""

    proto: Literal["tcp", "udp"]
    ports: Ports
    source: tuple[Address, ...] = Field(alias="from")
    why: Line = ""


class Firewall(Strict):
    """What may come in. Everything else is dropped."""

    openings: dict[RuleName, Opening] = {}
    scopes: dict[RuleName, Scope] = {}
    fabric_default: Literal["open", "closed"] = "open"
    fabric_interface: Interface = "void0"
    redirected: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = ()
    """Ports of which another table sends connections on to a port that nobody else may reach."""


class Peer(Strict):
    """Another host of the fabric; a null key belongs to a host that has not made one yet."""

    key: WireGuardKey | None
    address: Address
    endpoint: Endpoint | None = None


class Document(Strict):
    """The recorded peers of the whole fabric, the same text for every host."""

    peers: dict[Label, Peer]


class Fabric(Strict):
    """This host's place in the WireGuard fabric. Without a document, the peers on the host are left as they are."""

    interface: Interface = "void0"
    address: Address
    prefix: int = Field(ge=1, le=128)
    listen_port: int = Field(default=51820, ge=1, le=65535)
    keepalive: int | None = Field(default=None, ge=1, le=65535)
    document: Annotated[Document | None, BeforeValidator(_document)] = None
    joining: dict[Label, Peer] = {}


class Authority(Strict):
    """A control host as the private authority that it is. Null: not born yet, or not known here."""

    address: Address
    ssh_host_key: SshKey | None = None
    certificate: Pem | None = None


class Enrolled(Strict):
    """A host that an authority signs for, and the names that it may have: never the names that it asks for."""

    address: Address
    fqdn: Domain
    ssh_host_key: SshKey | None = None
    names: tuple[Domain | Address, ...] = ()


class Pki(Strict):
    """Whom this host trusts and asks for its leaf certificate; on a control host also whom it signs for."""

    authorities: dict[Label, Authority]
    hosts: dict[Label, Enrolled] = {}
    leaf_days: int = Field(default=30, ge=1, le=398)
    renew_days: int = Field(default=10, ge=1)
    authority: bool = False
    wakes: tuple[Name, ...] = ()
    """Services, by our names, that must hear of a new certificate."""


class PublicNames(Strict):
    """The public HTTPS names of the three APIs."""

    nomad: Domain
    consul: Domain
    vault: Domain


class Acme(Strict):
    """Where the public names' certificates come from; `trust` where that directory's own certificate is nobody's."""

    directory: Url
    contact: Contact
    trust: Pem | None = None


class WaysIn(Strict):
    """How people reach the three APIs: one HTTPS name each, on every control host."""

    names: PublicNames
    acme: Acme
    servers: dict[Label, Address]
    own: Label
    region: Label
    datacenter: Label


class Netauth(Strict):
    """The directory of people, served from this host under a name that its leaf certificate holds."""

    server: Domain
    port: int = Field(default=1729, ge=1, le=65535)
    token_minutes: int = Field(default=20, ge=1, le=24 * 60)
    hash_cost: int = Field(default=10, ge=4, le=16)
    keep_days: int = Field(default=14, ge=1, le=366)
    """How long a day's copy of the store is kept."""


class Desired(Strict):
    """The whole ground state of one host."""

    layer: ClassVar[str] = "ground"
    hostname: Label
    fqdn: Domain
    os: Literal["debian", "void"]
    hosts_file: dict[Domain, tuple[Address, ...]] = {}
    packages: dict[Package, Line] = {}
    sysctl: dict[SysctlKey, Line] = {}
    users: dict[Name, User]
    time: Time
    resolver: Resolver
    ssh: Ssh
    firewall: Firewall
    fabric: Fabric | None = None
    pki: Pki | None = None
    ways_in: WaysIn | None = None
    netauth: Netauth | None = None
    login: LoginWish | None = None

    @model_validator(mode="after")
    def _somebody_can_still_log_in(self) -> Self:
        """A host without a login that has a key and full sudo would be lost to its operators at the next reload."""
        ways_in = [
            name
            for name, user in self.users.items()
            if name != "root"
            and user.keys
            and user.sudo == "all-nopasswd"
            and set(user.groups) & set(self.ssh.allow_groups)
        ]
        if not ways_in:
            raise ValueError(
                f"{self.hostname}: nobody could log in and become root: ssh allows the groups "
                f"{', '.join(self.ssh.allow_groups)}, and no user with a key and sudo is in one of them; "
                "give a user such a group, a key and sudo: all-nopasswd"
            )
        return self

    @model_validator(mode="after")
    def _break_glass_is_here(self) -> Self:
        """A name that no account bears would be found missing on the day when it is needed."""
        for name in self.login.break_glass if self.login else ():
            if name not in self.users or not self.users[name].keys:
                raise ValueError(
                    f"{self.hostname}: break-glass {name}: no user of this host with a key: name one of its users, "
                    "and give it a key"
                )
        return self

    @model_validator(mode="after")
    def _ssh_stays_open(self) -> Self:
        """A firewall that closes the ssh port cuts the operators off as surely as a missing key."""
        for rule in self.firewall.openings.values():
            if rule.proto == "tcp" and rule.ports is not None:
                first, _, last = rule.ports.partition("-")
                if int(first) <= self.ssh.port <= int(last or first):
                    return self
        raise ValueError(
            f"{self.hostname}: no opening of the firewall lets ssh in on port {self.ssh.port}: "
            "declare a tcp opening for it, from the world or from the operators' networks"
        )


def parse(data: Mapping[str, Any]) -> Desired:
    """Desired state from plain data; every error names its field."""
    return Desired.model_validate(data)

"""What a concern asks of a host: files, packages, users, services. Records only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Init = Literal["runit", "systemd"]


@dataclass(frozen=True)
class KeptPeer:
    """A peer that the host already has, as its own peers file names it."""

    key: str
    endpoint: str | None


@dataclass(frozen=True)
class Platform:
    """What a host is, as far as its files depend on it."""

    os: str
    init: Init
    kernel_wireguard: bool
    peers: tuple[tuple[str, KeptPeer], ...] = ()
    """Peers in the host's own peers file, by fabric address: kept where the data does not know their key (yet)."""


@dataclass(frozen=True)
class ManagedFile:
    """A file that is ours from the first to the last byte."""

    path: str
    text: str
    mode: str = "0644"
    owner: str = "root:root"
    """User and group, the latter also where only a service's own account may read it."""
    check: str | None = None
    """Shell command that judges the candidate, named by "$new", before it takes the file's place."""
    wakes: str | None = None
    """Name of the service that must hear of a change."""
    late: bool = False
    """Written only once the services of its concern are up."""


@dataclass(frozen=True)
class Service:
    """A supervised service. `hear` is the shell command by which it takes up a change."""

    name: str
    hear: str
    ready: str = ""
    """Shell condition that holds once a started service does its work; empty where being up says enough."""
    supervised: bool = True
    """False for what the host's own first boot supervises (sshd) or what is no process (a boot hook)."""


@dataclass(frozen=True)
class Account:
    """A user as it should be on the host."""

    name: str
    uid: int | None
    groups: tuple[str, ...]
    shell: str
    """Empty where the account's package decides it, as with the comment."""
    comment: str
    home: str | None = None
    """A service's own account has its data there and is no login; None for people, who have a home."""


@dataclass(frozen=True)
class Part:
    """All that one concern asks for."""

    packages: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    accounts: tuple[Account, ...] = ()
    files: tuple[ManagedFile, ...] = ()
    services: tuple[Service, ...] = ()
    sysctl: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Link:
    """How the fabric interface should look, in words that `ip` and `wg` answer in."""

    interface: str
    address: str
    mtu: int
    listen_port: int
    peers: tuple[tuple[str, str, str], ...] = ()
    """(name, public key, allowed address) of each peer."""


@dataclass(frozen=True)
class HostPlan:
    """The concerns of one host in one layer, in the order in which they are brought about."""

    layer: str
    parts: tuple[Part, ...]
    hostname: str | None = None
    """The kernel's name for the host, where the layer says it."""
    link: Link | None = None

    @property
    def packages(self) -> tuple[str, ...]:
        """Every package, the concerns' own and the declared."""
        return tuple(sorted({name for part in self.parts for name in part.packages}))

    @property
    def files(self) -> tuple[ManagedFile, ...]:
        """Every file of ours."""
        return tuple(file for part in self.parts for file in part.files)

    @property
    def groups(self) -> tuple[str, ...]:
        """Every group that must exist, each once: several concerns may ask for one."""
        return tuple(dict.fromkeys(group for part in self.parts for group in part.groups))

    @property
    def accounts(self) -> tuple[Account, ...]:
        """Every declared user."""
        return tuple(account for part in self.parts for account in part.accounts)

    @property
    def sysctl(self) -> dict[str, str]:
        """Every declared kernel setting."""
        return {key: value for part in self.parts for key, value in part.sysctl}

    @property
    def services(self) -> tuple[Service, ...]:
        """Every service we look after."""
        return tuple(service for part in self.parts for service in part.services)

"""What can be done to a host: one small record for each kind of step. Shell comes later, in scripts.py."""

from __future__ import annotations

from dataclasses import dataclass

from hostconfig.manifest import Manifest
from hostconfig.parts import Account, ManagedFile, Service


@dataclass(frozen=True)
class Record:
    """Write a layer's manifest."""

    layer: str
    manifest: Manifest


@dataclass(frozen=True)
class Install:
    """Install packages."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Uninstall:
    """Remove packages that we installed."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class SetHostname:
    """Tell the kernel the host's name."""

    name: str


@dataclass(frozen=True)
class MakeGroup:
    """Make a group."""

    name: str


@dataclass(frozen=True)
class DropGroup:
    """Remove a group that we made."""

    name: str


@dataclass(frozen=True)
class SetAccount:
    """Make a user, or bring it to what is declared; `leave`: groups that we put it into, and that left the data."""

    account: Account
    exists: bool
    leave: tuple[str, ...] = ()


@dataclass(frozen=True)
class DropAccount:
    """Remove a user that we made; its home stays, and becomes root's."""

    name: str
    home: str


@dataclass(frozen=True)
class LeaveGroups:
    """Take a user that was there before us out of the groups that we put it into."""

    name: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class WriteFile:
    """Candidate, test, backup of what was there before us, move in place."""

    file: ManagedFile
    keep_before: bool


@dataclass(frozen=True)
class RemoveFile:
    """Remove a file of ours, or put back what was there before."""

    path: str


@dataclass(frozen=True)
class SetSysctl:
    """Set a kernel setting now."""

    key: str
    value: str


@dataclass(frozen=True)
class EnableService:
    """Make a service run, now and at boot."""

    service: Service


@dataclass(frozen=True)
class WakeService:
    """Have a running service take up a change."""

    service: Service


@dataclass(frozen=True)
class DisableService:
    """Stop a service for good."""

    name: str


Step = (
    Record
    | Install
    | Uninstall
    | SetHostname
    | MakeGroup
    | DropGroup
    | SetAccount
    | DropAccount
    | LeaveGroups
    | WriteFile
    | RemoveFile
    | SetSysctl
    | EnableService
    | WakeService
    | DisableService
)


@dataclass(frozen=True)
class Change:
    """A step with the words that people read."""

    subject: str
    what: str
    step: Step

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}"

"""What a host is told about the directory of people: whom it asks, who may come in, and what stays without it."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from hostconfig.checked import Address, Domain, Name, Path, Strict

LdapBase = Annotated[str, StringConstraints(pattern=r"^dc=[a-z0-9-]+(,dc=[a-z0-9-]+)*$")]
Span = tuple[Annotated[int, Field(ge=1000)], Annotated[int, Field(ge=1000)]]


class DirectoryServer(Strict):
    """One server of the directory. It is called by its addresses, so that a login needs no resolver."""

    name: Domain
    addresses: tuple[Address, ...] = Field(min_length=1)
    port: int = Field(default=1729, ge=1, le=65535)


class ServiceLogin(Strict):
    """Something besides a shell that people log in to here, by groups of its own."""

    groups: tuple[Name, ...] = Field(min_length=1)


class LoginWish(Strict):
    """Who may log in on this host, as the directory knows them, and what holds when it is silent."""

    servers: tuple[DirectoryServer, ...] = Field(min_length=1)
    groups: tuple[Name, ...] = ()
    """Whose members may log in."""
    sudo: tuple[Name, ...] = ()
    """Whose members may become root, with their password."""
    services: dict[Name, ServiceLogin] = {}
    break_glass: tuple[Name, ...] = ()
    """Users of this host that need no directory; each of their keys is drilled."""
    people: Span
    """First and last number of a person."""
    groups_span: Span
    """First and last number of a group."""
    primary_group: Name = "people"
    deadline_seconds: int = Field(default=2, ge=1, le=30)
    """For one login, however often sshd asks in it."""
    cache_minutes: int = Field(default=15, ge=1, le=24 * 60)
    """How old an answer may be that still counts."""
    fresh_seconds: int = Field(default=10, ge=0, le=60)
    """How old an answer may be that is not asked for again, while the directory answers."""
    refresh_seconds: int = Field(default=15, ge=1, le=24 * 3600)
    drill_hours: int = Field(default=24, ge=1, le=366 * 24)
    loss_percent: int = Field(default=25, ge=1, le=100)
    """A greater part of all keys gone at once is damage, and not their owners' doing."""
    shell: Path = "/bin/bash"
    homes: Path = "/home"
    ldap: LdapBase | None = None
    """Suffix of the LDAP bridge on this host's loopback; None: no bridge."""
    roster: str = ""
    """Fingerprint of who may what here: another one has the host ask at once."""

    @model_validator(mode="after")
    def _sudo_needs_a_login(self) -> Self:
        """A group whose members may become root and not come in is a mistake that nobody would notice."""
        if lost := sorted(set(self.sudo) - set(self.groups)):
            raise ValueError(f"{', '.join(lost)}: may become root and may not log in: name them in both, or in neither")
        return self

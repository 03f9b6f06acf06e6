"""A DNS zone as data: machines and pools are derived, the rest is declared, each name once."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from model.strict import IPv4, IPv6, Name, Strict, Text

Label = str
Family = Literal["ipv4", "ipv6"]


class Pool(Strict):
    """One name for all machines that share a role: A and AAAA of each. Machines that rest from `duty` are left out."""

    role: Name
    families: tuple[Family, ...] = ("ipv4", "ipv6")
    because: Text | None = Field(default=None, description="why a family is left out; needed when one is")
    duty: Name | None = None
    ttl: int | None = Field(default=None, ge=30, le=604800)


class Alias(Strict):
    """A CNAME. `to` is exactly one of: a machine, another name of this zone, or an outside name with closing dot.

    `secret` stands for an outside name that is not published.
    """

    machine: Name | None = None
    name: Label | None = None
    outside: str | None = None
    secret: Text | None = None
    why: Text | None = None
    ttl: int | None = Field(default=None, ge=30, le=604800)


class Address(Strict):
    """A name with addresses that are no machine of ours."""

    ipv4: tuple[IPv4, ...] = ()
    ipv6: tuple[IPv6, ...] = ()
    why: Text
    ttl: int | None = Field(default=None, ge=30, le=604800)


class Mx(Strict):
    """A mail exchanger: a machine of ours, or an outside name with closing dot. Never an alias."""

    priority: int = Field(ge=0, le=65535)
    machine: Name | None = None
    outside: str | None = None
    ttl: int | None = Field(default=None, ge=30, le=604800)


class Txt(Strict):
    """A TXT record. `value`, or the name of a secret where the text is not published.

    `prefix` stands before a secret's value, for texts whose form is known and whose key is not.
    """

    value: Text | None = None
    secret: Text | None = None
    prefix: str = ""
    ttl: int | None = Field(default=None, ge=30, le=604800)


class Caa(Strict):
    """Which authority may issue certificates."""

    tag: Literal["issue", "issuewild", "iodef"]
    value: Text
    flags: int = Field(default=0, ge=0, le=255)
    ttl: int | None = Field(default=None, ge=30, le=604800)


class Zone(Strict):
    """One zone. All names are relative to it, without closing dot; "@" is the zone itself.

    `adopted: false` means the records exist at the provider and are not in our state: creating them is refused,
    for the provider would take duplicates.
    """

    provider: Literal["digitalocean"]
    adopted: bool
    ttl: int | None = Field(default=None, ge=30, le=604800, description="seconds; null: the provider's default")
    machines: bool = Field(default=True, description="A and AAAA for each machine whose full name is in this zone")
    without_ipv6: dict[Name, Text] = Field(default={}, description="machine with an IPv6 address and no AAAA: why")
    pools: dict[Label, Pool] = {}
    aliases: dict[Label, Alias] = {}
    addresses: dict[Label, Address] = {}
    mail: dict[Label, tuple[Mx, ...]] = {}
    txt: dict[Label, tuple[Txt, ...]] = {}
    caa: dict[Label, tuple[Caa, ...]] = {}

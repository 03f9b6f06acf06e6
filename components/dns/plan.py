"""Which records a zone has. Pure: the same data gives the same records in the same order."""

from __future__ import annotations

from dataclasses import dataclass

from model import Fleet
from model.dns import Alias, Family, Zone
from model.vhosts import derived

KIND = {"ipv4": "A", "ipv6": "AAAA"}


@dataclass(frozen=True)
class MachineAddress:
    """The address of a machine that no fact gives: the cloud computes it."""

    machine: str
    family: Family


@dataclass(frozen=True)
class SecretText:
    """A value that is not published; `prefix` stands before it."""

    name: str
    prefix: str = ""


Value = str | MachineAddress | SecretText


@dataclass(frozen=True)
class Record:
    """One record with one value. `name` is relative to the zone ("@": the zone itself); names in values are full.

    `key` tells records of one name and type apart, and is part of the resource's name: it must not change with the
    value's place in a list.
    """

    zone: str
    name: str
    type: str
    value: Value
    key: str = ""
    ttl: int | None = None
    priority: int | None = None
    flags: int | None = None
    tag: str | None = None

    @property
    def logical_name(self) -> str:
        """The resource's identity: zone, type, name and what tells it apart."""
        label = {"@": "apex", "*": "any"}.get(self.name, self.name.replace("*", "any"))
        parts = ["dns", self.zone, self.type.lower(), label, self.key]
        return "-".join(part for part in parts if part)


def records(fleet: Fleet) -> tuple[Record, ...]:
    """All records of all zones, ordered by zone, name and type."""
    found = [r for zone in sorted(fleet.zones) for r in _zone(fleet, zone, fleet.zones[zone])]
    # Public names of services that their zone says nothing of. A wildcard or a record of its own answers all others.
    for it in derived(fleet):
        to = f"{it.name}.{it.zone}." if it.name else f"{fleet.fqdn(str(it.machine))}."
        found.append(Record(it.zone, it.label, "CNAME", to, ttl=fleet.zones[it.zone].ttl))
    return tuple(sorted(found, key=lambda r: (r.zone, r.name, r.type, r.key)))


def machine_label(fleet: Fleet, zone: str, machine: str) -> str | None:
    """The machine's name relative to the zone, or None when its full name is not in it."""
    fqdn = fleet.fqdn(machine)
    return fqdn.removesuffix("." + zone) if fqdn.endswith("." + zone) else None


def families_of(fleet: Fleet, machine: str) -> tuple[Family, ...]:
    """The address families a machine has: a cloud's machine has what its cloud gives, a fact is a fact."""
    it = fleet.machines[machine]
    computed: tuple[Family, ...] = ()
    if it.source.kind == "droplet":
        computed = ("ipv4", "ipv6") if it.source.ipv6 else ("ipv4",)
    elif it.source.kind in ("ec2", "gce"):
        computed = ("ipv4", "ipv6")
    declared = {"ipv4": it.public.ipv4, "ipv6": it.public.ipv6}
    return tuple(f for f in ("ipv4", "ipv6") if declared[f] or f in computed)


def address(fleet: Fleet, machine: str, family: Family) -> Value:
    """A machine's address: the fact, else a place that the cloud's answer fills."""
    public = fleet.machines[machine].public
    fact = public.ipv4 if family == "ipv4" else public.ipv6
    return fact or MachineAddress(machine, family)


def pool_members(fleet: Fleet, role: str, duty: str | None) -> tuple[str, ...]:
    """The machines that answer for a role, without those that rest from the duty."""
    return tuple(m for m in fleet.having(role) if duty is None or duty not in fleet.machines[m].resting)


def _zone(fleet: Fleet, zone: str, it: Zone) -> list[Record]:
    found: list[Record] = []
    if it.machines:
        for machine in sorted(fleet.machines):
            label = machine_label(fleet, zone, machine)
            for family in families_of(fleet, machine):
                if label and not (family == "ipv6" and machine in it.without_ipv6):
                    value = address(fleet, machine, family)
                    found.append(Record(zone, label, KIND[family], value, ttl=it.ttl))
    for label, pool in it.pools.items():
        for member in pool_members(fleet, pool.role, pool.duty):
            for family in pool.families:
                if family in families_of(fleet, member):
                    value = address(fleet, member, family)
                    found.append(Record(zone, label, KIND[family], value, key=member, ttl=pool.ttl or it.ttl))
    for label, alias in it.aliases.items():
        found.append(Record(zone, label, "CNAME", _target(fleet, zone, alias), ttl=alias.ttl or it.ttl))
    for label, fixed in it.addresses.items():
        for family, values in (("ipv4", fixed.ipv4), ("ipv6", fixed.ipv6)):
            for text in values:
                found.append(Record(zone, label, KIND[family], text, key=text, ttl=fixed.ttl or it.ttl))
    for label, exchangers in it.mail.items():
        for mx in exchangers:
            to = f"{fleet.fqdn(mx.machine)}." if mx.machine else str(mx.outside)
            found.append(Record(zone, label, "MX", to, key=to.rstrip("."), ttl=mx.ttl or it.ttl, priority=mx.priority))
    for label, texts in it.txt.items():
        for place, txt in enumerate(texts):
            value = SecretText(txt.secret, txt.prefix) if txt.secret else str(txt.value)
            found.append(Record(zone, label, "TXT", value, key=str(place) if place else "", ttl=txt.ttl or it.ttl))
    for label, authorities in it.caa.items():
        for caa in authorities:
            found.append(
                Record(
                    zone, label, "CAA", caa.value, key=f"{caa.tag}-{caa.value}", ttl=caa.ttl or it.ttl,
                    flags=caa.flags, tag=caa.tag,
                )
            )  # fmt: skip
    return found


def _target(fleet: Fleet, zone: str, alias: Alias) -> Value:
    if alias.machine:
        return f"{fleet.fqdn(alias.machine)}."
    if alias.name:
        return f"{zone}." if alias.name == "@" else f"{alias.name}.{zone}."
    return SecretText(alias.secret) if alias.secret else str(alias.outside)

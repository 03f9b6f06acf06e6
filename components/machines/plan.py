"""What each machine needs at its provider. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from components.ground import openings
from model import Fleet


@dataclass(frozen=True)
class PortRule:
    """One port or range that one kind of source may reach. `low` and `high` are equal for a single port."""

    name: str
    proto: str
    low: int
    high: int
    sources: tuple[str, ...]
    why: str

    @property
    def ports(self) -> str:
        """As most firewalls write it."""
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"

    def of_family(self, ipv6: bool) -> tuple[str, ...]:
        """The sources of one address family, for providers that keep them apart."""
        return tuple(s for s in self.sources if (":" in s) == ipv6)


EVERYWHERE = ("0.0.0.0/0", "::/0")


def port_rules(fleet: Fleet, host: str) -> tuple[PortRule, ...]:
    """The provider's firewall for a machine: the same openings that the host's own firewall has, by name."""
    found = []
    for name, rule in openings(fleet, host).items():
        low, _, high = rule.ports.partition("-")
        sources = tuple(s for word in rule.from_ for s in (EVERYWHERE if word == "world" else (word,)))
        found.append(PortRule(name, rule.proto, int(low), int(high or low), sources, rule.why))
    return tuple(found)


def regions_used(fleet: Fleet, kind: str) -> tuple[str, ...]:
    """The provider's regions where the fleet has machines of a kind or a network, in order."""
    found = {m.source.region for m in fleet.machines.values() if m.source.kind == kind and m.source.kind != "metal"}
    cloud = {"ec2": fleet.aws, "gce": fleet.gcp}.get(kind)
    found |= {n.region for n in cloud.networks.values()} if cloud else set()
    return tuple(sorted(found))

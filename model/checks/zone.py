"""Which names a zone holds, and where in the data each comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from model.fleet import Fleet
from model.machine import Metal
from model.reading import Where

Kind = Literal["machine", "pool", "alias", "address", "mail", "txt", "caa"]
ADDRESSED = frozenset({"machine", "pool", "address"})


@dataclass
class Names:
    """A zone's names: for each what it is, and from where."""

    zone: str
    held: dict[str, list[tuple[Kind, Where]]] = field(default_factory=dict)

    def kinds(self, label: str) -> set[Kind]:
        """What a name is."""
        return {kind for kind, _ in self.held.get(label, [])}

    def label(self, name: str) -> str | None:
        """The relative form of a full name with closing dot, or None where it is outside the zone."""
        if name == f"{self.zone}.":
            return "@"
        return name.removesuffix(f".{self.zone}.") if name.endswith(f".{self.zone}.") else None

    def leads_to_alias(self, label: str) -> bool:
        """Whether asking for a name ends at a CNAME: its own, or that of a wildcard above it."""
        if label in self.held:
            return "alias" in self.kinds(label)
        while label != "@":
            label = label.partition(".")[2]
            wildcard = f"*.{label}" if label else "*"
            if wildcard in self.held:
                return "alias" in self.kinds(wildcard)
            label = label or "@"
        return False


def names_of(fleet: Fleet, zone_name: str) -> Names:
    """Every name of a zone, the derived ones too."""
    zone = fleet.zones[zone_name]
    names = Names(zone_name)

    def hold(label: str, kind: Kind, path: Where) -> None:
        names.held.setdefault(label, []).append((kind, path))

    for machine, label in machine_labels(fleet, zone_name).items():
        hold(label, "machine", ("machines", machine))
    sections: tuple[tuple[str, Kind, dict[str, object]], ...] = (
        ("pools", "pool", {**zone.pools}),
        ("aliases", "alias", {**zone.aliases}),
        ("addresses", "address", {**zone.addresses}),
        ("mail", "mail", {**zone.mail}),
        ("txt", "txt", {**zone.txt}),
        ("caa", "caa", {**zone.caa}),
    )
    for section, kind, labels in sections:
        for label in labels:
            hold(label, kind, ("zones", zone_name, section, label))
    return names


def machine_labels(fleet: Fleet, zone_name: str) -> dict[str, str]:
    """The machines that get their own name in a zone, with the relative name: those of the most specific zone."""
    fitting = [z for z in fleet.zones if fleet.suffix == z or fleet.suffix.endswith(f".{z}")]
    if not fleet.zones[zone_name].machines or zone_name != max(fitting, key=len, default=None):
        return {}
    below = fleet.suffix[: -len(zone_name)].rstrip(".")
    return {
        name: f"{name}.{below}" if below else name
        for name, m in fleet.machines.items()
        if not isinstance(m.source, Metal) or m.public.ipv4 or m.public.ipv6
    }

"""Rules about a zone's names: their form, that each is declared once, and that what they point at exists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from model.checks.rule import Found
from model.checks.zone import ADDRESSED, machine_labels, names_of
from model.fleet import Fleet
from model.reading import Where

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_RELATIVE = re.compile(rf"@|\*|(\*\.)?{_LABEL}(\.{_LABEL})*")
_HOST = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?"
_OUTSIDE = re.compile(rf"({_HOST}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?\.")
SECTIONS = ("pools", "aliases", "addresses", "mail", "txt", "caa")


def zone_names_are_full(fleet: Fleet) -> Iterator[Found]:
    """A zone is written as its full name in small letters, without closing dot."""
    for name in fleet.zones:
        if not re.fullmatch(rf"({_LABEL}\.)+{_LABEL}", name):
            yield Found(
                ("zones", name), f"{name!r} is not written so", f"write {name.lower().rstrip('.') or 'its name'}"
            )


def names_are_relative(fleet: Fleet) -> Iterator[Found]:
    """A zone's own names are relative to it: no closing dot, and not the zone's name again."""
    for zone_name, zone in fleet.zones.items():
        written: list[tuple[Where, str]] = [
            (("zones", zone_name, section, label), label) for section in SECTIONS for label in getattr(zone, section)
        ]
        written += [(("zones", zone_name, "aliases", n, "name"), a.name) for n, a in zone.aliases.items() if a.name]
        for path, label in written:
            bare = label.rstrip(".")
            relative = "@" if bare == zone_name else bare.removesuffix(f".{zone_name}")
            if label.endswith("."):
                yield Found(path, f"{label} has a closing dot", f"write {relative}")
            elif relative != bare:
                yield Found(path, f"{label} would become {label}.{zone_name}", f"write {relative}")
            elif not _RELATIVE.fullmatch(label):
                yield Found(path, f"{label!r} is no name", "write small letters, digits, dashes and dots, or @")
            elif len(label) + len(zone_name) > 252:
                yield Found(path, "with its zone the name is longer than 253 characters", "shorten it")


def outside_names_are_full(fleet: Fleet) -> Iterator[Found]:
    """A name outside the zone is written in full, in small letters, with closing dot."""
    for zone_name, zone in fleet.zones.items():
        written: list[tuple[Where, str | None]] = [
            (("zones", zone_name, "aliases", n, "outside"), a.outside) for n, a in zone.aliases.items()
        ]
        written += [
            (("zones", zone_name, "mail", n, i, "outside"), m.outside)
            for n, mx in zone.mail.items()
            for i, m in enumerate(mx)
        ]
        for path, name in written:
            if name is None or (_OUTSIDE.fullmatch(name) and len(name) < 255):
                continue
            if name.endswith("."):
                yield Found(path, f"{name!r} is no host name", "write it as host.example.")
            else:
                yield Found(path, f"{name!r} has no closing dot", f"write {name}.")


def aliases_point_once(fleet: Fleet) -> Iterator[Found]:
    """An alias points at exactly one of: machine, name, outside, secret."""
    for zone_name, zone in fleet.zones.items():
        for label, alias in zone.aliases.items():
            given = [f for f in ("machine", "name", "outside", "secret") if getattr(alias, f) is not None]
            if len(given) != 1:
                what = f"says {' and '.join(given)}" if given else "says none of them"
                yield Found(("zones", zone_name, "aliases", label), what, "keep or write one")


def aliases_point_somewhere(fleet: Fleet) -> Iterator[Found]:
    """An alias points at a machine with a name in a zone of ours, or at a name of its zone that has addresses."""
    named = {machine for zone in fleet.zones for machine in machine_labels(fleet, zone)}
    for zone_name, zone in fleet.zones.items():
        names = names_of(fleet, zone_name)
        for label, alias in zone.aliases.items():
            path: Where = ("zones", zone_name, "aliases", label)
            if alias.machine is not None and alias.machine not in named:
                known = alias.machine in fleet.machines
                what = f"the machine {alias.machine} {'has no name in a zone' if known else 'does not exist'}"
                yield Found((*path, "machine"), what, "name another machine")
            if alias.name is not None and not names.kinds(alias.name) & {*ADDRESSED, "alias"}:
                known = alias.name in names.held
                what = f"the name {alias.name} {'has no address' if known else f'does not exist in {zone_name}'}"
                yield Found((*path, "name"), what, "declare it, or point at another one")
            inside = names.label(alias.outside) if alias.outside is not None else None
            if inside is not None:
                yield Found((*path, "outside"), f"{alias.outside} is in this zone", f"write `name: {inside}`")


def aliases_stand_alone(fleet: Fleet) -> Iterator[Found]:
    """A CNAME stands beside no other record of its name, and never at the zone itself."""
    for zone_name in fleet.zones:
        for label, places in names_of(fleet, zone_name).held.items():
            others = sorted({kind for kind, _ in places if kind != "alias"})
            for kind, path in places:
                if kind == "alias" and label == "@":
                    yield Found(path, "the zone itself has SOA and NS records", "write its addresses instead")
                elif kind == "alias" and others:
                    what = f"{label} has records of kind {', '.join(others)} too"
                    yield Found(path, what, "remove the alias, or give it another name")


def names_are_declared_once(fleet: Fleet) -> Iterator[Found]:
    """A name has its addresses from one place: a machine, a pool or `addresses`."""
    for zone_name in fleet.zones:
        for label, places in names_of(fleet, zone_name).held.items():
            addressed = [(kind, path) for kind, path in places if kind in ADDRESSED]
            for i, (_, path) in enumerate(addressed[1:]):
                what = f"{label} is declared as a {addressed[i][0]} already"
                yield Found(path, what, "keep one of the two")


def aliases_end(fleet: Fleet) -> Iterator[Found]:
    """Aliases lead to an end, never round in a circle."""
    for zone_name, zone in fleet.zones.items():
        for label in zone.aliases:
            seen = [label]
            while (alias := zone.aliases.get(seen[-1])) and alias.name is not None and alias.name not in seen:
                seen.append(alias.name)
            if alias is not None and alias.name == label:
                what = " > ".join([*seen, label])
                yield Found(("zones", zone_name, "aliases", label), what, "point one of them at a machine or a pool")


def pools_have_members(fleet: Fleet) -> Iterator[Found]:
    """A pool is of a declared role, and some machine with a name has that role and does not rest."""
    for zone_name, zone in fleet.zones.items():
        for label, pool in zone.pools.items():
            path: Where = ("zones", zone_name, "pools", label)
            members = [m for m in fleet.having(pool.role) if pool.duty not in fleet.machines[m].resting]
            if pool.role not in fleet.roles:
                yield Found((*path, "role"), f"{pool.role} is no role", f"write one of: {', '.join(fleet.roles)}")
            elif not members:
                yield Found(
                    path, f"no machine serves with the role {pool.role}", "give one the role, or remove the pool"
                )


def families_have_reasons(fleet: Fleet) -> Iterator[Found]:
    """A pool has both families, or says why one is left out."""
    for zone_name, zone in fleet.zones.items():
        for label, pool in zone.pools.items():
            path: Where = ("zones", zone_name, "pools", label, "families")
            if not pool.families or len(set(pool.families)) != len(pool.families):
                yield Found(path, "is empty or says one twice", "write ipv4, ipv6 or both")
            elif len(pool.families) == 1 and pool.because is None:
                yield Found(path, f"only {pool.families[0]}, and no reason", "write `because:`, or have both")


RULES = (
    zone_names_are_full,
    names_are_relative,
    outside_names_are_full,
    aliases_point_once,
    aliases_point_somewhere,
    aliases_stand_alone,
    names_are_declared_once,
    aliases_end,
    pools_have_members,
    families_have_reasons,
)

"""Rules about the control plane: who votes, how people reach it, who can open Vault, what machines offer to jobs."""

from __future__ import annotations

from collections.abc import Iterator

from model.checks.hosts import openings_of
from model.checks.rule import Found
from model.checks.zone import machine_labels
from model.control import HostVolume
from model.fleet import Fleet
from model.reading import Where


def control_role_votes(fleet: Fleet) -> Iterator[Found]:
    """The control plane's role is declared, votes, and is some managed machine's."""
    if fleet.control is None:
        return
    path: Where = ("control", "role")
    role = fleet.roles.get(fleet.control.role)
    if role is None:
        way_out = f"declare it, or write one of: {', '.join(fleet.roles)}"
        yield Found(path, f"{fleet.control.role} is no role", way_out)
    elif not role.quorum:
        what = "its machines vote, and the role does not say so"
        yield Found(("roles", fleet.control.role), what, "write quorum: true, so that their number is kept odd")
    elif not fleet.voters:
        yield Found(path, f"no managed machine has the role {fleet.control.role}", "give it to one machine, or three")


def control_names_lead_home(fleet: Fleet) -> Iterator[Found]:
    """The public names of the control plane are in a zone of ours and lead to the control hosts alone."""
    if fleet.control is None or not fleet.voters:
        return
    said: dict[str, str] = {}
    for field, name in fleet.control.names:
        path: Where = ("control", "names", field)
        zone = max((z for z in fleet.zones if name.endswith(f".{z}")), key=len, default=None)
        other = said.setdefault(name, field)
        if other != field:
            yield Found(path, f"{name} is {other}'s name already", "give each its own name")
        if zone is None:
            yield Found(path, f"{name} is in no zone of ours", f"take a name in {', '.join(fleet.zones) or 'a zone'}")
            continue
        found = _machines(fleet, zone, name[: -len(zone) - 1])
        if found is None:
            yield Found(path, f"{zone} has no such name", f"declare an alias of a pool of {fleet.control.role} there")
        elif not found or not found <= set(fleet.voters):
            where = ", ".join(sorted(found - set(fleet.voters))) or "no machine of ours"
            yield Found(path, f"{name} leads to {where}", f"let it lead to a pool of {fleet.control.role}")


def _machines(fleet: Fleet, zone_name: str, label: str, depth: int = 8) -> set[str] | None:
    """The machines that a name of a zone leads to; none of ours: the empty set; no such name: None."""
    zone = fleet.zones[zone_name]
    own = {its: machine for machine, its in machine_labels(fleet, zone_name).items()}
    if label in own:
        return {own[label]}
    if label in zone.pools:
        return {machine for machine in fleet.having(zone.pools[label].role) if machine in fleet.managed}
    if label in zone.addresses:
        return set()
    alias = zone.aliases.get(label)
    if alias is not None and alias.machine is not None:
        return {alias.machine}
    if alias is not None and alias.name is not None and depth:
        return _machines(fleet, zone_name, alias.name, depth - 1)
    return None if alias is None else set()


def control_vhosts_are_reachable(fleet: Fleet) -> Iterator[Found]:
    """Control hosts let everybody in at 443, where the APIs are, and at 80, where the certificate authority asks."""
    for name in fleet.voters:
        for port in ("80", "443"):
            opened = [o for _, o in openings_of(fleet, name) if o.proto == "tcp" and o.ports == port]
            if not any("world" in o.from_ for o in opened):
                what = f"no opening lets the world in at tcp {port}"
                yield Found(("machines", name), what, "declare it in the openings of the control role")


def vault_can_be_opened(fleet: Fleet) -> Iterator[Found]:
    """Each share of Vault's seal is another person's, and enough of them open it, never one of several."""
    if fleet.control is None:
        return
    unseal = fleet.control.unseal
    path: Where = ("control", "unseal", "threshold")
    if unseal.threshold > len(unseal.holders):
        what = f"{unseal.threshold} shares are needed and {len(unseal.holders)} people hold one"
        yield Found(path, what, "name more holders, or ask for fewer shares")
    elif unseal.threshold == 1 and len(unseal.holders) > 1:
        yield Found(path, "any one of several holders could open it alone", "write 2 or more, or name one holder")
    for i, holder in enumerate(unseal.holders):
        if holder in unseal.holders[:i]:
            yield Found(("control", "unseal", "holders", i), f"{holder} stands here twice", "name another person")


def leaves_are_renewed_in_time(fleet: Fleet) -> Iterator[Found]:
    """A certificate between agents is renewed before it ends, and ends before its authority does."""
    if fleet.control is None:
        return
    pki = fleet.control.pki
    if pki.renew_days >= pki.leaf_days:
        what = f"a leaf of {pki.leaf_days} days would be renewed without end"
        yield Found(("control", "pki", "renew_days"), what, f"write less than {pki.leaf_days}")
    if pki.leaf_days >= pki.authority_days:
        what = f"the authority itself lives {pki.authority_days} days"
        yield Found(("control", "pki", "leaf_days"), what, "let the authority live longer, or the leaf shorter")


def offers_agree(fleet: Fleet) -> Iterator[Found]:
    """All roles of a machine that offer it to jobs name one datacenter and one pool."""
    for name, machine in fleet.managed.items():
        first: dict[str, tuple[str, str]] = {}
        for i, role in enumerate(machine.roles):
            offer = fleet.roles[role].nomad if role in fleet.roles else None
            for field in ("datacenter", "pool") if offer else ():
                value: str = getattr(offer, field)
                other, said = first.setdefault(field, (role, value))
                if said != value:
                    what = f"{role} puts {name} into the {field} {value}, and {other} into {said}"
                    yield Found(("machines", name, "roles", i), what, "make both the same, or take one role away")


def machines_offer_by_role(fleet: Fleet) -> Iterator[Found]:
    """What a machine offers to jobs beyond its roles, it offers beside one of them."""
    for name, machine in fleet.machines.items():
        if machine.nomad is not None and name not in fleet.clients:
            what = f"{name} runs no jobs: no role of it offers anything"
            yield Found(("machines", name, "nomad"), what, "give it a role with `nomad:`, or remove this")


def volumes_mean_one_thing(fleet: Fleet) -> Iterator[Found]:
    """A host volume's name means one folder on a machine, wherever it is offered."""
    for name, machine in fleet.managed.items():
        first: dict[str, tuple[str, HostVolume]] = {}
        offered: list[tuple[Where, str, dict[str, HostVolume]]] = []
        for i, role in enumerate(machine.roles):
            offer = fleet.roles[role].nomad if role in fleet.roles else None
            if offer is not None:
                offered.append((("machines", name, "roles", i), role, offer.volumes))
        if machine.nomad is not None:
            offered.append((("machines", name, "nomad", "volumes"), name, machine.nomad.volumes))
        for path, by, volumes in offered:
            for volume, its in volumes.items():
                other, said = first.setdefault(volume, (by, its))
                if said != its:
                    place = (*path, volume) if path[-1] == "volumes" else path
                    what = f"{by} offers {volume} as {its.path}, and {other} offers another"
                    yield Found(place, what, "give one of them another name, or make both the same")


RULES = (
    control_role_votes,
    control_names_lead_home,
    control_vhosts_are_reachable,
    vault_can_be_opened,
    leaves_are_renewed_in_time,
    offers_agree,
    machines_offer_by_role,
    volumes_mean_one_thing,
)

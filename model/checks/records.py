"""Rules about a zone's records: mail, texts, authorities, and addresses left out."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from model.checks.rule import Found
from model.checks.zone import machine_labels, names_of
from model.fleet import Fleet
from model.machine import Droplet, Machine
from model.reading import Where


def mail_points_once(fleet: Fleet) -> Iterator[Found]:
    """A mail exchanger is exactly one of: a machine with a name in a zone of ours, or an outside name."""
    named = {machine for zone in fleet.zones for machine in machine_labels(fleet, zone)}
    for zone_name, zone in fleet.zones.items():
        for label, exchangers in zone.mail.items():
            for i, mx in enumerate(exchangers):
                path: Where = ("zones", zone_name, "mail", label, i)
                if (mx.machine is None) == (mx.outside is None):
                    yield Found(path, "says both or none of them", "write `machine:` or `outside:`")
                elif mx.machine is not None and mx.machine not in named:
                    why = "has no name in a zone" if mx.machine in fleet.machines else "does not exist"
                    yield Found((*path, "machine"), f"the machine {mx.machine} {why}", "name another machine")


def mail_goes_to_no_alias(fleet: Fleet) -> Iterator[Found]:
    """A mail exchanger's name has addresses of its own: an MX never leads to a CNAME."""
    for zone_name, zone in fleet.zones.items():
        for own_zone in fleet.zones:
            names = names_of(fleet, own_zone)
            for label, exchangers in zone.mail.items():
                for i, mx in enumerate(exchangers):
                    inside = names.label(mx.outside) if mx.outside is not None else None
                    path: Where = ("zones", zone_name, "mail", label, i, "outside")
                    if inside is not None and names.leads_to_alias(inside):
                        yield Found(path, f"{mx.outside} is a CNAME", "write the machine behind it: `machine: ...`")


def mail_goes_somewhere(fleet: Fleet) -> Iterator[Found]:
    """A mail exchanger's name, if it is in a zone of ours, exists there."""
    for zone_name, zone in fleet.zones.items():
        for own_zone in fleet.zones:
            names = names_of(fleet, own_zone)
            for label, exchangers in zone.mail.items():
                for i, mx in enumerate(exchangers):
                    inside = names.label(mx.outside) if mx.outside is not None else None
                    if inside is not None and inside not in names.held and not names.leads_to_alias(inside):
                        path: Where = ("zones", zone_name, "mail", label, i, "outside")
                        yield Found(path, f"{mx.outside} does not exist", "declare it, or write `machine: ...`")


def records_say_something_once(fleet: Fleet) -> Iterator[Found]:
    """A list of records is not empty, and says nothing twice, for the provider would take both."""
    for zone_name, zone in fleet.zones.items():
        # What makes two records one: a second priority or TTL for the same value is no second record.
        sections: dict[str, dict[str, list[tuple[object, ...]]]] = {
            "mail": {label: [(m.machine, m.outside) for m in mx] for label, mx in zone.mail.items()},
            "txt": {label: [(t.value, t.secret) for t in texts] for label, texts in zone.txt.items()},
            "caa": {label: [(c.tag, c.value) for c in caa] for label, caa in zone.caa.items()},
        }
        for section, labels in sections.items():
            for label, records in labels.items():
                path: Where = ("zones", zone_name, section, label)
                if not records:
                    yield Found(path, "the list is empty", "write a record, or remove the name")
                for i, record in enumerate(records):
                    if record in records[:i]:
                        yield Found((*path, i), "this record stands here twice", "keep one of the two")


def texts_have_one_source(fleet: Fleet) -> Iterator[Found]:
    """A text is written out or secret; a prefix stands before a secret only."""
    for zone_name, zone in fleet.zones.items():
        for label, texts in zone.txt.items():
            for i, txt in enumerate(texts):
                path: Where = ("zones", zone_name, "txt", label, i)
                if (txt.value is None) == (txt.secret is None):
                    yield Found(path, "says both or none of them", "write `value:` or `secret:`")
                elif txt.prefix and txt.secret is None:
                    yield Found((*path, "prefix"), "there is no secret behind it", "write it into the value")


def senders_exist(fleet: Fleet) -> Iterator[Found]:
    """A host of our zone that an SPF text lets send mail exists."""
    for zone_name, zone in fleet.zones.items():
        names = names_of(fleet, zone_name)
        for label, texts in zone.txt.items():
            for i, txt in enumerate(texts):
                if txt.value is None or not txt.value.startswith("v=spf1"):
                    continue
                for host in re.findall(r"[ +?~-]a:([a-z0-9_.-]+)", txt.value):
                    inside = names.label(f"{host.rstrip('.')}.")
                    if inside is not None and inside not in names.held:
                        path: Where = ("zones", zone_name, "txt", label, i, "value")
                        yield Found(path, f"{host} does not exist", "name a host that does, or remove it")


def authorities_are_names(fleet: Fleet) -> Iterator[Found]:
    """A CAA record names an authority's domain or ";", and reports go to a mail or web address."""
    for zone_name, zone in fleet.zones.items():
        for label, records in zone.caa.items():
            for i, caa in enumerate(records):
                form = r"(mailto:|https?://)\S+" if caa.tag == "iodef" else r";|([a-z0-9-]+\.)+[a-z0-9-]+( *;.*)?"
                if not re.fullmatch(form, caa.value):
                    path: Where = ("zones", zone_name, "caa", label, i, "value")
                    yield Found(path, f"{caa.value!r} is none", "write letsencrypt.org, or mailto:somebody@ for iodef")


def addresses_are_not_ours(fleet: Fleet) -> Iterator[Found]:
    """An address of a machine is never written in a zone: a pool or an alias says it."""
    ours = {a: name for name, m in fleet.machines.items() for a in (m.public.ipv4, m.public.ipv6) if a}
    for zone_name, zone in fleet.zones.items():
        for label, address in zone.addresses.items():
            path: Where = ("zones", zone_name, "addresses", label)
            for family in ("ipv4", "ipv6"):
                for i, one in enumerate(getattr(address, family)):
                    if one in ours:
                        what = f"{one} is {ours[one]}'s"
                        yield Found((*path, family, i), what, f"write an alias with `machine: {ours[one]}`, or a pool")
                    elif one in getattr(address, family)[:i]:
                        yield Found((*path, family, i), f"{one} stands here twice", "keep one of the two")


def addresses_are_given(fleet: Fleet) -> Iterator[Found]:
    """A name in `addresses` has an address."""
    for zone_name, zone in fleet.zones.items():
        for label, address in zone.addresses.items():
            if not address.ipv4 and not address.ipv6:
                yield Found(("zones", zone_name, "addresses", label), "has no address", "write ipv4 or ipv6")


def _may_have_ipv6(machine: Machine) -> bool:
    """Whether a machine has an IPv6 address, or its cloud may give it one."""
    if isinstance(machine.source, Droplet):
        return machine.source.ipv6
    return machine.source.kind != "metal" or machine.public.ipv6 is not None or _own_ipv6(machine) is not None


def _own_ipv6(machine: Machine) -> str | None:
    """A global IPv6 address that the host sets up itself."""
    for text in machine.network.addresses if machine.network else ():
        address = ipaddress.ip_interface(text).ip
        if address.version == 6 and address.is_global:
            return str(address)
    return None


def missing_ipv6_has_reasons(fleet: Fleet) -> Iterator[Found]:
    """A machine with an IPv6 address has an AAAA record, or `without_ipv6` says why not."""
    for zone_name, zone in fleet.zones.items():
        for name in zone.without_ipv6:
            path: Where = ("zones", zone_name, "without_ipv6", name)
            if name not in fleet.machines:
                yield Found(path, f"the machine {name} does not exist", "remove it")
            elif not _may_have_ipv6(fleet.machines[name]):
                yield Found(path, f"{name} has no IPv6 address to leave out", "remove it")
    if not fleet.zones:
        return
    excused = {name for zone in fleet.zones.values() for name in zone.without_ipv6}
    for name, machine in fleet.machines.items():
        own = _own_ipv6(machine)
        if machine.source.kind == "metal" and own and machine.public.ipv6 is None and name not in excused:
            what = f"{name} has {own} and no public IPv6 address, so no AAAA"
            yield Found(("machines", name), what, "write public.ipv6, or its reason in the zone's `without_ipv6`")


RULES = (
    mail_points_once,
    mail_goes_to_no_alias,
    mail_goes_somewhere,
    records_say_something_once,
    texts_have_one_source,
    senders_exist,
    authorities_are_names,
    addresses_are_not_ours,
    addresses_are_given,
    missing_ipv6_has_reasons,
)

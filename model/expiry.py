"""What ends at a known time: certificates, where anybody can look at them, and what is recorded of their ends. Pure.

The time is an argument everywhere: the same data and the same time give the same hazards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from model.fleet import Fleet
from model.vhosts import named

DAYS = 30
FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Place:
    """Where a certificate is shown to whoever asks."""

    key: str
    """What its end is recorded under."""
    subject: str
    where: str
    host: str
    port: int
    shown_for: str
    trusted: bool
    """Whether a stranger's browser must trust it. One that nobody signs but ourselves is looked at all the same."""
    way_out: str


@dataclass(frozen=True)
class Hazard:
    """What goes wrong at a known time unless somebody does something before."""

    subject: str
    where: str
    ends: datetime
    as_of: datetime
    way_out: str

    @property
    def text(self) -> str:
        """One line, for a plan, a check or a screen."""
        left = self.ends - self.as_of
        when = f"ends in {days(left)}" if left > timedelta() else f"ended {days(-left)} ago"
        return f"{self.subject} on {self.where} {when} ({self.ends:%Y-%m-%d}): {self.way_out}"


def days(left: timedelta) -> str:
    """A time as whole days."""
    return f"{left.days} day{'s' if left.days != 1 else ''}"


def places(fleet: Fleet) -> tuple[Place, ...]:
    """Every certificate of the data, each where it is shown: the front's on each mirror, and those that are watched."""
    return (*_front(fleet), *_directory(fleet), *_watched(fleet))


def _front(fleet: Fleet) -> Iterator[Place]:
    if fleet.front is None:
        return
    names = fleet.front.certificate.names
    shown = next((it.name for it in named(fleet) if it.by_front and it.public and _covered(names, it.name)), None)
    way_out = "see `fleet log certificates`; if it was renewed, `fleet certificates --record`"
    for host in fleet.mirrors:
        name = shown or names[0].removeprefix("*.")
        recorded = fleet.recorded.get(host)
        address = fleet.machines[host].public.ipv4 or (recorded.ipv4 if recorded else None) or fleet.fqdn(host)
        subject = f"certificate of {', '.join(names)}"
        yield Place(f"front@{host}", subject, host, address, 443, name, True, way_out)


def _directory(fleet: Fleet) -> Iterator[Place]:
    if fleet.access is None:
        return
    url = urlsplit(fleet.access.vault.ldap.url)
    if url.scheme == "ldaps" and url.hostname:
        way_out = "nobody logs in without it: renew it at the directory, then `fleet certificates --record`"
        port = url.port or 636
        yield Place(
            "directory", "certificate of the directory", url.hostname, url.hostname, port, url.hostname, False, way_out
        )


def _watched(fleet: Fleet) -> Iterator[Place]:
    for name, it in sorted(fleet.watched.items()):
        host, _, port = it.at.rpartition(":")
        subject = f"certificate of {name} ({it.purpose})"
        way_out = f"{it.renewed}, then `fleet certificates --record`"
        yield Place(name, subject, it.at, host, int(port), it.shown_for or host, False, way_out)


def _covered(names: tuple[str, ...], name: str) -> bool:
    return name in names or f"*.{name.partition('.')[2]}" in names


def hazards_by_date(fleet: Fleet, as_of: datetime, within: int = DAYS) -> tuple[Hazard, ...]:
    """What ends within so many days of a time, by what is recorded; what is nearest first."""
    end = as_of + timedelta(days=within)
    found = [
        Hazard(place.subject, place.where, ends, as_of, place.way_out)
        for place in places(fleet)
        if (ends := ends_of(fleet, place)) is not None and ends <= end
    ]
    found += [one for one in _authorities(fleet, as_of) if one.ends <= end]
    return tuple(sorted(found, key=lambda one: (one.ends, one.subject, one.where)))


def _authorities(fleet: Fleet, as_of: datetime) -> Iterator[Hazard]:
    from cryptography import x509

    for host, it in sorted(fleet.recorded.items()):
        if it.authority is None:
            continue
        # What cannot be read as a certificate is trusted by no agent either, which is louder than any warning.
        with suppress(ValueError):
            ends = x509.load_pem_x509_certificate(it.authority.encode()).not_valid_after_utc
            yield Hazard("private authority", host, ends, as_of, "make it anew (docs/runbooks/control-certificates.md)")


def ends_of(fleet: Fleet, place: Place) -> datetime | None:
    """When a certificate ends, as it is recorded; None where nobody has written it down."""
    said = fleet.certificate_ends.get(place.key)
    return datetime.strptime(said, FORMAT).replace(tzinfo=UTC) if said is not None else None


def unrecorded(fleet: Fleet) -> tuple[Place, ...]:
    """The certificates of which the data do not say when they end, so that no plan can warn of it."""
    return tuple(place for place in places(fleet) if ends_of(fleet, place) is None)

"""How long certificates are still good: as a client sees them now, and as the data have it for plans."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from cli.health import Part, briefly
from cli.record import Patch
from cli.together import LateError, ask
from model import Fleet
from model.expiry import FORMAT, Place, days, ends_of, hazards_by_date, places

SECONDS = 5.0
FILE = "recorded_certificates.yaml"
HEAD = """\
# yaml-language-server: $schema=../schema.json
# When certificates end, as a client saw it: written down by `fleet certificates --record`, so that every plan can warn
# thirty days before. Not edited by hand.
"""


def shown_at(place: Place, ca_file: str | None) -> datetime:
    """When the certificate that is shown there ends. Raises where there is none, or none that is trusted."""
    trust = ssl.create_default_context(cafile=ca_file)
    if not place.trusted:
        # Who signed it is not asked: its end is all that counts here.
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((place.host, place.port), timeout=SECONDS - 1) as plain,
        trust.wrap_socket(plain, server_hostname=place.shown_for) as secured,
    ):
        raw = secured.getpeercert(binary_form=True) or b""
    from cryptography import x509

    return x509.load_der_x509_certificate(raw).not_valid_after_utc


def look(fleet: Fleet, ca_file: str | None) -> dict[Place, datetime | Exception]:
    """Every certificate of the data as it is shown now, all asked at once."""
    calls = {place: partial(shown_at, place, ca_file) for place in places(fleet)}
    answers = ask(calls, SECONDS)
    return {place: it.value or it.error or LateError("no answer") for place, it in answers.items()}


def part(fleet: Fleet, seen: Mapping[Place, datetime | Exception], as_of: datetime) -> Part:
    """What a screen says: the nearest end; and what is wrong, by what is shown or else by what is recorded."""
    live = {place: ends for place, ends in seen.items() if isinstance(ends, datetime)}
    now = fleet.model_copy(
        update={
            "certificate_ends": {
                **fleet.certificate_ends,
                **{place.key: ends.strftime(FORMAT) for place, ends in live.items()},
            }
        }
    )
    says = [f"{days(min(live.values()) - as_of)} left at the least"] if live else []
    wrong = [f"{one.subject} on {one.where}: {briefly(str(seen[one]))}" for one in seen if one not in live]
    return Part("PUBLIC CERTIFICATES", tuple(says), (*wrong, *(one.text for one in hazards_by_date(now, as_of))))


def patch(folder: Path, fleet: Fleet, seen: Mapping[Place, datetime | Exception]) -> Patch:
    """What is shown as a change of the data. A place that is silent keeps what was recorded of it."""
    path = folder / FILE
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    ends: dict[str, Any] = {}
    for place, found in seen.items():
        was = ends_of(fleet, place)
        known = found if isinstance(found, datetime) else was
        if known is not None:
            ends[place.key] = known.strftime(FORMAT)
    silent = tuple(f"{place.key} ({briefly(str(it))})" for place, it in seen.items() if isinstance(it, Exception))
    text = yaml.safe_dump({"certificate_ends": ends}, sort_keys=True, width=1000)
    return Patch(path, before, f"{HEAD}\n{text}" if ends else before, silent)


def table(fleet: Fleet, seen: Mapping[Place, datetime | Exception], as_of: datetime) -> str:
    """A line for each: what is shown, and what is recorded."""
    rows = []
    for place, found in seen.items():
        live = f"{found:%Y-%m-%d}, {days(found - as_of)}" if isinstance(found, datetime) else briefly(str(found))
        known = ends_of(fleet, place)
        rows.append((place.key, live, f"{known:%Y-%m-%d}" if known else "not recorded"))
    if not rows:
        return "no certificates are declared"
    widths = [max(len(row[i]) for row in (*rows, _TITLES)) for i in range(2)]
    return "\n".join("  ".join((a.ljust(widths[0]), b.ljust(widths[1]), c)) for a, b, c in (_TITLES, *rows))


_TITLES = ("CERTIFICATE", "SHOWN", "RECORDED")


def now() -> datetime:
    """The time, to the second: asked once for a whole command."""
    return datetime.now(UTC).replace(microsecond=0)

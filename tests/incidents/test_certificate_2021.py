"""July 2021: the login system was down because its certificate had ended, and nobody had seen it coming.

A host was started anew, what came up on it found no login, and signing stopped for about two days while break-glass
keys turned out to be missing or stale. The day on which the certificate ended is not published; here it is the one
before. With it in the data, as `fleet certificates --record` writes it, check, status and every preview name it from
thirty days before, and say nothing until then: a warning that is always there is seen by nobody.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import pulumi
import pytest

from cli import certificates
from components import hazards
from model import Fleet, load
from model.expiry import FORMAT, places
from tests.certificates.made import pair
from tests.cli.run import Ran, fleet
from tests.harness import run_stack
from tests.model.change import GONE, Changes, changed, facts, write

__all__ = ["fleet"]

ENDS = datetime(2021, 7, 16, 12, tzinfo=UTC)
BEFORE_30, BEFORE_31 = ENDS - timedelta(days=30), ENDS - timedelta(days=31)
LOGIN: dict[str, Any] = {
    "purpose": "every login",
    "at": "netauth.fleet.example:1729",
    "renewed": "whoever holds the secret folder makes a new one",
}


def with_end(ends: datetime, at: str = str(LOGIN["at"])) -> Changes:
    """The login system's certificate in the data, and when it ends."""
    return {"watched/netauth": {**LOGIN, "at": at}, "certificate_ends/netauth": ends.strftime(FORMAT)}


def data(folder: Path, changes: Changes) -> Path:
    """The rehearsal's fleet with a change, as files. Its people came later than 2021, and devspace is for people."""
    later = dict.fromkeys(("roster", "github", "services/devspace", "service_files/devspace"), GONE)
    return write(folder / "data", changed(facts("local"), later | changes))


@pytest.fixture
def fleet_of_2021(tmp_path: Path) -> Fleet:
    """A fleet whose people log in where the certificate ends in July 2021."""
    return load(data(tmp_path, with_end(ENDS)))


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a preview warns of."""
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_, **__: said.append(text))
    return said


def test_check_names_it_thirty_days_before_and_not_earlier(tmp_path: Path, fleet: Callable[..., Ran]) -> None:
    folder = str(data(tmp_path, with_end(ENDS)))
    early = fleet("check", folder, "--as-of", f"{BEFORE_31:%Y-%m-%dT%H:%M:%S}")
    assert (early.code, "hazard" in early.out) == (0, False)
    late = fleet("check", folder, "--as-of", f"{BEFORE_30:%Y-%m-%dT%H:%M:%S}")
    assert late.code == 0, "the data is right: it is the time that is short"
    line = next(line for line in late.out.splitlines() if "hazard" in line)
    for part in ("netauth", "every login", LOGIN["at"], "ends in 30 days (2021-07-16)", LOGIN["renewed"]):
        assert str(part) in line
    after = fleet("check", folder, "--as-of", "2021-07-17")
    assert "ended 0 days ago" in after.out


def test_a_preview_names_it_thirty_days_before_and_not_earlier(fleet_of_2021: Fleet, warned: list[str]) -> None:
    hazards.warn(fleet_of_2021, BEFORE_31)
    assert warned == []
    hazards.warn(fleet_of_2021, BEFORE_30)
    assert len(warned) == 1
    assert "certificate of netauth (every login)" in warned[0]


@pytest.mark.parametrize(("left", "named"), [(timedelta(days=30), 1), (timedelta(days=31, minutes=5), 0)])
def test_the_program_itself_says_it_and_plans_the_same(
    tmp_path: Path, warned: list[str], left: timedelta, named: int
) -> None:
    place = data(tmp_path, with_end(datetime.now(UTC) + left))
    ledger = run_stack("local", tmp_path / "run", data=place)
    assert len([text for text in warned if "netauth" in text]) == named
    plain = run_stack("local", tmp_path / "plain", data=data(tmp_path / "other", {}))
    assert {one.name for one in ledger.asked} == {one.name for one in plain.asked}


def test_status_names_it_thirty_days_before_and_not_earlier(fleet_of_2021: Fleet) -> None:
    early = certificates.part(fleet_of_2021, {}, BEFORE_31)
    assert early.wrong == ()
    late = certificates.part(fleet_of_2021, {}, BEFORE_30)
    assert len(late.wrong) == 1
    assert "ends in 30 days" in late.wrong[0]


class _Silent(BaseRequestHandler):
    def handle(self) -> None:
        """The handshake is all that anybody wants."""
        self.request.recv(1)


@contextmanager
def shown(folder: Path, ends: datetime) -> Iterator[str]:
    """A login system on the loopback with a certificate of its own making that ends then; where it is."""
    chain, key = pair("localhost", ends)
    (folder / "both.pem").write_text(chain + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    with ThreadingTCPServer(("127.0.0.1", 0), _Silent) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"localhost.localdomain:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(("left", "named"), [(timedelta(days=30), True), (timedelta(days=31, minutes=5), False)])
def test_what_is_shown_counts_before_what_was_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: timedelta, named: bool
) -> None:
    ends = certificates.now() + left
    with shown(tmp_path, ends) as at:
        # What was written down is of the one before, which has ended: somebody has renewed it since.
        it = load(data(tmp_path, with_end(ENDS, at)))
        (place,) = [one for one in places(it) if one.key == "netauth"]
        # The same place, without asking DNS for the loopback's name.
        monkeypatch.setattr("cli.certificates.places", lambda _: (replace(place, host="127.0.0.1"),))
        seen = certificates.look(it, None)
        assert list(seen.values()) == [ends]
        part = certificates.part(it, {place: ends}, certificates.now())
        assert any("netauth" in text for text in part.wrong) is named
        change = certificates.patch(tmp_path, it, {place: ends})
        assert f"netauth: '{ends:{FORMAT}}'" in change.after


def test_renewed_in_time_nothing_is_ever_said(tmp_path: Path, warned: list[str]) -> None:
    renewed = load(data(tmp_path, with_end(ENDS + timedelta(days=365))))
    for before in range(60):
        hazards.warn(renewed, ENDS - timedelta(days=before))
    assert warned == []


def test_the_mirrors_certificate_is_named_by_mirror(tmp_path: Path, warned: list[str]) -> None:
    one = load(data(tmp_path, {"certificate_ends/front@a-nyc-us": ENDS.strftime(FORMAT)}))
    hazards.warn(one, ENDS - timedelta(days=23, hours=-1))
    (text,) = warned
    assert text.startswith("certificate of *.fleet.example")
    assert "on a-nyc-us ends in 22 days" in text


def test_prod_watches_its_own_login_system() -> None:
    prod = load(Path(__file__).parents[2] / "stacks" / "prod")
    assert any(place.key == "netauth" and place.port == 1729 for place in places(prod))

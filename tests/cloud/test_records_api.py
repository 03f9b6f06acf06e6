"""The DNS provider's HTTP interface: what it takes, what it refuses, and what stands in the zone afterwards."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.cloud import records_api
from rehearsal.cloud.records_api import Records
from rehearsal.cloud.store import Record
from rehearsal.cloud.world import World
from tests.certificates.made import pair

ZONE = "fleet.example"
GOOD = {"type": "TXT", "name": "_acme-challenge.s", "data": "a value", "ttl": 30}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A cloud with one zone, which holds a record of Pulumi's and an alias."""
    made = World(tmp_path, plan_only=True)
    made.store.put(Record("digitalocean", "Domain", ZONE, "", {"name": ZONE}, {}, 1))
    for number, kind, name, value in ((11, "TXT", "_dmarc", "v=DMARC1"), (12, "CNAME", "_acme-challenge.cdn", "x.")):
        inputs = {"domain": ZONE, "type": kind, "name": name, "value": value}
        made.store.put(Record("digitalocean", "DnsRecord", str(number), "", inputs, {**inputs, "ttl": 300}, number))
    return made


@pytest.fixture
def records(world: World) -> Records:
    return Records(world, lambda: "right")


def ask(records: Records, method: str, path: str, body: Any = None, token: str = "right") -> tuple[int, dict[str, Any]]:
    status, said = records.answer(method, f"/v2/{path}", f"Bearer {token}", json.dumps(body).encode())
    return status, said or {}


def test_a_record_is_made_shown_in_the_zone_listed_and_taken_away(records: Records, world: World) -> None:
    status, said = ask(records, "POST", f"domains/{ZONE}/records", GOOD)
    assert status == 201
    made = said["domain_record"]
    assert {key: made[key] for key in GOOD} == GOOD
    zone = world.run / "dns" / "zones" / f"{ZONE}.zone"
    assert '_acme-challenge.s 30 IN TXT "a value"' in zone.read_text()
    found = ask(records, "GET", f"domains/{ZONE}/records?type=TXT&name=_acme-challenge.s.{ZONE}&per_page=200")[1]
    assert [one["id"] for one in found["domain_records"]] == [made["id"]]
    assert ask(records, "DELETE", f"domains/{ZONE}/records/{made['id']}")[0] == 204
    assert "_acme-challenge.s" not in zone.read_text()
    assert ask(records, "DELETE", f"domains/{ZONE}/records/{made['id']}")[0] == 404


def test_two_values_of_one_name_stand_beside_each_other(records: Records) -> None:
    ids = {
        ask(records, "POST", f"domains/{ZONE}/records", GOOD | {"data": data})[1]["domain_record"]["id"]
        for data in ("one", "two")
    }
    assert len(ids) == 2
    assert len(ask(records, "GET", f"domains/{ZONE}/records?type=TXT")[1]["domain_records"]) == 3


@pytest.mark.parametrize("token", ["wrong", "", "right "])
def test_without_the_token_nothing_is_said_and_nothing_done(records: Records, world: World, token: str) -> None:
    for method, path in (("GET", f"domains/{ZONE}"), ("POST", f"domains/{ZONE}/records"), ("GET", "domains/x.example")):
        assert ask(records, method, path, GOOD, token)[0] == 401
    assert len(world.store.all("digitalocean", "DnsRecord")) == 2


def test_what_is_not_there_is_not_found(records: Records) -> None:
    assert ask(records, "GET", f"domains/{ZONE}")[1]["domain"]["name"] == ZONE
    for path in ("domains/s.fleet.example", "domains/other.example/records", "droplets", "domains"):
        assert ask(records, "GET", path)[0] == 404
    assert ask(records, "PUT", f"domains/{ZONE}/records")[0] == 405


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "A", "data": "192.0.2.1"},
        {"name": "two words"},
        {"name": "a..b"},
        {"name": 7},
        {"data": None},
        {"ttl": 29},
        {"ttl": "30"},
        {"name": "_acme-challenge.cdn"},
    ],
)
def test_what_it_would_not_take_is_refused(records: Records, world: World, wrong: dict[str, Any]) -> None:
    assert ask(records, "POST", f"domains/{ZONE}/records", GOOD | wrong)[0] == 422
    assert len(world.store.all("digitalocean", "DnsRecord")) == 2


def test_no_body_and_no_json_are_refused(records: Records) -> None:
    for body in (b"", b"{", b"[]", b"7", b'{"type": "TXT"}'):
        assert records.answer("POST", f"/v2/domains/{ZONE}/records", "Bearer right", body)[0] == 422


def test_a_record_of_the_program_is_not_this_interfaces(records: Records, world: World) -> None:
    assert ask(records, "DELETE", f"domains/{ZONE}/records/11")[0] == 403
    assert world.store.get("digitalocean", "DnsRecord", "11") is not None


@pytest.fixture
def served(world: World, tmp_path: Path) -> Iterator[tuple[str, ssl.SSLContext]]:
    """The interface on the loopback: its address, and whom to trust for it."""
    chain, key = pair("localhost")
    for name, text in (("cert.pem", chain), ("cert.key", key), ("token", "right\n")):
        (tmp_path / name).write_text(text)
    server = records_api.serve(world, ("127.0.0.1", 0), tmp_path)
    yield f"https://localhost:{server.server_address[1]}", ssl.create_default_context(cadata=chain)
    server.shutdown()
    server.server_close()


def test_it_is_spoken_to_by_tls(served: tuple[str, ssl.SSLContext]) -> None:
    address, trust = served

    def post(token: str) -> int:
        words = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{address}/v2/domains/{ZONE}/records", json.dumps(GOOD).encode(), words)
        with urllib.request.urlopen(request, context=trust, timeout=60) as answer:
            return int(answer.status)

    assert post("right") == 201
    with pytest.raises(urllib.error.HTTPError, match="401"):
        post("wrong")

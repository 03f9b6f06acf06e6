"""The public way in, with nginx run for real: who is asked, who is asked next, and who gets no answer."""

from __future__ import annotations

import http.client
import http.server
import os
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostconfig import ways_in
from tests.hostconfig.doors import HOSTS, NAMES, PORTS, Authority, Door, Server, desired
from tests.hostconfig.platforms import PLATFORMS

GOLDEN = Path(__file__).parents[1] / "golden" / "hostconfig"
A, B, C = HOSTS
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


class Plant:
    """A door, and the servers behind it that a test has started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder / "authority", "ours")
        self.leaf = self.authority.leaf()
        self.door = Door(folder / A, A, (folder / "authority" / "ca.pem").read_text())
        self.servers: list[Server] = []

    def server(self, host: str, system: str = "nomad", certificate: str | None = None) -> Server:
        """Start a server on a control host."""
        made = Server(HOSTS[host], PORTS[system][1], certificate or self.leaf)
        self.servers.append(made)
        return made


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    made = Plant(tmp_path_factory.mktemp("doors"))
    yield made
    made.door.close()


@pytest.fixture
def plant(planted: Plant) -> Iterator[Plant]:
    planted.servers = []
    yield planted
    for server in planted.servers:
        server.close()


@pytest.mark.servers
def test_the_own_server_is_asked_and_hears_who_asks(plant: Plant) -> None:
    own, other = plant.server(A), plant.server(B)
    status, text, headers = plant.door.ask("nomad", "/v1/jobs?x=%2Fy", **{"X-Nomad-Token": "t"})
    assert (status, text) == (200, f"{HOSTS[A]} GET /v1/jobs?x=%2Fy ")
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert other.asked == []
    heard = own.asked[0]["headers"]
    assert heard["Host"] == NAMES["nomad"], "so that a page of another site fails the comparison of Origin and Host"
    assert heard["X-Forwarded-For"].startswith("127.")
    assert heard["X-Nomad-Token"] == "t"


@pytest.mark.servers
def test_the_next_one_is_asked_with_the_whole_question_where_no_connection_came_about(plant: Plant) -> None:
    third = plant.server(C)
    for method in ("GET", "PUT", "POST", "DELETE"):
        body = "x" * 100_000 if method in ("PUT", "POST") else None
        status, text, _ = plant.door.ask("nomad", "/v1/job", method, body)
        assert (status, text) == (200, f"{HOSTS[C]} {method} /v1/job {body or ''}")
    assert len(third.asked) == 4
    plant.server(B)
    assert plant.door.ask("nomad", "/v1/jobs")[1].startswith(HOSTS[B])
    plant.server(A)
    assert plant.door.ask("nomad", "/v1/jobs")[1].startswith(HOSTS[A]), "and the own one as soon as it is back"


@pytest.mark.servers
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_what_a_server_heard_is_never_asked_twice(plant: Plant, method: str) -> None:
    own, other = plant.server(A), plant.server(B)

    def break_off(handler: http.server.BaseHTTPRequestHandler) -> bool:
        handler.close_connection = True
        return True

    own.behave = break_off
    status, text, _ = plant.door.ask("nomad", "/v1/job", method, "body" if method != "GET" else None)
    assert (status, text) == (502, "Nomad broke off; whether it did what was asked is not known\n")
    assert (len(own.asked), len(other.asked)) == (1, 0)


@pytest.mark.servers
@pytest.mark.parametrize("system", NAMES)
def test_with_no_server_at_all_it_still_answers_with_a_sentence(plant: Plant, system: str) -> None:
    status, text, _ = plant.door.ask(system, "/v1/x", "PUT", "body")
    assert (status, text) == (502, f"{system.capitalize()} does not answer on any control host\n")


@pytest.mark.servers
def test_an_answer_of_the_server_is_passed_on_whatever_it_is(plant: Plant) -> None:
    own, other = plant.server(A), plant.server(B)

    def fail(handler: http.server.BaseHTTPRequestHandler) -> bool:
        handler.say(503, "no leader")  # type: ignore[attr-defined]
        return True

    own.behave = fail
    assert plant.door.ask("nomad", "/v1/jobs")[:2] == (503, "no leader")
    assert other.asked == []


@pytest.mark.servers
def test_a_sealed_vault_is_passed_over_and_if_all_are_it_is_said(plant: Plant) -> None:
    own, second = plant.server(A, "vault"), plant.server(B, "vault")

    def sealed(handler: http.server.BaseHTTPRequestHandler) -> bool:
        handler.say(503, '{"errors":["Vault is sealed"]}')  # type: ignore[attr-defined]
        return True

    own.behave = sealed
    status, text, _ = plant.door.ask("vault", "/v1/auth/ldap/login/ada", "POST", "secret")
    assert (status, text) == (200, f"{HOSTS[B]} POST /v1/auth/ldap/login/ada secret")
    second.behave = sealed
    assert plant.door.ask("vault", "/v1/secret")[0] == 502, "the third does not answer"
    third = plant.server(C, "vault")
    third.behave = sealed
    assert plant.door.ask("vault", "/v1/secret")[:2] == (503, '{"errors":["Vault is sealed"]}')


@pytest.mark.servers
@pytest.mark.parametrize("path", ["unseal", "seal-status", "init", "health"])
def test_a_vault_is_opened_and_asked_about_by_itself(plant: Plant, path: str) -> None:
    other = plant.server(B, "vault")
    status, text, _ = plant.door.ask("vault", f"/v1/sys/{path}?x=1", "PUT", "{}")
    assert (status, text) == (502, "Vault does not answer on this control host\n")
    assert other.asked == []
    own = plant.server(A, "vault")
    assert plant.door.ask("vault", f"/v1/sys/{path}?x=1", "PUT", "{}")[1] == f"{HOSTS[A]} PUT /v1/sys/{path}?x=1 {{}}"

    def sealed(handler: http.server.BaseHTTPRequestHandler) -> bool:
        handler.say(503, "sealed")  # type: ignore[attr-defined]
        return True

    own.behave = sealed
    assert plant.door.ask("vault", f"/v1/sys/{path}")[:2] == (503, "sealed")


@pytest.mark.servers
def test_a_server_of_another_authority_is_not_believed(plant: Plant) -> None:
    stranger = Authority(plant.folder / "stranger", "not ours")
    impostor, real = plant.server(A, "consul", stranger.leaf()), plant.server(B, "consul")
    status, text, _ = plant.door.ask("consul", "/v1/kv/x", "PUT", "secret")
    assert (status, text) == (200, f"{HOSTS[B]} PUT /v1/kv/x secret")
    assert (impostor.asked, len(real.asked)) == ([], 1)


@pytest.mark.servers
def test_a_name_that_is_none_of_ours_gets_no_answer(plant: Plant) -> None:
    plant.server(A)
    for name in ("other.fleet.example", None):
        with pytest.raises(ssl.SSLError):
            plant.door.tls(name)
    with plant.door.tls(NAMES["nomad"]) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: other.fleet.example\r\n\r\n")
        assert line.recv(100) == b""
    with pytest.raises(http.client.RemoteDisconnected):
        plant.door.plain("other.fleet.example", "/")
    with pytest.raises((ssl.SSLError, OSError)):
        plant.door.tls(NAMES["nomad"], ssl.TLSVersion.TLSv1_1)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        plant.door.tls(NAMES["nomad"], version).close()


@pytest.mark.servers
def test_plain_http_leads_to_https(plant: Plant) -> None:
    status, _, where = plant.door.plain(NAMES["vault"], "/ui/?a=b")
    assert (status, where) == (308, "https://vault.fleet.example/ui/?a=b")


@pytest.mark.servers
def test_a_token_in_the_address_and_a_huge_body_are_refused(plant: Plant) -> None:
    own = plant.server(A)
    status, text, _ = plant.door.ask("nomad", "/v1/jobs?token=s.CAESIabc")
    assert (status, text) == (400, "send the token in a header, not in the address\n")
    with plant.door.tls(NAMES["nomad"]) as line:
        head = f"PUT /v1/jobs HTTP/1.1\r\nHost: {NAMES['nomad']}\r\nContent-Length: {33 * 2**20}\r\n\r\n"
        line.sendall(head.encode())
        assert line.recv(100).startswith(b"HTTP/1.1 413")
    assert own.asked == []
    assert "CAESI" not in plant.door.log.read_text()


@pytest.mark.servers
def test_answers_come_as_they_are_made(plant: Plant) -> None:
    own, more = plant.server(A), threading.Event()

    def slowly(handler: http.server.BaseHTTPRequestHandler) -> bool:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        assert more.wait(60)
        handler.wfile.write(b"4\r\nlast\r\n0\r\n\r\n")
        return True

    own.behave = slowly
    with plant.door.tls(NAMES["nomad"]) as line:
        line.sendall(f"GET /v1/event/stream HTTP/1.1\r\nHost: {NAMES['nomad']}\r\n\r\n".encode())
        got = b""
        while b"first" not in got:
            got += line.recv(1000)
        assert b"last" not in got
        more.set()
        while b"last" not in got:
            got += line.recv(1000)


@pytest.mark.servers
def test_a_web_socket_passes_both_ways_also_by_the_next_server(plant: Plant) -> None:
    second = plant.server(B)

    def socket_of(handler: http.server.BaseHTTPRequestHandler) -> bool:
        assert handler.headers["Upgrade"] == "websocket"
        assert handler.headers["Connection"].lower() == "upgrade"
        assert handler.headers["Origin"] == f"https://{handler.headers['Host']}"
        handler.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        handler.wfile.write(handler.rfile.read(4).upper())
        handler.close_connection = True
        return True

    second.behave = socket_of
    name = NAMES["nomad"]
    with plant.door.tls(name) as line:
        ask = f"GET /v1/client/allocation/x/exec HTTP/1.1\r\nHost: {name}\r\nOrigin: https://{name}\r\n"
        line.sendall((ask + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n").encode())
        got = line.recv(1000)
        assert got.startswith(b"HTTP/1.1 101")
        line.sendall(b"ping")
        while not got.endswith(b"PING"):
            more = line.recv(1000)
            assert more, got
            got += more


@pytest.mark.servers
def test_a_challenge_is_found_on_whichever_control_host_it_is(plant: Plant, tmp_path: Path) -> None:
    other = Door(tmp_path / B, B, (plant.folder / "authority" / "ca.pem").read_text())
    try:
        token = "/.well-known/acme-challenge/token"
        assert plant.door.plain(NAMES["consul"], token)[0] == 404, "asked once around, and no further"
        there = Path(other.place.www + token)
        there.write_text("the answer")
        assert plant.door.plain(NAMES["consul"], token)[:2] == (200, "the answer")
        assert other.plain(NAMES["consul"], token)[:2] == (200, "the answer")
        there.unlink()
        Path(plant.door.place.www + token).write_text("here")
        assert other.plain(NAMES["nomad"], token)[:2] == (200, "here")
    finally:
        other.close()


@pytest.mark.servers
def test_one_control_host_alone_is_enough(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority", "ours")
    wish = desired(C, {C: HOSTS[C]}).ways_in
    door = Door(tmp_path / C, C, (authority.folder / "ca.pem").read_text(), wish)
    try:
        assert door.ask("vault", "/v1/x")[:2] == (502, "Vault does not answer on any control host\n")
        assert door.plain(NAMES["nomad"], "/.well-known/acme-challenge/x")[0] == 404
    finally:
        door.close()


@pytest.mark.parametrize("name", PLATFORMS)
def test_rendered_files_are_the_blessed_ones(name: str) -> None:
    platform = PLATFORMS[name]
    part = ways_in.ways_in(desired(trust=PEM).model_copy(update={"os": platform.os}), platform)
    page = "".join(f"===== {it.path} {it.mode} test: {it.check} wakes: {it.wakes}\n{it.text}" for it in part.files)
    page += f"===== packages {' '.join(part.packages)}\n"
    page += "".join(f"===== service {it.name}: {it.hear} ready: {it.ready}\n" for it in part.services)
    golden = GOLDEN / f"ways-in-{name}.txt"
    if os.environ.get("BLESS") == "1":
        golden.write_text(page)
    assert golden.read_text() == page, f"{golden.name} changed; if you meant it, rerun with BLESS=1"

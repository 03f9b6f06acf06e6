"""The clients against small real HTTP servers: what is sent, and what people are told."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from servers import Api, ApiError, from_environment
from tests.servers.answering import Answers, Server, serve
from tests.servers.real import nobody

__all__ = ["serve"]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=nomad.fleet.example", "-addext", "subjectAltName=DNS:nomad.fleet.example"]
    command += ["-keyout", str(folder / "key"), "-out", str(folder / "pem")]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem", folder / "key")
    return folder / "pem", context


def refusing(status: int, body: Any) -> Answers:
    return lambda _: (status, body)


@pytest.mark.parametrize(
    ("system", "header"), [("nomad", "x-nomad-token"), ("consul", "x-consul-token"), ("vault", "x-vault-token")]
)
def test_the_token_goes_as_a_header_and_shows_nowhere(serve: Callable[..., Server], system: Any, header: str) -> None:
    server = serve(lambda _: (200, {"fine": True}))
    api = Api(system, f"http://127.0.0.1:{server.port}", " s.hush\n")
    assert api.put("/v1/thing/a b", {"Name": "x"}, namespace="apps", dry=None, force=True) == {"fine": True}
    ((method, path, headers, body),) = server.seen
    assert (method, path, body) == ("PUT", "/v1/thing/a%20b?namespace=apps&force=true", {"Name": "x"})
    assert headers[header] == "s.hush"
    assert "hush" not in repr(api)


def test_consul_is_never_asked_for_a_stale_answer(serve: Callable[..., Server]) -> None:
    server = serve(lambda _: (200, []))
    Api("consul", f"http://127.0.0.1:{server.port}").get("/v1/acl/policies")
    Api("nomad", f"http://127.0.0.1:{server.port}").get("/v1/jobs", namespace="*")
    assert [one[1] for one in server.seen] == ["/v1/acl/policies?consistent=", "/v1/jobs?namespace=%2A"]


def test_what_is_not_there_is_none_when_asked_so(serve: Callable[..., Server]) -> None:
    api = Api("nomad", f"http://127.0.0.1:{serve(refusing(404, 'job not found')).port}")
    assert api.get("/v1/job/x", missing_ok=True) is None
    with pytest.raises(ApiError) as caught:
        api.get("/v1/job/x")
    assert caught.value.status == 404
    assert "refused GET /v1/job/x: job not found" in str(caught.value)


@pytest.mark.parametrize(
    ("system", "status", "body", "words"),
    [
        ("nomad", 403, "Permission denied", "may not do this"),
        ("nomad", 403, "ACL token not found", "fleet login"),
        ("nomad", 500, "No cluster leader", "no server leads"),
        ("consul", 403, "ACL not found", "fleet login"),
        ("consul", 500, "No cluster leader", "no server leads"),
        ("vault", 503, {"errors": ["Vault is sealed"]}, "fleet unseal"),
        ("vault", 501, {"errors": ["Vault is not initialized"]}, "fleet bootstrap"),
        ("vault", 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}, "may not do this"),
        ("vault", 403, {"errors": ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}, "run out"),
        ("nomad", 502, "<html>Bad Gateway</html>", "no server behind it"),
    ],
)
def test_a_refusal_is_one_sentence_with_the_way_out(
    serve: Callable[..., Server], system: Any, status: int, body: Any, words: str
) -> None:
    address = f"http://127.0.0.1:{serve(refusing(status, body)).port}"
    with pytest.raises(ApiError) as caught:
        Api(system, address, "s.hush").get("/v1/jobs")
    told = str(caught.value)
    assert told.startswith(f"{system} at {address} refused GET /v1/jobs: ")
    assert words in told
    assert "\n" not in told
    assert "hush" not in told
    assert caught.value.status == status


def test_what_waiting_may_help_and_what_not(serve: Callable[..., Server]) -> None:
    def caught(status: int, body: Any, system: Any = "nomad") -> ApiError:
        with pytest.raises(ApiError) as info:
            Api(system, f"http://127.0.0.1:{serve(refusing(status, body)).port}").get("/v1/x")
        return info.value

    assert caught(500, "No cluster leader").unavailable
    assert caught(503, {"errors": ["Vault is sealed"]}, "vault").sealed
    assert not caught(403, "Permission denied").unavailable
    assert not caught(500, "job was refused").unavailable


def test_nobody_there() -> None:
    with nobody() as port, pytest.raises(ApiError) as caught:
        Api("nomad", f"http://127.0.0.1:{port}").get("/v1/jobs")
    assert caught.value.status is None
    assert str(caught.value).startswith(f"cannot connect to nomad at http://127.0.0.1:{port} for GET /v1/jobs")


def test_a_read_is_repeated_and_a_write_is_not(serve: Callable[..., Server]) -> None:
    def broken_once(_: Any) -> tuple[int, Any]:
        return (0, None) if len(server.seen) == 1 else (200, {"n": len(server.seen)})

    server = serve(broken_once)
    api = Api("nomad", f"http://127.0.0.1:{server.port}")
    assert api.get("/v1/x") == {"n": 2}
    server.seen.clear()
    with pytest.raises(ApiError, match="broke off while answering PUT"):
        api.put("/v1/x", {})
    assert len(server.seen) == 1


NO_CONNECTION = "rpc error: failed to get conn: dial tcp 10.99.0.12:4647: connect: connection refused"


@pytest.mark.parametrize(
    "said",
    [
        "No cluster leader",
        NO_CONNECTION,
        "rpc error: lead thread didn't get connection",
        "rpc error: Not ready to serve consistent reads",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_who_is_patient_waits_for_a_leader(serve: Callable[..., Server], said: str, method: str) -> None:
    def elected_later(_: Any) -> tuple[int, Any]:
        return (500, said) if len(server.seen) <= 2 else (200, {"n": len(server.seen)})

    server = serve(elected_later)
    address = f"http://127.0.0.1:{server.port}"
    with pytest.raises(ApiError) as caught:
        Api("nomad", address).ask(method, "/v1/x")
    assert caught.value.unavailable
    assert Api("nomad", address, patience=15).ask(method, "/v1/x").body == {"n": 3}


@pytest.mark.parametrize(
    ("status", "said"), [(502, "Nomad broke off; whether it did what was asked is not known"), (500, "rpc error: EOF")]
)
def test_a_read_that_broke_off_behind_the_server_is_repeated_and_a_write_is_not(
    serve: Callable[..., Server], status: int, said: str
) -> None:
    times: list[int] = []

    def answers(_: Any) -> tuple[int, Any]:
        times.append(1)
        return (status, said) if len(times) < 3 else (200, {})

    server = serve(answers)
    assert Api("nomad", f"http://127.0.0.1:{server.port}").get("/v1/jobs") == {}
    assert len(times) == 3
    times.clear()
    with pytest.raises(ApiError) as refused:
        Api("nomad", f"http://127.0.0.1:{server.port}", patience=5).put("/v1/jobs", {})
    assert (len(times), refused.value.unavailable, refused.value.undelivered) == (1, True, False)


def test_a_standby_that_cannot_pass_on_says_so(serve: Callable[..., Server]) -> None:
    server = serve(lambda _: (307, ""))
    with pytest.raises(
        ApiError, match="a standby has no contact to the server that leads: see which are down"
    ) as refused:
        Api("vault", f"http://127.0.0.1:{server.port}").put("/v1/x", {})
    assert refused.value.unavailable
    assert len(server.seen) == 1


def test_a_token_that_was_good_is_not_given_up_at_once(serve: Callable[..., Server]) -> None:
    def catching_up(_: Any) -> tuple[int, Any]:
        return (403, "Permission denied") if len(server.seen) in (2, 3) else (200, {"n": len(server.seen)})

    server = serve(catching_up)
    address = f"http://127.0.0.1:{server.port}"
    api = Api("nomad", address, "hush", patience=15)
    assert [api.get("/v1/x") for _ in range(2)] == [{"n": 1}, {"n": 4}]
    # One that has never opened anything is just not good.
    server.seen[:] = server.seen[:1]
    with pytest.raises(ApiError, match="Permission denied"):
        Api("nomad", address, "hush", patience=15).get("/v1/x")
    assert len(server.seen) == 2


def test_patience_ends_and_is_not_for_refusals(serve: Callable[..., Server]) -> None:
    server = serve(refusing(500, "No cluster leader"))
    with pytest.raises(ApiError, match="no server leads"):
        Api("nomad", f"http://127.0.0.1:{server.port}", patience=3).put("/v1/x", {})
    assert 2 <= len(server.seen) <= 7
    server = serve(refusing(500, "job was refused"))
    with pytest.raises(ApiError, match="job was refused"):
        Api("nomad", f"http://127.0.0.1:{server.port}", patience=15).put("/v1/x", {})
    assert len(server.seen) == 1


def test_another_address_is_dialled_under_the_same_name(
    serve: Callable[..., Server], certificate: tuple[Path, ssl.SSLContext]
) -> None:
    pem, tls = certificate
    server = serve(lambda _: (200, "ok"), tls)
    address, dialled = "https://nomad.fleet.example", f"127.0.0.1:{server.port}"
    assert Api("nomad", address, ca_file=str(pem), connect_to=dialled).get("/v1/x") == "ok"
    assert server.seen[0][2]["host"] == "nomad.fleet.example"
    with pytest.raises(ApiError, match="not trusted here") as caught:
        Api("nomad", address, connect_to=dialled).get("/v1/x")
    assert caught.value.status is None
    with pytest.raises(ApiError, match=r"not trusted here.*ostname mismatch"):
        Api("nomad", "https://other.example", ca_file=str(pem), connect_to=dialled).get("/v1/x")


def test_a_stream_comes_as_it_is_sent(serve: Callable[..., Server]) -> None:
    server = serve(lambda _: (200, "one\ntwo\n"))
    assert b"".join(Api("nomad", f"http://127.0.0.1:{server.port}").stream("/v1/logs", follow=True)) == b"one\ntwo\n"
    refusing_ = serve(refusing(403, "Permission denied"))
    with pytest.raises(ApiError, match="may not do this"):
        list(Api("nomad", f"http://127.0.0.1:{refusing_.port}").stream("/v1/logs"))


def test_the_environment_says_where_and_who(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(lambda _: (200, "leader"))
    monkeypatch.setenv("CONSUL_HTTP_ADDR", f"127.0.0.1:{server.port}")
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "t1")
    from_environment("consul").get("/v1/status/leader")
    from_environment("nomad", f"http://127.0.0.1:{server.port}", environment={"NOMAD_TOKEN": "t2"}).get("/v1/x")
    assert [one[2].get("x-consul-token") or one[2].get("x-nomad-token") for one in server.seen] == ["t1", "t2"]
    with pytest.raises(ApiError, match="set VAULT_ADDR"):
        from_environment("vault", environment={})
    with pytest.raises(ApiError, match="https://<name>"):
        Api("vault", "vault.example")

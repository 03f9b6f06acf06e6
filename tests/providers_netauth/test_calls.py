"""Whom the client trusts, and what it does without anybody to ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.netauth.calls import TRUST, Calls, NetAuthError, Place
from providers.netauth.client import Client
from tests.servers import netauth
from tests.servers.real import nobody


def test_without_an_authority_nobody_is_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(TRUST, raising=False)
    with pytest.raises(NetAuthError, match="nobody vouches for netauth"):
        Calls(Place("netauth.example"), patience=0.1).well()
    monkeypatch.setenv(TRUST, str(tmp_path / "missing"))
    with pytest.raises(NetAuthError, match="cannot be read"):
        Calls(Place("netauth.example"), patience=0.1).well()


def test_nobody_there_is_said_in_time() -> None:
    with nobody() as port:
        place = Place("localhost", "127.0.0.1", port, "not used before somebody answers")
        with pytest.raises(NetAuthError, match="does not answer") as silent:
            Client(Calls(place, patience=0.3)).entity("bo")
    assert silent.value.silent


def test_an_address_of_either_family_is_dialled() -> None:
    assert Place("n.example", "fd77::1").target == "[fd77::1]:1729"
    assert Place("n.example", port=99).target == "n.example:99"


def test_an_entity_without_a_secret_is_never_made() -> None:
    with pytest.raises(ValueError, match="open to everybody"):
        Client(Calls(Place("n.example"))).create_entity("bo", 1, "")


@pytest.mark.servers
def test_another_certificate_is_not_believed(server: netauth.Server, tmp_path: Path) -> None:
    with netauth.netauth(tmp_path / "other") as other:
        place = Place("localhost", "127.0.0.1", server.port, other.certificate.read_text())
        with pytest.raises(NetAuthError, match="does not answer"):
            Calls(place, patience=0.2).well()
        wrong = Place("elsewhere.example", "127.0.0.1", server.port, server.certificate.read_text())
        with pytest.raises(NetAuthError, match="does not answer"):
            Calls(wrong, patience=0.2).well()
    assert server.calls().well()

"""The provider spoken to as the engine does, in front of a real NetAuth server that lives for the whole module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2_grpc

from providers.base.serving import listen
from providers.base.values import Bag
from providers.netauth.__main__ import NetAuth
from providers.netauth.directory import Session
from tests.servers import netauth
from tests.servers.conftest import Passing


class Directory(Passing):
    """An engine in front of our provider."""

    server: netauth.Server
    session: Session

    def made(self, kind: str, **inputs: Any) -> tuple[str, Bag, Bag]:
        """Make a resource; id, inputs, outputs."""
        id_, outputs = self.create(f"netauth:index:{kind}", inputs)
        return id_, inputs, outputs

    def looked(self, kind: str, made: tuple[str, Bag, Bag]) -> tuple[str, Bag, Bag]:
        """Refresh it."""
        return self.read(f"netauth:index:{kind}", *made)

    def differs(self, kind: str, now: tuple[str, Bag, Bag], wish: Bag) -> set[str]:
        """The paths that an `up` would change."""
        return set(self.diff(f"netauth:index:{kind}", now[0], now[1], now[2], wish).detailedDiff)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[netauth.Server]:
    with netauth.netauth(tmp_path_factory.mktemp("netauth") / "server") as found:
        yield found


@pytest.fixture
def engine(server: netauth.Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Directory]:
    monkeypatch.setenv("FLEET_NETAUTH_TOKEN", server.token)
    session = Session()
    provider = NetAuth(session)
    said: list[tuple[str, str]] = []

    def log(text: str, *, severity: str = "info", **_about: str) -> None:
        said.append((severity, text))

    monkeypatch.setattr(provider, "log", log)
    serving, port = listen(provider, workers=8)
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    found = Directory(provider_pb2_grpc.ResourceProviderStub(channel))
    found.said, found.server = said, server
    place = server.place
    config = {"server": place.server, "address": place.address, "port": str(place.port)}
    assert found.configure(**config, authorities=place.authorities) == []
    found.session = session
    session.use(server.client(patience=2.0))
    yield found
    channel.close()
    serving.stop(None)

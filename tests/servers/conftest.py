"""Pass-through stand-ins spoken to as the engine does, in front of real servers that live for the whole module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from providers.base.serving import listen
from providers.base.values import Bag, encode
from rehearsal.cloud.daemon import stand_in
from rehearsal.cloud.world import World
from servers.environment import TOKENS
from tests.cloud.conftest import Engine
from tests.servers import real


class Passing(Engine):
    """An engine in front of one pass-through stand-in, which hears what is said to the person."""

    said: list[tuple[str, str]]

    def kept(self, token: str, id_: str, inputs: Bag, outputs: Bag) -> tuple[Bag, Bag]:
        """Look again: nothing may differ from what was asked."""
        # A job's plan stands beside its inputs in the state, and is nothing that a program says.
        said = {key: value for key, value in inputs.items() if key != "plan"}
        checked, failures = self.check(token, said, olds=inputs)
        assert failures == []
        seen, fresh, told = self.read(token, id_, checked, outputs)
        assert seen == id_
        difference = self.diff(token, id_, fresh, told, checked)
        assert difference.changes == provider_pb2.DiffResponse.DIFF_NONE, (difference, fresh, checked)
        assert not self.diff(token, id_, checked, outputs, checked).detailedDiff
        return fresh, told

    def imported(self, token: str, id_: str) -> tuple[str, Bag, Bag]:
        """As `pulumi import` asks: with an id and nothing else."""
        return self.read(token, id_)

    def gone(self, token: str, id_: str, inputs: Bag) -> bool:
        return self.read(token, id_, inputs, inputs)[0] == ""

    def remove(self, token: str, id_: str, inputs: Bag, outputs: Bag) -> None:
        request = provider_pb2.DeleteRequest(
            urn=self.urn(token, "r"), id=id_, properties=encode(outputs), old_inputs=encode(inputs)
        )
        self.stub.Delete(request)


@dataclass
class _Display:
    said: list[tuple[str, str]]

    def log(self, message: str, *, severity: str = "info", urn: str = "") -> None:
        self.said.append((severity, message))


@pytest.fixture
def passing(tmp_path: Path) -> Iterator[Callable[..., Passing]]:
    """A provider instance in front of a server; with `token`, that one instead of the server's own."""
    running: list[Any] = []

    def start(server: real.Server, token: str | None = None, *, address: str | None = None) -> Passing:
        given = token if token is not None else server.token
        environment = {TOKENS[server.system]: given} if given else {}
        provider = stand_in(server.system, World(tmp_path, plan_only=False), environment)
        display = _Display([])
        provider.log = display.log  # type: ignore[method-assign]
        grpc_server, port = listen(provider, workers=8)
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        running.extend((channel, grpc_server))
        engine = Passing(provider_pb2_grpc.ResourceProviderStub(channel))
        engine.said = display.said
        assert engine.configure(address=address or server.address) == []
        return engine

    yield start
    for one in running:
        one.close() if hasattr(one, "close") else one.stop(None)


@pytest.fixture(scope="session")
def nomad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real.Server]:
    with real.nomad(tmp_path_factory.mktemp("nomad")) as server:
        yield server


@pytest.fixture(scope="session")
def consul(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real.Server]:
    with real.consul(tmp_path_factory.mktemp("consul")) as server:
        yield server


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real.Server]:
    with real.vault(tmp_path_factory.mktemp("vault")) as server:
        yield server

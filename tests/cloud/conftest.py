"""Stand-ins spoken to as the engine does: over gRPC, with raw property bags that no SDK has seen."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from providers.base.serving import listen
from providers.base.values import Bag, decode, encode
from rehearsal.cloud.daemon import stand_in
from rehearsal.cloud.world import World

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1yF5mRcJ0fVbqkqxkYo3O6gkQh4v3x4a6Hn7XkC1Qy somebody"


@dataclass
class Engine:
    """What an engine does with one provider instance."""

    stub: Any

    def urn(self, token: str, name: str) -> str:
        return f"urn:pulumi:t::p::{token}::{name}"

    def configure(self, **config: Any) -> list[str]:
        """Check and take a configuration; the failures."""
        bag = encode(config)
        checked = self.stub.CheckConfig(provider_pb2.CheckRequest(urn=self.urn("pulumi:providers:x", "p"), news=bag))
        if not checked.failures:
            self.stub.Configure(provider_pb2.ConfigureRequest(args=bag, acceptSecrets=True))
        return [f"{one.property}: {one.reason}" for one in checked.failures]

    def check(self, token: str, inputs: Bag, *, olds: Bag | None = None, name: str = "r") -> tuple[Bag, list[str]]:
        request = provider_pb2.CheckRequest(
            urn=self.urn(token, name), news=encode(inputs), olds=encode(olds or {}), randomSeed=b"seed"
        )
        answer = self.stub.Check(request)
        return decode(answer.inputs), [f"{one.property}: {one.reason}" for one in answer.failures]

    def create(self, token: str, inputs: Bag, *, preview: bool = False, name: str = "r") -> tuple[str, Bag]:
        """Check, then create; a failure of the check fails the test."""
        checked, failures = self.check(token, inputs, name=name)
        assert failures == []
        request = provider_pb2.CreateRequest(urn=self.urn(token, name), properties=encode(checked), preview=preview)
        answer = self.stub.Create(request)
        return answer.id, decode(answer.properties)

    def diff(self, token: str, id_: str, old: Bag, outputs: Bag, new: Bag) -> Any:
        request = provider_pb2.DiffRequest(
            urn=self.urn(token, "r"), id=id_, old_inputs=encode(old), olds=encode(outputs), news=encode(new)
        )
        return self.stub.Diff(request)

    def update(self, token: str, id_: str, old: Bag, outputs: Bag, new: Bag, *, preview: bool = False) -> Bag:
        request = provider_pb2.UpdateRequest(
            urn=self.urn(token, "r"),
            id=id_,
            old_inputs=encode(old),
            olds=encode(outputs),
            news=encode(new),
            preview=preview,
        )
        return decode(self.stub.Update(request).properties)

    def read(self, token: str, id_: str, inputs: Bag | None = None, outputs: Bag | None = None) -> tuple[str, Bag, Bag]:
        request = provider_pb2.ReadRequest(
            urn=self.urn(token, "r"), id=id_, inputs=encode(inputs or {}), properties=encode(outputs or {})
        )
        answer = self.stub.Read(request)
        return answer.id, decode(answer.inputs), decode(answer.properties)

    def delete(self, token: str, id_: str, inputs: Bag | None = None) -> None:
        bag = encode(inputs or {})
        self.stub.Delete(provider_pb2.DeleteRequest(urn=self.urn(token, "r"), id=id_, old_inputs=bag))

    def invoke(self, token: str, args: Bag) -> Bag:
        answer = self.stub.Invoke(provider_pb2.InvokeRequest(tok=token, args=encode(args)))
        return decode(getattr(answer, "return"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, plan_only=True)


@pytest.fixture
def connect(world: World) -> Iterator[Callable[..., Engine]]:
    """A new provider instance of a package, configured."""
    running: list[Any] = []

    def start(package: str, **config: Any) -> Engine:
        server, port = listen(stand_in(package, world), workers=8)
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        running.extend((channel, server))
        engine = Engine(provider_pb2_grpc.ResourceProviderStub(channel))
        assert engine.configure(**config) == []
        return engine

    yield start
    for one in running:
        one.close() if hasattr(one, "close") else one.stop(None)


@pytest.fixture
def ocean(connect: Callable[..., Engine]) -> Engine:
    return connect("digitalocean")


@pytest.fixture
def aws(connect: Callable[..., Engine]) -> Engine:
    return connect("aws", region="eu-central-1")


@pytest.fixture
def gcp(connect: Callable[..., Engine]) -> Engine:
    return connect("gcp", project="fleet")

"""The service: replacements, partial failures, clean error texts."""

from collections.abc import Iterator
from typing import Any, ClassVar

import grpc
import pytest
from google.rpc import status_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from providers.base.diffing import detailed
from providers.base.resource import CALL, Created, Diff, Failure, PartialFailure, ProviderError, Read, Resource
from providers.base.servicer import Provider
from providers.base.serving import listen
from providers.base.values import Bag, decode, encode

URN = "urn:pulumi:t::p::a:b:C$trial:index:Thing::name"


class Thing(Resource):
    token: ClassVar[str] = "trial:index:Thing"

    def check(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        return {**inputs, "who": CALL.get().name}, [Failure("bad", "is bad")] if "bad" in inputs else []

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        found = detailed(old_inputs, new_inputs)
        return Diff(bool(found), found, replaces=["zone", "net"])

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        if inputs.get("mode") == "error":
            raise ProviderError("host a: cannot be reached")
        if inputs.get("mode") == "partial":
            raise PartialFailure("7", {"half": True}, inputs, ["half done"])
        if inputs.get("mode") == "fault":
            raise KeyError("x")
        return Created("1", inputs)

    def read(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        return None if id == "gone" else Read(id, {"seen": 1}, {"seen": 1})


class Trial(Provider):
    name = "trial"


@pytest.fixture
def stub() -> Iterator[Any]:
    server, port = listen(Trial([Thing()]), workers=4)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(None)


def create(stub: Any, inputs: Bag) -> Any:
    return stub.Create(provider_pb2.CreateRequest(urn=URN, properties=encode(inputs)))


def test_check_knows_the_resource_and_reports_failures(stub: Any) -> None:
    answer = stub.Check(provider_pb2.CheckRequest(urn=URN, news=encode({"bad": 1})))
    assert decode(answer.inputs)["who"] == "name"
    assert [(one.property, one.reason) for one in answer.failures] == [("bad", "is bad")]


def test_only_what_changed_replaces(stub: Any) -> None:
    def diff(old: Bag, new: Bag) -> Any:
        return stub.Diff(provider_pb2.DiffRequest(urn=URN, id="1", old_inputs=encode(old), news=encode(new)))

    plain = diff({"a": 1, "zone": "x"}, {"a": 2, "zone": "x"})
    assert (list(plain.replaces), dict(plain.detailedDiff)["a"].kind) == ([], 4)
    assert dict(plain.detailedDiff)["a"].inputDiff
    moved = diff({"zone": "x"}, {"zone": "y"})
    assert (list(moved.replaces), dict(moved.detailedDiff)["zone"].kind) == (["zone"], 5)
    same = diff({"zone": "x"}, {"zone": "x"})
    assert same.changes == provider_pb2.DiffResponse.DIFF_NONE


@pytest.mark.parametrize(
    ("mode", "code", "text"),
    [
        ("error", grpc.StatusCode.INVALID_ARGUMENT, "host a: cannot be reached"),
        ("fault", grpc.StatusCode.UNKNOWN, "unexpected KeyError at tests/providers_base/test_servicer.py:"),
    ],
)
def test_errors_are_one_clean_text(stub: Any, mode: str, code: Any, text: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        create(stub, {"mode": mode})
    assert caught.value.code() == code
    assert caught.value.details().startswith(text)
    assert "Traceback" not in caught.value.details()


def test_a_partial_failure_carries_what_was_made(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        create(stub, {"mode": "partial"})
    metadata = dict(caught.value.trailing_metadata())
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    assert (detail.id, list(detail.reasons), decode(detail.properties)) == ("7", ["half done"], {"half": True})


def test_what_is_gone_reads_as_an_empty_id(stub: Any) -> None:
    def read(id_: str) -> Any:
        return stub.Read(provider_pb2.ReadRequest(urn=URN, id=id_))

    assert read("gone").id == ""
    assert (read("7").id, decode(read("7").inputs)) == ("7", {"seen": 1})


def test_an_unknown_type_is_named(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Create(provider_pb2.CreateRequest(urn="urn:pulumi:t::p::trial:index:Other::n"))
    assert "trial does not know the type trial:index:Other; it knows: trial:index:Thing" in caught.value.details()

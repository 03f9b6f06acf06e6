"""The gRPC service between the engine and a provider's resource classes.

It stands on the SDK's raw stubs, because `pulumi.provider.experimental` gives no old inputs to diff and update, knows
no partial failure and mangles error texts.
"""

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from google.rpc import status_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc

from providers.base.diffing import detailed, top
from providers.base.resource import (
    CALL,
    Call,
    Created,
    Diff,
    Failure,
    PartialFailure,
    ProviderError,
    Read,
    Resource,
)
from providers.base.values import UNKNOWN, Asset, Bag, Secret, decode, encode

__all__ = [
    "CALL",
    "UNKNOWN",
    "Asset",
    "Bag",
    "Call",
    "Created",
    "Diff",
    "Failure",
    "PartialFailure",
    "Provider",
    "ProviderError",
    "Read",
    "Resource",
    "Secret",
]

_SEVERITIES = {
    "debug": engine_pb2.DEBUG,
    "info": engine_pb2.INFO,
    "warning": engine_pb2.WARNING,
    "error": engine_pb2.ERROR,
}
_ROOT = Path(__file__).resolve().parents[2]


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """A provider plugin: hands each RPC to the resource class it is about.

    Subclasses set `name` and `version`, pass their resources, and override `check_config`, `diff_config`, `configure`,
    `invoke` and `cancel` where they need to. Several RPCs run at once, each on its own thread.
    """

    name: ClassVar[str] = ""
    version: str = "0.0.0"

    def __init__(self, resources: Sequence[Resource] = ()) -> None:
        self.kinds: dict[str, Resource] = {}
        for resource in resources:
            resource.provider = self
            self.kinds[resource.token] = resource
        self.config: Bag = {}
        self.cancelled = False
        self._engine: Any = None

    # What a provider's author may override.

    def check_config(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        """The provider's own configuration, checked."""
        return inputs, []

    def diff_config(self, old_inputs: Bag, new_inputs: Bag) -> Diff:
        """What a changed configuration means; by default never a replacement of everything below it."""
        found = detailed(old_inputs, new_inputs)
        return Diff(bool(found), found)

    def configure(self, config: Bag) -> None:
        """Take the configuration. It may hold UNKNOWN in a preview. Connect later, at the first real call."""

    def invoke(self, token: str, args: Bag, *, preview: bool) -> Bag:
        """Answer a look-up."""
        raise ProviderError(f"{self.name} has no function {token}")

    def cancel(self) -> None:
        """The user asks to stop: let running calls end early."""

    def find(self, token: str) -> Resource:
        """The class behind a type token."""
        if (kind := self.kinds.get(token)) is None:
            known = ", ".join(sorted(self.kinds)) or "none"
            raise ProviderError(f"{self.name} does not know the type {token}; it knows: {known}")
        return kind

    def log(self, message: str, *, severity: str = "info", urn: str = "") -> None:
        """Show a message in the engine's own display. Lost, not fatal, if the engine is gone."""
        if self._engine is None:
            print(message, file=sys.stderr)
            return
        with contextlib.suppress(grpc.RpcError):
            self._engine.Log(engine_pb2.LogRequest(severity=_SEVERITIES[severity], message=message, urn=urn))

    # The RPCs, in the order the engine calls them.

    def Handshake(self, request: Any, context: Any) -> Any:
        self._connect(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: Any) -> Any:
        self._connect(request.address)
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self.version)

    def GetSchema(self, request: Any, context: Any) -> Any:
        return provider_pb2.GetSchemaResponse(schema=f'{{"name": "{self.name}", "version": "{self.version}"}}')

    def CheckConfig(self, request: Any, context: Any) -> Any:
        with self._answering(request, context):
            return _checked(self.check_config(decode(request.news), decode(request.olds)))

    def DiffConfig(self, request: Any, context: Any) -> Any:
        with self._answering(request, context):
            return _diffed(self.diff_config(decode(request.old_inputs), decode(request.news)))

    def Configure(self, request: Any, context: Any) -> Any:
        with self._answering(request, context):
            self.config = decode(request.args)
            self.configure(self.config)
            return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:
        with self._answering(request, context) as kind:
            return _checked(kind().check(decode(request.news), decode(request.olds)))

    def Diff(self, request: Any, context: Any) -> Any:
        with self._answering(request, context) as kind:
            olds, news = decode(request.old_inputs), decode(request.news)
            return _diffed(kind().diff(request.id, olds, decode(request.olds), news))

    def Create(self, request: Any, context: Any) -> Any:
        with self._answering(request, context) as kind:
            made = kind().create(decode(request.properties), preview=request.preview, timeout=request.timeout)
            return provider_pb2.CreateResponse(id=made.id, properties=encode(made.outputs))

    def Read(self, request: Any, context: Any) -> Any:
        with self._answering(request, context) as kind:
            seen = kind().read(request.id, decode(request.inputs), decode(request.properties))
            if seen is None:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(id=seen.id, properties=encode(seen.outputs), inputs=encode(seen.inputs))

    def Update(self, request: Any, context: Any) -> Any:
        with self._answering(request, context) as kind:
            olds, outputs, news = decode(request.old_inputs), decode(request.olds), decode(request.news)
            after = kind().update(request.id, olds, outputs, news, preview=request.preview)
            return provider_pb2.UpdateResponse(properties=encode(after))

    def Delete(self, request: Any, context: Any) -> Any:
        with self._answering(request, context) as kind:
            kind().delete(request.id, decode(request.old_inputs), decode(request.properties))
            return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:
        with self._answering(request, context):
            answer = self.invoke(request.tok, decode(request.args), preview=getattr(request, "preview", False))
            return getattr(provider_pb2, "InvokeResponse")(**{"return": encode(answer)})  # noqa: B009

    def Cancel(self, request: Any, context: Any) -> Any:
        self.cancelled = True
        self.cancel()
        return empty_pb2.Empty()

    # How they are answered.

    def _connect(self, address: str) -> None:
        if address:
            channel = grpc.insecure_channel(address)
            self._engine = engine_pb2_grpc.EngineStub(channel)

    @contextlib.contextmanager
    def _answering(self, request: Any, context: Any) -> Iterator[Callable[[], Resource]]:
        """Set what `CALL` tells, and turn exceptions into the errors the engine shows."""
        urn: str = getattr(request, "urn", "")
        parts = urn.split("::")
        # The type part of a URN lists the parents' types too: a$b$type.
        type_ = getattr(request, "type", "") or (parts[2].rsplit("$", 1)[-1] if len(parts) > 3 else "")
        name = getattr(request, "name", "") or (parts[3] if len(parts) > 3 else "")
        call = Call(urn, name, type_, getattr(request, "randomSeed", b""), getattr(request, "preview", False))
        token = CALL.set(call)
        try:
            yield lambda: self.find(type_)
        except PartialFailure as failure:
            _abort_partial(context, failure)
        except ProviderError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except NotImplementedError:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{type_} of {self.name} has no such operation")
        except Exception as error:
            context.abort(grpc.StatusCode.UNKNOWN, _unexpected(self.name, error))
        finally:
            CALL.reset(token)


def _checked(result: tuple[Bag, list[Failure]]) -> Any:
    inputs, failures = result
    return provider_pb2.CheckResponse(
        inputs=encode(inputs),
        failures=[provider_pb2.CheckFailure(property=one.property, reason=one.reason) for one in failures],
    )


def _diffed(diff: Diff) -> Any:
    response = provider_pb2.DiffResponse
    kinds = provider_pb2.PropertyDiff
    # A resource may name all that would force a replacement: only what changed does.
    changed = {*diff.detailed, *(top(path) for path in diff.detailed)}
    # Nothing changed means nothing is replaced: the engine would close a provider whose configuration says otherwise.
    replaces = {path for path in diff.replaces if diff.changes and (path in changed or not diff.detailed)}
    in_outputs = set(diff.in_outputs)
    entries = {}
    for path, kind in diff.detailed.items():
        replacing = path in replaces or top(path) in replaces
        entries[path] = kinds(
            kind=kinds.Kind.Value(f"{kind}_REPLACE" if replacing else kind), inputDiff=path not in in_outputs
        )
    return response(
        changes=response.DIFF_SOME if diff.changes else response.DIFF_NONE,
        replaces=sorted(replaces),
        stables=list(diff.stables),
        deleteBeforeReplace=diff.delete_before_replace,
        diffs=sorted({top(path) for path in diff.detailed}),
        detailedDiff=entries,
        hasDetailedDiff=bool(entries),
    )


def _abort_partial(context: Any, failure: PartialFailure) -> None:
    detail = provider_pb2.ErrorResourceInitFailed(
        id=failure.id, properties=encode(failure.outputs), inputs=encode(failure.inputs), reasons=failure.reasons
    )
    packed = any_pb2.Any()
    packed.Pack(detail)
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(failure), details=[packed])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, str(failure))


def _unexpected(provider: str, error: Exception) -> str:
    """One line for a fault of our own: the place in our code, and no stack trace."""
    where = ""
    for frame in traceback.extract_tb(error.__traceback__):
        file = Path(frame.filename)
        if file.is_relative_to(_ROOT) and file != Path(__file__).resolve():
            where = f" at {file.relative_to(_ROOT)}:{frame.lineno}"
    return f"unexpected {type(error).__name__}{where}: {error} (a fault of the {provider} provider, not of the program)"

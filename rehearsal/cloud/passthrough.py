"""Stand-ins that keep nothing themselves: what they are asked goes on to the real servers' HTTP APIs.

What they add is what an official provider does: strict inputs, a property bag for what the server tells, and no
difference where the server only writes the same thing in another way. With a plan-only cloud nothing is contacted.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from providers.base.diffing import top
from providers.base.resource import Created, Diff, Failure, PartialFailure, ProviderError, Read
from providers.base.values import Bag, Secret, contains_unknown, reveal
from rehearsal.cloud import schema
from rehearsal.cloud.checking import check_config
from rehearsal.cloud.kind import Kind, projected
from rehearsal.cloud.standin import StandIn
from rehearsal.cloud.world import World
from servers import Api, ApiError, System, from_environment
from servers.environment import TOKENS

PASSING: Final[tuple[System, ...]] = ("nomad", "consul", "vault")
# The same `up` restarts servers one by one, and each that led is followed by an election.
_PATIENCE: Final = 15.0
# Where an official provider would also take a token. Ours may come from the environment only: a provider's
# configuration is kept in the state.
_TOKEN_SETTINGS: Final = frozenset({"token", "secretId", "httpAuth", "authJwt", "headers"})


@dataclass(frozen=True)
class Found:
    """A thing as the server tells it: in the program's words, and what only the server knows."""

    inputs: Bag
    outputs: Bag = field(default_factory=dict)


class PassThrough(StandIn):
    """One provider instance: an address from its configuration, a token from the environment of its engine."""

    # Inputs of the enterprise editions, which would be passed over in silence.
    enterprise: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, world: World, environment: Mapping[str, str] | None = None) -> None:
        super().__init__(world)
        self._environment = dict(environment or {})
        self._api: Api | None = None
        self._lock = threading.Lock()
        # For things that can only be changed by reading all of them and writing them back.
        self.writing = threading.Lock()

    @property
    def system(self) -> System:
        return next(one for one in PASSING if one == self.name)

    def check_config(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        taken, failures = check_config(schema.provider(self.name), inputs)
        for key in sorted(inputs.keys() & _TOKEN_SETTINGS | {key for key in inputs if key.startswith("authLogin")}):
            failures.append(
                Failure(key, f"the state would keep it; tokens come from the environment only: {TOKENS[self.system]}")
            )
        return taken, failures

    def configure(self, config: Bag) -> None:
        """Nothing is connected here: the first call that needs the server does it."""

    @property
    def api(self) -> Api:
        with self._lock:
            if self._api is None:
                address = self.config_value("address")
                given = address if isinstance(address, str) and address else None
                self._api = from_environment(
                    self.system, given, environment=self._environment, timeout=20.0, patience=_PATIENCE
                )
            return self._api


class Passed(Kind):
    """One type of a real server. A subclass says how to find, write and remove it."""

    # Inputs that the server never tells, and those that are about the provider's own behaviour.
    unread: ClassVar[frozenset[str]] = frozenset()

    # What a subclass says.

    def place(self, inputs: Bag) -> str:
        """The id, where the inputs determine it; else nothing, and `send` tells it."""
        return ""

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        """Look at it; None when the server does not have it."""
        raise NotImplementedError

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        """Write it. `id` and `before` are empty for a new one. Tells the id."""
        raise NotImplementedError

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        """Take it away; it may be gone already."""
        raise NotImplementedError

    def canonical(self, key: str, value: Any) -> Any:
        """A form in which two ways of writing the same are equal."""
        plain = _bare(reveal(value))
        if key in self.rules.sets and isinstance(plain, list):
            return sorted(plain, key=repr)
        return plain

    # What the engine asks.

    @property
    def through(self) -> PassThrough:
        assert isinstance(self.provider, PassThrough)
        return self.provider

    @property
    def api(self) -> Api:
        return self.through.api

    @property
    def unasked(self) -> bool:
        """Whether nobody is asked, and the cloud's own state stands for what a server would hold."""
        return self.world.plan_only

    def check(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        taken, failures = super().check(inputs, olds)
        for key in sorted(self.through.enterprise & taken.keys()):
            failures.append(Failure(key, f"only the enterprise edition of {self.package} has it"))
        for key in {*self.schema.secret, *self.rules.secret} & taken.keys():
            if not isinstance(taken[key], Secret):
                taken[key] = Secret(taken[key])
        return taken, failures

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        diff = super().diff(id, old_inputs, old_outputs, new_inputs)
        # What the server may fill in and the program says no longer stays as it is.
        found = {
            path: kind
            for path, kind in diff.detailed.items()
            if not self._stays(top(path), new_inputs) and not self._alike(top(path), old_inputs, new_inputs)
        }
        replaces = [path for path in diff.replaces if path in found]
        # A thing that goes by its name cannot be there twice.
        first = bool(replaces) and bool(self.place(reveal(new_inputs))) and self._same_place(old_inputs, new_inputs)
        return Diff(bool(found), found, replaces, delete_before_replace=first)

    def _same_place(self, old_inputs: Bag, new_inputs: Bag) -> bool:
        return self.place(reveal(old_inputs)) == self.place(reveal(new_inputs))

    def _alike(self, key: str, old: Bag, new: Bag) -> bool:
        if contains_unknown(old.get(key)) or contains_unknown(new.get(key)):
            return False
        return bool(self.canonical(key, old.get(key)) == self.canonical(key, new.get(key)))

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        if preview or self.unasked:
            return super().create(inputs, preview=preview, timeout=timeout)
        with asking():
            id_ = self.send("", reveal(inputs), {})
        try:
            return Created(id_, self._outputs(id_, inputs))
        except ApiError as error:
            # It was written, so the state must know it.
            raise PartialFailure(id_, dict(inputs), inputs, [str(error)]) from error

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        """For a plan-only cloud, which keeps state and asks nobody."""
        return self.place(inputs) or f"planned-{serial}", {}, {}

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        if preview or self.unasked:
            return super().update(id, old_inputs, old_outputs, new_inputs, preview=preview)
        with asking():
            before = {key: value for key, value in reveal(old_inputs).items() if not self._stays(key, new_inputs)}
            self.send(id, reveal(new_inputs), before)
            return self._outputs(id, new_inputs)

    def _stays(self, key: str, new_inputs: Bag) -> bool:
        return key in self.rules.also_computed and key not in new_inputs

    def nothing(self, key: str) -> Any:
        """What empties an input on the server."""
        kind = self.schema.inputs.properties[key]
        form = kind[0] if isinstance(kind, list) else kind
        return {"string": "", "integer": 0, "number": 0, "boolean": False, "list": []}.get(form, {})

    def _outputs(self, id_: str, inputs: Bag) -> Bag:
        if (found := self.fetch(id_, reveal(inputs))) is None:
            raise ApiError(None, "not there", f"{self.name} {id_} was written and is not there: something took it away")
        outputs = {
            **found.inputs,
            **{key: value for key, value in inputs.items() if value is not None},
            **found.outputs,
        }
        return {**outputs, **self._guarded(inputs, outputs)}

    def read(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        if self.unasked:
            return super().read(id, inputs, outputs)
        try:
            found = self.fetch(id, reveal(inputs))
        except ApiError as error:
            if not inputs or not error.unavailable:
                raise ProviderError(str(error)) from error
            self.log(f"not looked at, so taken as it was: {error}", severity="warning")
            return Read(id, inputs, outputs)
        if found is None:
            return None
        fresh = self._seen(inputs, found.inputs)
        told = {**found.inputs, **fresh, **found.outputs}
        return Read(self.identity(id, fresh), fresh, {**told, **self._guarded(fresh, told)})

    def identity(self, id: str, inputs: Bag) -> str:  # noqa: A002
        """The id kept in the state, where people may import by another."""
        return self.place(reveal(inputs)) or id

    def _seen(self, inputs: Bag, found: Bag) -> Bag:
        """What is there, in the program's own spelling wherever it means the same."""
        fresh: Bag = {key: value for key, value in inputs.items() if key in self.unread}
        # What the server fills in by itself is nobody's edit; an import takes it, so that nothing is lost.
        left_alone = self.rules.also_computed if inputs else ()
        for key in {**inputs, **found}:
            if key in self.unread:
                continue
            if key not in inputs:
                if key not in left_alone and (bare := _bare(found[key])) is not None:
                    fresh[key] = bare
                continue
            seen = projected(inputs[key], found.get(key))
            if self.canonical(key, seen) == self.canonical(key, inputs[key]):
                fresh[key] = inputs[key]
            elif seen is not None:
                fresh[key] = seen
        return fresh

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        if self.unasked:
            super().delete(id, inputs, outputs)
            return
        with asking():
            self.remove(id, reveal(inputs), reveal(outputs))


@contextlib.contextmanager
def asking() -> Iterator[None]:
    """A server's refusal is for people to read."""
    try:
        yield
    except ApiError as error:
        raise ProviderError(str(error)) from error


def gone_already(api: Api, path: str, **params: Any) -> None:
    """Delete what may be away."""
    try:
        api.delete(path, **params)
    except ApiError as error:
        if error.status != 404 and "not found" not in error.text and "does not exist" not in error.text:
            raise


def _bare(value: Any) -> Any:
    """Without all that says nothing: servers leave out, or write out, what is empty."""
    if isinstance(value, Mapping):
        return {key: one for key, item in value.items() if (one := _bare(item)) is not None} or None
    if isinstance(value, list):
        return [_bare(item) for item in value] or None
    return None if value in ("", False, 0, None) else value

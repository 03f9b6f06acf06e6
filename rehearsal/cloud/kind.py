"""A stand-in for one resource type: strict like the official provider, and what differs is a few hooks.

A subclass says what the cloud refuses (`refuse`), what it fills in (`made`), and what happens in the world (`arrived`,
`changed`, `gone`). Nothing is ever found again by name: like the official providers, creating twice makes two.
"""

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from providers.base.diffing import detailed, top
from providers.base.resource import CALL, Created, Diff, Failure, PartialFailure, ProviderError, Read, Resource
from providers.base.values import UNKNOWN, Bag, Secret, reveal
from rehearsal.cloud import schema as schemas
from rehearsal.cloud.checking import check_bag
from rehearsal.cloud.rules import Rules, catalog, nested_required, rules_of
from rehearsal.cloud.store import Record

if TYPE_CHECKING:
    from rehearsal.cloud.standin import StandIn
    from rehearsal.cloud.world import World

_INDEX = re.compile(r"\[\d+\]")


class Refused(ProviderError):  # noqa: N818 - reads as what happened
    """What the cloud's own interface would answer."""


class Kind(Resource):
    """One resource type of an embedded cloud."""

    provider: "StandIn"

    @property
    def package(self) -> str:
        return self.token.partition(":")[0]

    @property
    def name(self) -> str:
        return self.token.rpartition(":")[2]

    @property
    def rules(self) -> Rules:
        return rules_of(self.package)[self.token]

    @property
    def schema(self) -> schemas.ResourceSchema:
        return schemas.resource(self.token)

    @property
    def world(self) -> "World":
        return self.provider.world

    # Hooks.

    def refine(self, inputs: Bag) -> list[Failure]:
        """What else is wrong with the inputs; unknown values must be let through."""
        return []

    def refuse(self, inputs: Bag, region: str) -> None:
        """Raise `Refused` for what the real interface would not accept: references to nothing, and the like."""

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        """A new resource's id, the outputs beside its inputs, and what the cloud keeps to itself."""
        return str(serial), {}, {}

    def arrived(self, record: Record) -> None:
        """It exists now: let the world show it."""

    def changed(self, record: Record, before: Record) -> None:
        """Its inputs changed in place."""

    def may_go(self, record: Record) -> None:
        """Raise `Refused` when something still stands on it."""

    def gone(self, record: Record) -> None:
        """It is away now."""

    def nested(self, inputs: Bag, outputs: Bag) -> Bag:
        """Properties of ours inside which the cloud fills something in: as before, or UNKNOWN for what is new."""
        return {}

    def find(self, id: str) -> Record | None:  # noqa: A002
        """The record behind an id, or behind what people write after `pulumi import`."""
        return self.world.store.get(self.package, self.name, id)

    # Beside the hooks.

    def region_of(self, inputs: Bag) -> str:
        """Where a resource lives."""
        given = inputs.get("region")
        return given if isinstance(given, str) else self.provider.region

    def check(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        taken, failures = check_bag(self.schema, inputs, nested_required(self.package))
        for key in self.rules.required:
            if key not in taken and not any(one.property == key for one in failures):
                failures.append(Failure(key, f"required by {self.name}, and missing"))
        self._name(taken, olds)
        for key, value in self.rules.defaults.items():
            taken.setdefault(key, value)
        failures += self._on_offer(taken)
        if not failures:
            failures += self.refine(taken)
        return taken, failures

    def _name(self, taken: Bag, olds: Bag) -> None:
        key = self.rules.autoname
        if not key or key in taken:
            return
        call = CALL.get()
        prefix = f"{call.name}-"
        before = reveal(olds.get(key))
        if isinstance(before, str) and re.fullmatch(re.escape(prefix) + "[0-9a-f]{7}", before):
            taken[key] = before
        else:
            taken[key] = prefix + hashlib.sha256(call.seed or call.urn.encode()).hexdigest()[:7]

    def _on_offer(self, taken: Bag) -> list[Failure]:
        failures: list[Failure] = []
        for key, list_name in self.rules.catalog.items():
            value = reveal(taken.get(key))
            if isinstance(value, str) and value not in (offer := catalog(self.package)[list_name]):
                failures.append(Failure(key, f"{self.package} has no {key} {value!r}; it has: {_some(offer)}"))
        for key, choices in self.rules.choices.items():
            value = reveal(taken.get(key))
            if isinstance(value, str) and value not in choices:
                failures.append(Failure(key, f"{value!r} is not one of {', '.join(choices)}"))
        for group in self.rules.conflicts:
            given = [key for key in group if taken.get(key) is not None]
            if len(given) > 1:
                failures.append(Failure(given[1], f"{given[1]} conflicts with {given[0]}: say one of them"))
        return failures

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        found = detailed(old_inputs, new_inputs)
        if not found:
            return Diff(False)
        for key in self.rules.sets:
            if any(top(path) == key for path in found) and _as_set(old_inputs, key) == _as_set(new_inputs, key):
                found = {path: kind for path, kind in found.items() if top(path) != key}
        replaces = [path for path in found if self.replaces(path, new_inputs)]
        key = self.rules.autoname
        # The official providers delete first when a new one would take a name that was chosen by hand.
        named = bool(key) and key in new_inputs and reveal(old_inputs.get(key)) == reveal(new_inputs.get(key))
        first = bool(replaces) and named and not re.search(r"-[0-9a-f]{7}\Z", str(reveal(new_inputs.get(key))))
        return Diff(bool(found), found, replaces, delete_before_replace=first)

    def replaces(self, path: str, new_inputs: Bag) -> bool:
        """Whether a change at this path needs a new resource."""
        plain = _INDEX.sub("", path)
        return any(plain == one or plain.startswith((f"{one}.", f'{one}["')) for one in self.rules.replace_on)

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        if preview:
            return Created("", {**inputs, **self._still_unknown(inputs), **self.nested(inputs, {})})
        plain: Bag = reveal(inputs)
        region = self.region_of(plain)
        with self.world.store.lock:
            self.refuse(plain, region)
            serial = self.world.store.number(f"{self.package}-{self.name}")
            id_, extra, private = self.made(plain, serial, region)
            record = Record(self.package, self.name, id_, region, plain, {**plain, **extra}, serial, private)
            self.world.store.put(record)
        try:
            self.arrived(record)
        except ProviderError as error:
            # It exists, and costs: the state must know it, or the next `up` would make a second one.
            raise PartialFailure(
                id_, {**record.outputs, **self._guarded(inputs, record.outputs)}, inputs, [str(error)]
            ) from error
        return Created(id_, {**record.outputs, **self._guarded(inputs, record.outputs)})

    def _still_unknown(self, inputs: Bag) -> Bag:
        # An unset input of ours that the cloud does not fill in stays unset.
        outputs, known = self.schema.outputs, self.schema.inputs.properties
        filled = {*self.rules.computed, *self.rules.also_computed}
        names = {name for name in outputs if name not in known} | filled
        return {name: UNKNOWN for name in names if name not in inputs}

    def _guarded(self, inputs: Bag, outputs: Bag) -> Bag:
        """Secrets stay wrapped on their way back into the state."""
        found: Bag = {key: value for key, value in inputs.items() if outputs.get(key) == reveal(value)}
        for key in {*self.rules.secret, *self.schema.secret}:
            if key in outputs and not isinstance(found.get(key), Secret):
                found[key] = Secret(found.get(key, outputs[key]))
        return found

    def read(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        if (record := self.find(id)) is None:
            return None
        if not inputs:
            return Read(record.id, dict(record.inputs), {**record.outputs, **self._guarded({}, record.outputs)})
        asked = {**inputs, **record.inputs}
        seen = {key: projected(asked[key], record.outputs[key]) for key in asked if key in record.outputs}
        fresh = {key: inputs[key] if reveal(inputs.get(key)) == value else value for key, value in seen.items()}
        return Read(record.id, fresh, {**record.outputs, **self._guarded(fresh, record.outputs)})

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        if preview:
            kept = self._surviving(old_inputs, old_outputs, new_inputs)
            return {**kept, **new_inputs, **self.nested(new_inputs, old_outputs)}
        plain: Bag = reveal(new_inputs)
        with self.world.store.lock:
            if (record := self.find(id)) is None:
                raise Refused(f"{self.name} {id} is not there any more: run `pulumi refresh` to make the state say so")
            self.refuse(plain, record.region)
            before = Record(**vars(record))
            kept = self._surviving(before.inputs, before.outputs, plain)
            record.outputs = {**kept, **plain, **self.nested(plain, before.outputs)}
            record.inputs = plain
            try:
                self.changed(record, before)
            except ProviderError:
                record.inputs, record.outputs = before.inputs, before.outputs
                raise
            self.world.store.put(record)
        self.altered(record, before)
        return {**record.outputs, **self._guarded(new_inputs, record.outputs)}

    def altered(self, record: Record, before: Record) -> None:
        """Its change is kept: let the world show it (outside the store's lock)."""
        self.arrived(record)

    @staticmethod
    def _surviving(old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Bag:
        return {key: value for key, value in old_outputs.items() if key in new_inputs or key not in old_inputs}

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        with self.world.store.lock:
            if (record := self.find(id)) is None:
                return
            self.may_go(record)
            self.world.store.drop(record)
        self.gone(record)


def _as_set(bag: Bag, key: str) -> list[str]:
    value = reveal(bag.get(key))
    if not isinstance(value, list):
        return [repr(value)]
    return sorted(json.dumps(item, sort_keys=True, default=repr) for item in value)


def _some(offer: Any, limit: int = 12) -> str:
    names = sorted(str(name) for name in offer)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def projected(asked: Any, found: Any) -> Any:
    """What was found, in the shape of what was asked: a nested value that the cloud computed by itself is no input."""
    plain = reveal(asked)
    if isinstance(plain, dict) and isinstance(found, dict):
        return {key: projected(plain[key], value) for key, value in found.items() if key in plain}
    if isinstance(plain, list) and isinstance(found, list) and len(plain) == len(found):
        return [projected(one, value) for one, value in zip(plain, found, strict=True)]
    return found

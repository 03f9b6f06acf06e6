"""A raw property bag against a schema: unknown, missing and wrongly typed properties, at any depth."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from providers.base.diffing import join
from providers.base.resource import Failure
from providers.base.values import UNKNOWN, Asset, Bag, Secret
from rehearsal.cloud.schema import ResourceSchema, Shape, Type

_NAMES = {"string": "a string", "integer": "a whole number", "number": "a number", "boolean": "true or false"}
# What the engine or the SDK add to every bag; the providers ignore them too.
_OF_THE_ENGINE = frozenset({"__defaults", "__internal"})


def check_bag(schema: ResourceSchema, bag: Bag, extra: Mapping[str, frozenset[str]]) -> tuple[Bag, list[Failure]]:
    """The bag as the provider takes it (numbers written as strings become numbers), and all that is wrong with it."""
    failures: list[Failure] = []
    return _object("", schema.inputs, bag, schema, extra, failures), failures


def check_config(schema: ResourceSchema, bag: Bag) -> tuple[Bag, list[Failure]]:
    """A provider's configuration: the SDK writes everything that is not a string as JSON text."""
    failures: list[Failure] = []
    plain = {key: _from_json(schema.inputs.properties.get(key), value) for key, value in bag.items()}
    ignored = {key: value for key, value in plain.items() if key not in ("version", "pluginDownloadURL")}
    _object("", schema.inputs, ignored, schema, {}, failures)
    return bag, failures


def _from_json(kind: Type, value: Any) -> Any:
    if isinstance(value, Secret):
        value = value.value
    if isinstance(value, str) and kind is not None and kind != "string":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _object(
    path: str,
    shape: Shape,
    bag: Bag,
    schema: ResourceSchema,
    extra: Mapping[str, frozenset[str]],
    failures: list[Failure],
    more: frozenset[str] = frozenset(),
) -> Bag:
    taken: Bag = {}
    for key, value in bag.items():
        if key in _OF_THE_ENGINE or value is None:
            continue
        at = join(path, key)
        if (kind := shape.properties.get(key)) is None:
            failures.append(Failure(at, f"unknown property of {_where(path, schema)}{_nearest(key, shape.properties)}"))
            continue
        taken[key] = _value(at, kind, value, schema, extra, failures)
    for key in sorted((shape.required | more) - taken.keys()):
        failures.append(Failure(join(path, key), f"required by {_where(path, schema)}, and missing"))
    return taken


def _where(path: str, schema: ResourceSchema) -> str:
    kind = schema.token.rpartition(":")[2]
    return f"{path} of {kind}" if path else kind


def _nearest(key: str, known: Mapping[str, Any]) -> str:
    flat = key.replace("_", "").lower()
    near = [
        name for name in known if name.lower() == flat or name.lower().startswith(flat) or flat.startswith(name.lower())
    ]
    return f"; did you mean {near[0]}?" if near else f"; it has: {', '.join(sorted(known))}"


def _value(
    path: str,
    kind: Type,
    value: Any,
    schema: ResourceSchema,
    extra: Mapping[str, frozenset[str]],
    failures: list[Failure],
) -> Any:
    if isinstance(value, Secret):
        inner = _value(path, kind, value.value, schema, extra, failures)
        return value if inner is value.value else Secret(inner)
    if value is UNKNOWN or kind == "any":
        return value
    if isinstance(kind, list):
        form, inside = kind
        if form == "list" and isinstance(value, list):
            items = enumerate(value)
            return [_value(join(path, index), inside, item, schema, extra, failures) for index, item in items]
        if form == "map" and isinstance(value, dict):
            return {key: _value(join(path, key), inside, item, schema, extra, failures) for key, item in value.items()}
        if form == "object" and isinstance(value, dict):
            more = extra.get(inside, frozenset())
            return _object(path, schema.objects[inside], value, schema, extra, failures, more)
        expected = {"list": "a list", "map": "a mapping", "object": "an object"}[form]
        failures.append(Failure(path, f"must be {expected}, not {_named(value)}"))
        return value
    return _scalar(path, kind, value, failures)


def _scalar(path: str, kind: str, value: Any, failures: list[Failure]) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "string" and isinstance(value, str):
        return value
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "number" and number:
        return value
    if kind == "integer" and number and float(value).is_integer():
        return value
    if kind == "integer" and isinstance(value, str) and value.isdecimal():
        # The official providers take a resource's id (always a string) where the API wants a number.
        return int(value)
    if kind == "asset" and isinstance(value, Asset):
        return value
    failures.append(Failure(path, f"must be {_NAMES.get(kind, 'a file')}, not {_named(value)}"))
    return value


def _named(value: Any) -> str:
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, Asset):
        return "a file"
    return "a string"


def unresolved(value: Any, path: str) -> Iterator[str]:
    """Where a value still holds something unknown."""
    if value is UNKNOWN:
        yield path
    elif isinstance(value, Secret):
        yield from unresolved(value.value, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from unresolved(item, join(path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unresolved(item, join(path, index))

"""Property bags as plain Python, and back.

The engine sends a resource's properties as a protobuf `Struct`. What JSON cannot say (secret, unknown, asset) travels
as an object with a signature key, or as a reserved string. Here those become `Secret`, `UNKNOWN` and `Asset`; all else
is dict, list, str, int, float, bool and None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from google.protobuf import struct_pb2

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"
_ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
_ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
_RESOURCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
# The engine knows one reserved string for each type an unknown value may turn out to have.
_UNKNOWN_STRINGS: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
_UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_LARGEST_EXACT: Final = 2**53

Bag = dict[str, Any]


class Unknown:
    """A value that only an `up` can tell. There is one of it: `UNKNOWN`."""

    _one: "Unknown | None" = None

    def __new__(cls) -> "Unknown":
        if cls._one is None:
            cls._one = super().__new__(cls)
        return cls._one

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __iter__(self) -> NoReturn:
        raise TypeError("an unknown value cannot be walked through: ask `value is UNKNOWN` first")

    def __deepcopy__(self, _memo: object) -> "Unknown":
        return self

    def __copy__(self) -> "Unknown":
        return self


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value the engine encrypts in the state. Its text never shows in `repr`."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(…)"


@dataclass(frozen=True)
class Asset:
    """A file given to a resource by path, text or address. Two assets are the same when their hashes are.

    The engine sends only path and hash of a file: the path is relative to the program's folder, which is also the
    working folder of a provider that the engine started.
    """

    path: str | None = None
    text: str | None = None
    uri: str | None = None
    hash: str = ""
    archive: bool = False

    def same_as(self, other: object) -> bool:
        """Whether the content is the same, wherever it comes from."""
        return isinstance(other, Asset) and bool(self.hash) and self.hash == other.hash


def decode(struct: Any) -> Bag:
    """A protobuf `Struct` as a plain dictionary."""
    return {key: _decode(value) for key, value in struct.fields.items()}


def _decode(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        text: str = value.string_value
        # Only strings of a UUID's length can be one of the reserved ones.
        return UNKNOWN if len(text) == 36 and text in _UNKNOWN_STRINGS else text
    if kind == "number_value":
        number: float = value.number_value
        return int(number) if number.is_integer() and abs(number) <= _LARGEST_EXACT else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_decode(item) for item in value.list_value.values]
    if kind == "struct_value":
        fields = value.struct_value.fields
        return _special(fields) if _SIGNATURE in fields else {key: _decode(item) for key, item in fields.items()}
    return None


def _special(fields: Any) -> Any:
    signature = fields[_SIGNATURE].string_value
    if signature == _SECRET:
        return Secret(_decode(fields["value"]))
    if signature == _OUTPUT:
        inner = _decode(fields["value"]) if "value" in fields else UNKNOWN
        return Secret(inner) if "secret" in fields and fields["secret"].bool_value else inner
    if signature in (_ASSET, _ARCHIVE):
        part = {name: fields[name].string_value if name in fields else None for name in ("path", "text", "uri")}
        digest = fields["hash"].string_value if "hash" in fields else ""
        return Asset(**part, hash=digest, archive=signature == _ARCHIVE)
    if signature == _RESOURCE:
        return _decode(fields["id"]) if "id" in fields else fields["urn"].string_value
    raise ValueError(f"a property carries the signature {signature}, which this provider does not know")


def encode(bag: Mapping[str, Any]) -> Any:
    """A plain dictionary as a protobuf `Struct`."""
    struct = struct_pb2.Struct()
    fields = struct.fields
    for key, value in bag.items():
        _encode(value, fields[key])
    return struct


def _encode(value: Any, into: Any) -> None:
    if isinstance(value, str):
        into.string_value = value
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int | float):
        into.number_value = value
    elif value is None:
        into.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, Mapping):
        # An empty object must be an object and not a null: touching the field makes it present.
        into.struct_value.SetInParent()
        fields = into.struct_value.fields
        for key, item in value.items():
            _encode(item, fields[key])
    elif isinstance(value, list | tuple):
        into.list_value.SetInParent()
        values = into.list_value.values
        for item in value:
            _encode(item, values.add())
    elif value is UNKNOWN:
        into.string_value = _UNKNOWN_STRING
    elif isinstance(value, Secret):
        fields = into.struct_value.fields
        fields[_SIGNATURE].string_value = _SECRET
        _encode(value.value, fields["value"])
    elif isinstance(value, Asset):
        fields = into.struct_value.fields
        fields[_SIGNATURE].string_value = _ARCHIVE if value.archive else _ASSET
        for name in ("path", "text", "uri", "hash"):
            if part := getattr(value, name):
                fields[name].string_value = part
        if value.text == "":
            fields["text"].string_value = ""
    else:
        raise TypeError(f"a property value of type {type(value).__name__} cannot travel to the engine")


def reveal(value: Any) -> Any:
    """The same value without its `Secret` wrappers, at any depth. Unchanged parts are not copied."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, dict):
        parts = {key: reveal(item) for key, item in value.items()}
        return parts if any(parts[key] is not value[key] for key in parts) else value
    if isinstance(value, list):
        items = [reveal(item) for item in value]
        return items if any(one is not other for one, other in zip(items, value, strict=True)) else value
    return value


def contains_unknown(value: Any) -> bool:
    """Whether the value, or anything inside it, is unknown."""
    if value is UNKNOWN:
        return True
    if isinstance(value, Secret):
        return contains_unknown(value.value)
    if isinstance(value, dict):
        return any(contains_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(contains_unknown(item) for item in value)
    return False

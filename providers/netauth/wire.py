"""NetAuth's second protocol over gRPC, as far as the fleet speaks it.

The messages are described here by their numbers on the wire and built at start: no generated code, and nobody else's
definition file in the repository. What a server says beyond this is kept out by the parser as unknown.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE: Final = "/netauth.v2.NetAuth2/"

# Capability -> number on the wire.
CAPABILITIES: Final[dict[str, int]] = {
    "GLOBAL_ROOT": 0,
    "CREATE_ENTITY": 10,
    "DESTROY_ENTITY": 11,
    "MODIFY_ENTITY_META": 12,
    "MODIFY_ENTITY_KEYS": 13,
    "CHANGE_ENTITY_SECRET": 14,
    "LOCK_ENTITY": 15,
    "UNLOCK_ENTITY": 16,
    "CREATE_GROUP": 20,
    "DESTROY_GROUP": 21,
    "MODIFY_GROUP_META": 22,
    "MODIFY_GROUP_MEMBERS": 23,
}
CAPABILITY_NAMES: Final = {number: name for name, number in CAPABILITIES.items()}
ADD, DROP, READ = 1, 2, 6

# Message -> (field, number, type); a list of a type is written with a star. A type is text, int, bool or a message.
_MESSAGES: Final[dict[str, tuple[tuple[str, int, str], ...]]] = {
    "Empty": (),
    "Meta": (
        ("primary_group", 1, "text"),
        ("display_name", 4, "text"),
        ("home", 5, "text"),
        ("shell", 6, "text"),
        ("locked", 9, "bool"),
        ("groups", 250, "text*"),
        ("capabilities", 251, "int*"),
        ("keys", 252, "text*"),
    ),
    "Entity": (("id", 1, "text"), ("number", 2, "int"), ("secret", 3, "text"), ("meta", 4, "Meta")),
    "Group": (
        ("name", 1, "text"),
        ("display_name", 2, "text"),
        ("number", 3, "int"),
        ("managed_by", 5, "text"),
        ("capabilities", 50, "int*"),
        ("expansions", 51, "text*"),
    ),
    "EntityRequest": (("entity", 1, "Entity"), ("data", 2, "Entity")),
    "GroupRequest": (("group", 1, "Group"),),
    "KeyRequest": (("target", 1, "text"), ("action", 2, "int"), ("key", 3, "text"), ("value", 4, "text")),
    "AuthRequest": (("entity", 1, "Entity"), ("secret", 2, "text"), ("token", 98, "text")),
    "AuthResult": (("token", 1, "text"),),
    "CapabilityRequest": (
        ("capability", 1, "int"),
        ("direct", 2, "bool"),
        ("target", 3, "text"),
        ("action", 4, "int"),
    ),
    "SearchRequest": (("expression", 1, "text"),),
    "Entities": (("entities", 1, "Entity*"),),
    "Groups": (("groups", 1, "Group*"),),
    "Texts": (("strings", 1, "text*"),),
    "Status": (("ok", 1, "bool"),),
}

Method = Literal[
    "EntityCreate",
    "EntityUpdate",
    "EntityInfo",
    "EntitySearch",
    "EntityKeys",
    "EntityLock",
    "EntityUnlock",
    "AuthEntity",
    "AuthGetToken",
    "AuthChangeSecret",
    "GroupCreate",
    "GroupUpdate",
    "GroupInfo",
    "GroupSearch",
    "GroupAddMember",
    "GroupDelMember",
    "GroupDestroy",
    "GroupMembers",
    "SystemCapabilities",
    "SystemStatus",
]
# Method -> (what goes, what comes).
METHODS: Final[dict[Method, tuple[str, str]]] = {
    "EntityCreate": ("EntityRequest", "Empty"),
    "EntityUpdate": ("EntityRequest", "Empty"),
    "EntityInfo": ("EntityRequest", "Entities"),
    "EntitySearch": ("SearchRequest", "Entities"),
    "EntityKeys": ("KeyRequest", "Texts"),
    "EntityLock": ("EntityRequest", "Empty"),
    "EntityUnlock": ("EntityRequest", "Empty"),
    "AuthEntity": ("AuthRequest", "Empty"),
    "AuthGetToken": ("AuthRequest", "AuthResult"),
    "AuthChangeSecret": ("AuthRequest", "Empty"),
    "GroupCreate": ("GroupRequest", "Empty"),
    "GroupUpdate": ("GroupRequest", "Empty"),
    "GroupInfo": ("GroupRequest", "Groups"),
    "GroupSearch": ("SearchRequest", "Groups"),
    "GroupAddMember": ("EntityRequest", "Empty"),
    "GroupDelMember": ("EntityRequest", "Empty"),
    "GroupDestroy": ("GroupRequest", "Empty"),
    "GroupMembers": ("GroupRequest", "Entities"),
    "SystemCapabilities": ("CapabilityRequest", "Empty"),
    "SystemStatus": ("Empty", "Status"),
}

_PACKAGE: Final = "fleet.netauth"
_FIELD = descriptor_pb2.FieldDescriptorProto
# An enumeration travels as a number like any other.
_TYPES: Final = {"text": _FIELD.TYPE_STRING, "int": _FIELD.TYPE_INT32, "bool": _FIELD.TYPE_BOOL}


def _described() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="fleet/netauth", package=_PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for called, number, kind in fields:
            plain = kind.rstrip("*")
            field = message.field.add(
                name=called,
                number=number,
                label=_FIELD.LABEL_REPEATED if kind.endswith("*") else _FIELD.LABEL_OPTIONAL,
                type=_TYPES.get(plain, _FIELD.TYPE_MESSAGE),
            )
            if plain not in _TYPES:
                field.type_name = f".{_PACKAGE}.{plain}"
    return file


_POOL: Final = descriptor_pool.DescriptorPool()
_POOL.Add(_described())
_CLASSES: Final[dict[str, Any]] = {
    name: message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
}


def message(kind: str, /, **fields: Any) -> Any:
    """A message of a kind with these fields."""
    return _CLASSES[kind](**fields)


def parser(kind: str) -> Any:
    """What turns bytes into a message."""
    return _CLASSES[kind].FromString

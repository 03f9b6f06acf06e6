"""What an OpenSSH public key is made of, and whether it is good enough to come in with. Pure: asks no program."""

from __future__ import annotations

import base64
import binascii

RSA_BITS = 3072
GOOD = ("ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ssh-rsa")
_P = 2**255 - 19
# The points of small order of the curve, by their y: whoever shows one of these as a key can be anybody's.
_ROOT = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
_SMALL_ORDER = frozenset({0, 1, _P - 1, _ROOT, _P - _ROOT})


class Unreadable(ValueError):  # noqa: N818  (reads as what it is: `except Unreadable`)
    """What stands there is no key."""


def body(key: str) -> str:
    """The key without the comment: what makes it this key and no other."""
    kind, blob = key.split(" ")[:2]
    return f"{kind} {blob}"


def fields(key: str) -> list[bytes]:
    """The parts of a key's inner form, the type first. Raises Unreadable."""
    kind, blob = body(key).split(" ")
    try:
        rest = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("it is no base64") from None
    found = []
    while rest:
        length = int.from_bytes(rest[:4], "big")
        if len(rest) < 4 + length:
            raise Unreadable("it ends too early")
        found.append(rest[4 : 4 + length])
        rest = rest[4 + length :]
    if not found or found[0] != kind.encode():
        raise Unreadable(f"inside it is not {kind}")
    return found


def weakness(key: str) -> str | None:
    """Why a key is not good enough, in words that go on from "the key"; None if it is."""
    kind = key.split(" ")[0]
    if kind == "ssh-dss":
        return "is DSA, which is too short to be safe"
    if kind.startswith(("ecdsa-", "sk-ecdsa-")):
        return "is ECDSA, which one bad random number gives away"
    if kind not in GOOD:
        return f"is of the type {kind}, which is not taken here"
    try:
        parts = fields(key)
    except Unreadable as why:
        return f"cannot be read: {why}"
    if len(parts) != (2 if kind == "ssh-ed25519" else 3):
        return "cannot be read: it has not the parts of its type"
    return _rsa(parts[2]) if kind == "ssh-rsa" else _ed25519(parts[1])


def _rsa(modulus: bytes) -> str | None:
    bits = int.from_bytes(modulus, "big").bit_length()
    return f"is RSA of {bits} bits, and {RSA_BITS} are the least" if bits < RSA_BITS else None


def _ed25519(point: bytes) -> str | None:
    if len(point) != 32:
        return "cannot be read: a key of this type has 32 bytes"
    y = int.from_bytes(point, "little") & (2**255 - 1)
    return "is a point of small order, which anybody can sign for" if y % _P in _SMALL_ORDER else None

"""Plausible identifiers and dates, the same for the same thing."""

import datetime
import hashlib
import uuid


def born() -> str:
    """The moment a resource was made, as the clouds write it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fake_uuid(*of: object) -> str:
    """A UUID that follows from its arguments."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, of))))


def hexed(length: int, *of: object) -> str:
    """Hexadecimal digits that follow from the arguments."""
    return hashlib.sha256("/".join(map(str, of)).encode()).hexdigest()[:length]

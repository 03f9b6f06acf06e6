"""Small values as Nomad's API takes them."""

from __future__ import annotations

from typing import Any

from model.registration import seconds


def nanoseconds(duration: str | None) -> int | None:
    """A duration such as 15s, as the API counts it."""
    return None if duration is None else round(seconds(duration) * 1_000_000_000)


def said(**fields: Any) -> dict[str, Any]:
    """The fields that say something: what is left out is Nomad's to decide."""
    return {key: value for key, value in fields.items() if value is not None and value != []}

"""What the servers' and the agents' layers want of each host. Pure."""

from __future__ import annotations

from typing import Any

from model import Fleet


def states(fleet: Fleet, layer: str) -> dict[str, dict[str, Any]]:
    """Each host's desired state in one of the two layers."""
    return {}

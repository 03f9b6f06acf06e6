"""How people reach the three APIs."""

from __future__ import annotations

from hostconfig.desired import Desired
from hostconfig.parts import Part, Platform


def ways_in(_desired: Desired, _platform: Platform) -> Part:
    """Nothing yet."""
    return Part()

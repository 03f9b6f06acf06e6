"""The private authorities between agents."""

from __future__ import annotations

from hostconfig.desired import Desired
from hostconfig.parts import Part, Platform


def pki(_desired: Desired, _platform: Platform) -> Part:
    """Nothing yet."""
    return Part()

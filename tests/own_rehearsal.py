"""A rehearsal of a test's own, beside any that runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rehearsal.testhosts import base, clean, settings


@contextmanager
def own_rehearsal(name: str, prefix: str, subnet: str) -> Iterator[Path]:
    """A folder, prefix and subnet no other has; the same each time, so that a crashed run is cleaned."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLEET_RUN", f"{settings.run()}-{name}")
        patch.setenv("FLEET_NET_PREFIX", prefix)
        patch.setenv("FLEET_NET_SUBNET", subnet)
        base.ensure()
        clean.all()
        try:
            yield settings.run()
        finally:
            clean.all()

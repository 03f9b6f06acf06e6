"""The real program, and an empty origin for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.man_site.made import Origin
from toolchain.servers import ensure_servers


@pytest.fixture(scope="session")
def program() -> Path:
    """fleet-man, as hosts have it."""
    return ensure_servers() / "bin" / "fleet-man"


@pytest.fixture
def origin(tmp_path: Path, program: Path) -> Origin:
    """An origin without packages."""
    (tmp_path / "origin").mkdir()
    return Origin(tmp_path / "origin", program)

"""Brings the rehearsal up once for all of its tests and leaves it running, as `make rehearsal` would."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from tests.rehearsal.support import Rehearsed
from toolchain.places import ROOT


@pytest.fixture(scope="session")
def rehearsed() -> Rehearsed:
    """The running rehearsal, on the project's own data."""
    if platform.system() != "Linux" or os.geteuid() != 0:
        # The only reason to skip: what these tests need cannot be had here.
        pytest.skip("test hosts need root on Linux")
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal", "up"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=1800
    )
    # What failed is on standard output, after all that was told on the way.
    said = (done.stderr + done.stdout)[-4000:]
    print(said)
    assert done.returncode == 0, f"the rehearsal does not come up:\n{said}"
    return Rehearsed()

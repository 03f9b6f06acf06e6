"""The certificate on a mirror's disk: only a good one is taken, at once and whole, and the last good one stays."""

from __future__ import annotations

import os
import re
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.certificates.made import pair
from tests.certificates.runs import FILES

pytestmark = pytest.mark.servers


class Mirror:
    """What the job sees on a mirror."""

    def __init__(self, folder: Path) -> None:
        self.secrets, self.disk = folder / "secrets", folder / "front"
        self.secrets.mkdir()
        self.disk.mkdir()
        self.live = self.disk / "certificate.pem"

    def given(self, text: str) -> str:
        """Run once on what Nomad has rendered; what it said."""
        (self.secrets / "front.pem").write_text(text)
        env = {"PATH": os.environ["PATH"], "NOMAD_SECRETS_DIR": str(self.secrets), "FOLDER": str(self.disk)}
        env["OWNER"] = f"{os.getuid()}:{os.getgid()}"
        command = ["sh", str(FILES / "front-certificate" / "keep"), "once"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=30)
        return done.stdout


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path)


def test_a_good_one_is_taken_and_told_to_prometheus(mirror: Mirror) -> None:
    chain, key = pair("one")
    assert "taken: notAfter=" in mirror.given(f"{chain}\n{key}")
    assert mirror.live.read_text() == f"{chain}\n{key}"
    assert mirror.live.stat().st_mode & 0o777 == 0o600
    metric = (mirror.disk / "certificate.prom").read_text()
    found = re.search(r'^fleet_certificate_ends_timestamp_seconds\{certificate="front"\} (\d+)$', metric, re.MULTILINE)
    assert found
    assert 89 * 86400 < int(found[1]) - time.time() <= 90 * 86400
    assert key not in metric
    assert mirror.given(f"{chain}\n{key}") == "", "nothing new"
    assert sorted(path.name for path in mirror.disk.iterdir()) == ["certificate.pem", "certificate.prom"]


def test_what_is_not_good_is_never_taken(mirror: Mirror) -> None:
    chain, key = pair("one")
    other, other_key = pair("other")
    over, over_key = pair("over", datetime.now(UTC) - timedelta(hours=1))
    cases = {
        "there is none yet": "",
        "it cannot be read": "\n\n",
        "its key cannot be read": chain,
        "it is of another key": f"{chain}{other_key}",
        "its chain is cut off": f"{chain}{other[: len(other) // 2]}\n{key}",
        "it has ended": f"{over}{over_key}",
    }
    for reason, text in cases.items():
        said = mirror.given(text)
        assert f"not taken: {reason}" in said, (reason, said)
        assert "nothing to serve: there is none yet" in said
        assert not mirror.live.exists()
    mirror.given(f"{chain}{key}")
    before = mirror.live.read_text()
    for reason, text in cases.items():
        assert f"not taken: {reason}; what is there stays" in mirror.given(text)
        assert mirror.live.read_text() == before
    assert "taken: " in mirror.given(f"{other}{other_key}")


def test_going_back_is_said(mirror: Mirror) -> None:
    longer, longer_key = pair("longer", days=90)
    shorter, shorter_key = pair("shorter", days=40)
    mirror.given(f"{longer}{longer_key}")
    assert "somebody has gone back" in mirror.given(f"{shorter}{shorter_key}")


def test_a_killed_run_leaves_what_was_there(mirror: Mirror) -> None:
    chain, key = pair("one")
    mirror.given(f"{chain}{key}")
    (mirror.disk / ".certificate.pem.new").write_text(chain[:100])
    second, second_key = pair("second")
    assert "taken: " in mirror.given(f"{second}{second_key}")
    assert mirror.live.read_text() == f"{second}{second_key}"

"""The base is built whole or not at all, whatever interrupts it."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rehearsal.testhosts import base, packages
from tests.servers.real import wait_for
from toolchain import servers

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux"),
]
REPOSITORY = Path(__file__).resolve().parents[2]


def mentioning(text: str) -> list[str]:
    """Command lines of living processes that name this text."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in words:
            found.append(words)
    return found


def test_a_killed_build_leaves_nothing_that_goes_on_and_the_next_one_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = servers.servers_folder()
    monkeypatch.setenv("FLEET_CACHE", str(tmp_path / "cache"))
    servers.servers_folder().parent.mkdir(parents=True)
    servers.servers_folder().symlink_to(known)
    build = [sys.executable, "-c", "from rehearsal.testhosts import base; base.ensure()"]
    late = []
    for seconds in (0.0, 7.0):
        child = subprocess.Popen(build, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while not mentioning(str(tmp_path)):
            assert time.monotonic() < end, "a build in progress must show, else its absence proves nothing"
            time.sleep(0.1)
        time.sleep(seconds)
        assert mentioning(str(tmp_path))
        child.kill()
        child.wait()
        killed = time.monotonic()
        wait_for("the end of all that the build began", lambda: not mentioning(str(tmp_path)), 60.0)
        late += [took] if (took := time.monotonic() - killed) > 5 else []
        assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
        assert not base.path().exists()
    # One may have waited for the disk, which others write to.
    assert len(late) < 2, late
    said: list[str] = []
    root = base.ensure(said.append)
    assert any("s left" in line for line in said)
    assert (root / "usr/sbin/policy-rc.d").stat().st_mode & 0o777 == 0o755
    assert not (root / "usr/bin/python3").exists()
    assert [entry.name for entry in (root / "etc/service").iterdir()] == ["sshd"], "nothing else starts by itself"
    asked = ["chroot", str(root), "dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", *servers.SERVERS]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    assert dict(zip(said[::2], said[1::2], strict=True)) == dict.fromkeys(servers.SERVERS, "ii")
    accounts = (root / "etc/passwd").read_text()
    assert all(f"\n{name}:x:" in accounts for name in servers.SERVERS)
    assert sorted(p.name for p in (root / "var/tmp").iterdir()) == []
    size = sum(p.lstat().st_blocks for p in root.rglob("*")) * 512
    assert size < 900e6, f"{size / 1e6:.0f} MB: what all hosts share must stay small"
    assert not list(root.glob("etc/ssh/ssh_host_*"))
    assert [line for line in (root / "etc/apt/sources.list").read_text().splitlines() if "10." not in line] == []
    assert (packages.path(base.recipe()) / "Packages.gz").exists()
    assert sorted(entry.name for entry in (tmp_path / "cache").iterdir() if "tmp" in entry.name) == []
    told: list[str] = []
    assert base.ensure(told.append) == root
    assert told == [], "it is built once"
    shutil.rmtree(tmp_path / "cache")

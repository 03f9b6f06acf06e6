"""What a pull does on its own side: a full disk, an end in the middle, two at once, what is deleted, what is hidden."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.harness import ROOT
from tests.servers.real import free_ports, wait_for
from tests.services.origin import RSYNC, XBPS, Origin, listens, origin, pull, visible, way, written
from tests.services.repository import INDEX, Reader, Repository, changing, misses, write

pytestmark = pytest.mark.servers


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "tree" / "current").fill(12)


@pytest.fixture
def source(tmp_path: Path, repository: Repository) -> Iterator[Origin]:
    with origin(tmp_path / "origin", repository.folder.parent) as it:
        yield it


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    return folder


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[tuple[str, ...]]:
    """A file system of so many bytes at a place, in a namespace of its own. Yields the words that enter it."""
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    hold = f"mount -t tmpfs -o size={size},mode=755 none {place} && echo there && exec cat"
    words = ["unshare", *own, "--mount", "sh", "-c", hold]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"there\n"
        yield ("nsenter", "-t", str(holder.pid), *(["--preserve-credentials", "-U"] if own else []), "-m")
        assert holder.stdin is not None
        holder.stdin.close()


def test_a_full_disk_leaves_the_old_whole_and_a_larger_one_is_filled(
    tmp_path: Path, repository: Repository, source: Origin, copy: Path
) -> None:
    def go() -> int:
        return pull(tmp_path, source.port, copy, words=enter, **XBPS, keep="0s").returncode

    with small_disk(copy, "2m") as enter:
        inside = Path(f"/proc/{enter[2]}/root{copy}")
        reader = Reader(inside / "current")
        with reader.reading():
            repository.put(repository.made("old", 900_000))
            repository.index()
            assert go() == 0
            index, record = (inside / "current" / INDEX).read_bytes(), (inside / "fresh.prom").read_text()
            repository.put(repository.made("big", 3_000_000))
            repository.index()
            for _ in range(2):
                assert go() != 0
                assert (inside / "current" / INDEX).read_bytes() == index
                assert misses(inside / "current") == []
                assert (inside / "fresh.prom").read_text() == record
            subprocess.run([*enter, "mount", "-o", "remount,size=8m", str(copy)], check=True)
            assert go() == 0
            assert misses(inside / "current") == []
            assert (inside / "current" / INDEX).read_bytes() == (repository.folder / INDEX).read_bytes()
        assert reader.wrong == []


def test_what_has_gone_makes_room_on_a_full_disk(
    tmp_path: Path, repository: Repository, source: Origin, copy: Path
) -> None:
    def go() -> int:
        return pull(tmp_path, source.port, copy, words=enter, **XBPS, keep="0s").returncode

    with small_disk(copy, "3m") as enter:
        inside = Path(f"/proc/{enter[2]}/root{copy}")
        old = repository.made("old", 1_500_000)
        repository.put(old)
        repository.index()
        assert go() == 0
        repository.packages.pop(old)
        repository.index()
        repository.drop(old)
        assert go() == 0  # the old one is named no more, and stays for now
        assert (inside / "current" / old).exists()
        repository.put(repository.made("big", 2_000_000))
        repository.index()
        assert [go() == 0 for _ in range(2)] == [False, True]
        assert misses(inside / "current") == []


def test_a_pull_that_is_killed_at_any_moment_is_healed_by_the_next(
    tmp_path: Path, repository: Repository, source: Origin, copy: Path
) -> None:
    chance = random.Random(3)
    reader = Reader(copy / "current")
    assert pull(tmp_path, source.port, copy, **XBPS).returncode == 0
    with reader.reading():
        for _ in range(12):
            with changing(repository, 0.1):
                process = subprocess.Popen(
                    [str(written(tmp_path, source.port, copy, **XBPS, keep="2s"))],
                    start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip
                time.sleep(chance.uniform(0.05, 1.2))
                # The script, and what it has started in a group of its own.
                subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=False)
                process.wait()
        # What was just being started may have outlived it for a moment, and then holds the lock.
        wait_for("a pull", lambda: pull(tmp_path, source.port, copy, **XBPS).returncode == 0, 20)
    assert reader.wrong == []
    assert reader.passes > 10
    assert misses(copy / "current") == []
    assert (copy / "current" / INDEX).read_bytes() == (repository.folder / INDEX).read_bytes()


def test_two_pulls_never_work_at_once(tmp_path: Path, repository: Repository, source: Origin, copy: Path) -> None:
    repository.put(repository.made("big", 1_000_000))
    repository.index()
    with way(source.port) as slow:
        slow.slow = (16_384, 0.1)
        first = subprocess.Popen([str(written(tmp_path, slow.port, copy, **XBPS))], stdout=subprocess.DEVNULL)
        wait_for("the first pull", lambda: slow.passed > 20_000, 30)
        second = pull(tmp_path, source.port, copy, **XBPS)
        assert second.returncode == 1
        assert "another pull is at work" in second.stderr
        assert first.wait(60) == 0


def test_what_has_gone_stays_a_while_for_who_read_the_old_index(
    tmp_path: Path, repository: Repository, source: Origin, copy: Path
) -> None:
    def go(keep: str = "3s") -> int:
        return pull(tmp_path, source.port, copy, **XBPS, keep=keep).returncode

    assert go() == 0
    old = set(visible(copy))
    repository.change()
    gone = old - {f"current/{name}" for name in (*repository.packages, INDEX, "otime")} - {"fresh.prom"}
    assert len(gone) == 3
    time.sleep(3)
    assert go() == 0  # seen as gone for the first time
    assert gone < set(visible(copy))
    assert go("1h") == 0
    assert gone < set(visible(copy))
    time.sleep(3)
    assert go() == 0
    assert not gone & set(visible(copy))
    assert misses(copy / "current") == []


def test_what_an_index_here_names_is_never_deleted(
    tmp_path: Path, repository: Repository, source: Origin, copy: Path
) -> None:
    """The origin has lost files that its index still names, or all of an index's packages and not the index."""
    assert pull(tmp_path, source.port, copy, **XBPS, keep="0s").returncode == 0
    for name in list(repository.packages)[:6]:
        (repository.folder / name).unlink()
    write(tmp_path / "tree" / "left" / "alone", b"x")
    for _ in range(3):
        assert pull(tmp_path, source.port, copy, **XBPS, keep="0s").returncode == 0
        assert misses(copy / "current") == []
    # A repository that goes altogether goes index first.
    shutil.rmtree(repository.folder)
    kept = []
    for _ in range(5):
        assert pull(tmp_path, source.port, copy, **XBPS, keep="0s").returncode == 0
        kept.append(((copy / "current" / INDEX).exists(), len(visible(copy))))
        assert not kept[-1][0] or misses(copy / "current") == []
    assert kept[-1] == (False, 2)
    assert not (copy / "current").exists()


def test_an_origin_that_has_lost_its_disk_empties_no_copy(tmp_path: Path, source: Origin, copy: Path) -> None:
    for number in range(150):
        write(tmp_path / "tree" / "live" / f"{number}.iso", b"x")
    assert pull(tmp_path, source.port, copy, **XBPS, keep="0s").returncode == 0
    seen = visible(copy)
    (tmp_path / "tree").rename(tmp_path / "away")
    (tmp_path / "tree").mkdir()
    for _ in range(3):
        done = pull(tmp_path, source.port, copy, **XBPS, keep="0s")
        assert done.returncode == 1
        assert "no longer at the origin, more than 25 % of all: nothing is deleted" in done.stderr
        assert visible(copy) == seen


def test_a_file_that_cannot_be_read_holds_up_nothing_but_the_record(
    tmp_path: Path, repository: Repository, source: Origin, copy: Path
) -> None:
    assert pull(tmp_path, source.port, copy, **XBPS).returncode == 0
    record = (copy / "fresh.prom").read_text()
    write(tmp_path / "tree" / "closed", b"x")
    (tmp_path / "tree" / "closed").chmod(0)
    repository.change()
    time.sleep(1.1)
    assert pull(tmp_path, source.port, copy, **XBPS).returncode == 1
    assert misses(copy / "current") == []
    assert (copy / "current" / INDEX).read_bytes() == (repository.folder / INDEX).read_bytes()
    assert (copy / "fresh.prom").read_text() == record
    (tmp_path / "tree" / "closed").chmod(0o644)
    assert pull(tmp_path, source.port, copy, **XBPS).returncode == 0
    assert (copy / "fresh.prom").read_text() != record


def test_a_file_that_vanishes_holds_up_nothing(
    tmp_path: Path, repository: Repository, source: Origin, copy: Path
) -> None:
    assert pull(tmp_path, source.port, copy, **XBPS).returncode == 0
    write(tmp_path / "tree" / "big", b"0" * 1_000_000)
    write(tmp_path / "tree" / "zzz", b"gone before its turn")
    repository.change()
    with way(source.port) as slow:

        def brake(number: int) -> None:
            slow.slow = (16_384, 0.02) if number == 3 else None

        slow.before = brake
        file = written(tmp_path, slow.port, copy, **XBPS)
        process = subprocess.Popen([str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("the big file", lambda: slow.connections == 3 and slow.passed > 100_000, 20)
        (tmp_path / "tree" / "zzz").unlink()
        assert process.wait(30) == 0
    assert (copy / "big").exists()
    assert misses(copy / "current") == []
    assert (copy / "current" / INDEX).read_bytes() == (repository.folder / INDEX).read_bytes()


def test_nothing_half_done_is_listed_or_handed_on(
    tmp_path: Path, repository: Repository, source: Origin, copy: Path
) -> None:
    """By the public daemon as each stack configures it, and by modes: no other user looks into the pull's folder."""
    repository.put(repository.made("big", 2_000_000))
    repository.index()
    with way(source.port) as broken:
        broken.cut = 1_000_000
        assert pull(tmp_path, broken.port, copy, **XBPS).returncode != 0
    assert [path.name for path in (copy / ".pull" / "partial").iterdir()] != []
    assert (copy / ".pull").stat().st_mode & 0o777 == 0o700
    assert not [name for name in visible(copy) if "big" in name or INDEX in name]
    files = ROOT / "stacks"
    local = (files / "local/services/files/rsyncd/rsyncd.conf").read_text()
    prod = (files / "prod/services/files/rsyncd/voidmirror.conf").read_text()
    for name, text in (("mirror", local), ("voidlinux", prod)):
        module = text[text.index(f"[{name}]") :].replace("/srv/mirror", str(copy)).replace("/srv/rsync", str(copy))
        port = free_ports(1)[0]
        config = tmp_path / f"{name}.conf"
        config.write_text(f"port = {port}\naddress = 127.0.0.1\nuse chroot = no\nlog file = {tmp_path}/log\n{module}")
        daemon = subprocess.Popen([RSYNC, "--daemon", "--no-detach", f"--config={config}"], start_new_session=True)
        try:
            wait_for("rsyncd", partial(listens, port), 10)
            words = [RSYNC, "-r", "--list-only", f"rsync://127.0.0.1:{port}/{name}/"]
            listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        finally:
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()
        assert "current" in listed
        assert ".pull" not in listed
        assert "big" not in listed

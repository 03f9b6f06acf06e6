"""A reader of a copy never finds an index without its packages, as the origin changes; with plain rsync he does."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.services.origin import RSYNC, XBPS, origin, pull, visible
from tests.services.repository import INDEX, Reader, Repository, changing, misses

pytestmark = pytest.mark.servers
# What was in use before, and what anybody would write first.
PLAIN = {"before": ("-vurk", "--links", "--delete-after", "--delay-updates"), "first": ("-a", "--delete")}


def test_no_reader_finds_a_broken_repository_while_the_origin_changes_all_the_time(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "tree" / "current", seed=5).fill(30)
    copy = tmp_path / "copy"
    copy.mkdir()
    # What has gone stays for one second at least, of the two, which are counted in whole ones.
    reader = Reader(copy / "current")
    whole = pulls = 0
    end, limit = time.monotonic() + 15, time.monotonic() + 120
    with origin(tmp_path / "origin", tmp_path / "tree") as source, changing(repository, 0.3), reader.reading():
        while (pulls < 20 or whole < 3 or time.monotonic() < end) and time.monotonic() < limit:
            pulls += 1
            whole += pull(tmp_path, source.port, copy, **XBPS, keep="2s").returncode == 0
    assert reader.wrong == []
    assert reader.passes > 50
    # It was no easy day: the copy followed, and what was no longer named went.
    assert whole >= 3
    assert len(reader.seen) >= 3
    assert len(visible(copy)) < repository.version / 2
    with origin(tmp_path / "origin", tmp_path / "tree") as source:
        assert pull(tmp_path, source.port, copy, **XBPS).returncode == 0
    assert misses(copy / "current") == []
    assert (copy / "current" / INDEX).read_bytes() == (tmp_path / "tree" / "current" / INDEX).read_bytes()


def test_plain_rsync_shows_the_same_reader_a_broken_repository(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "tree" / "current", seed=5).fill(30)
    reader = Reader(tmp_path / "copy" / "current", patience=2.0)
    with origin(tmp_path / "origin", tmp_path / "tree") as source, changing(repository, 0.3), reader.reading():
        for _ in range(60):
            _plain(source.port, tmp_path / "copy", "-a", "--delete")
            if reader.wrong:
                break
    assert reader.wrong != []


@pytest.mark.parametrize("options", PLAIN.values(), ids=PLAIN)
def test_plain_rsync_takes_an_index_without_its_packages(options: tuple[str, ...], tmp_path: Path) -> None:
    repository = Repository(tmp_path / "tree" / "current").fill(5)
    with origin(tmp_path / "origin", tmp_path / "tree") as source:
        _plain(source.port, tmp_path / "copy", *options)
        assert misses(tmp_path / "copy" / "current") == []
        repository.made("late")
        repository.index()
        _plain(source.port, tmp_path / "copy", *options)
    assert misses(tmp_path / "copy" / "current") != []


def _plain(port: int, copy: Path, *options: str) -> None:
    words = [RSYNC, *options, f"rsync://127.0.0.1:{port}/m/", f"{copy}/"]
    subprocess.run(words, check=False, capture_output=True)

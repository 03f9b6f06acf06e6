"""An origin that dies, hangs, or serves half of something: the copy stays whole, and the next pull heals it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services.origin import XBPS, Origin, Way, origin, pull, visible, way
from tests.services.repository import INDEX, Reader, Repository, index_of, misses, write

pytestmark = pytest.mark.servers


@dataclass
class Ground:
    """A copy that was whole once, of an origin behind a way that can fail."""

    folder: Path
    repository: Repository
    copy: Path
    source: Origin
    way: Way

    def pull(self, **fields: object) -> int:
        done = pull(self.folder, self.way.port, self.copy, **(XBPS | fields))
        self.said = done.stderr
        return done.returncode

    @property
    def record(self) -> str:
        return (self.copy / "fresh.prom").read_text()

    def is_old(self, index: bytes, record: str) -> bool:
        """Readers have what they had, all of it, and nobody says that it is fresh."""
        return (
            (self.copy / "current" / INDEX).read_bytes() == index
            and misses(self.copy / "current") == []
            and self.record == record
        )

    def is_new(self) -> bool:
        here, there = self.copy / "current" / INDEX, self.repository.folder / INDEX
        return here.read_bytes() == there.read_bytes() and misses(self.copy / "current") == []

    @property
    def index(self) -> bytes:
        return (self.copy / "current" / INDEX).read_bytes()


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    repository = Repository(tmp_path / "tree" / "current").fill(12)
    write(tmp_path / "tree" / "docs" / "index.html", b"a page")
    copy = tmp_path / "copy"
    copy.mkdir()
    with origin(tmp_path / "origin", tmp_path / "tree") as source, way(source.port) as through:
        it = Ground(tmp_path, repository, copy, source, through)
        assert it.pull() == 0
        time.sleep(1.1)  # so that a record of the next pull is another one
        yield it


def test_an_origin_that_dies_in_the_middle_of_a_file(ground: Ground) -> None:
    index, record = ground.index, ground.record
    ground.repository.put(ground.repository.made("big", 3_000_000))
    ground.repository.index()
    ground.way.slow = (16_384, 0.02)
    killer = threading.Thread(target=_kill_after, args=(ground, 1_000_000))
    killer.start()
    assert ground.pull(stall="2s") != 0
    killer.join()
    assert ground.is_old(index, record)
    assert not [name for name in visible(ground.copy) if "big" in name]
    assert ground.pull() != 0  # nobody is there
    assert ground.is_old(index, record)
    ground.way.heal()
    ground.source.start()
    assert ground.pull() == 0
    assert ground.is_new()
    # What had come was not asked for again.
    assert ground.way.passed < 2_500_000


def _kill_after(ground: Ground, count: int) -> None:
    while ground.way.passed < count:
        time.sleep(0.01)
    ground.source.kill()


@pytest.mark.parametrize("end", ["cut", "hang"])
def test_an_origin_that_falls_silent_or_breaks_off_after_any_number_of_bytes(end: str, ground: Ground) -> None:
    ground.repository.change(4)
    ground.repository.put(ground.repository.made("big", 30_000))
    ground.repository.index()
    reader = Reader(ground.copy / "current")
    index, record = ground.index, ground.record
    ended = {True: 0, False: 0}
    with reader.reading():
        for count in (1, 40, 200, 500, 900, 2_000, 5_000, 15_000, 30_000) if end == "cut" else (40, 500, 5_000):
            ground.way.heal()
            setattr(ground.way, end, count)
            began = time.monotonic()
            failed = ground.pull(stall="1s") != 0
            assert time.monotonic() - began < 15
            ended[failed] += 1
            assert ground.is_old(index, record) if failed else ground.is_new()
            if not failed:
                break
    assert reader.wrong == []
    assert ended[True] >= 3
    ground.way.heal()
    assert ground.pull() == 0
    assert ground.is_new()


def test_an_origin_that_is_too_slow_is_left_in_time_and_the_next_pull_goes_on(ground: Ground) -> None:
    """It never falls silent, so that only the end of all pulls ends it."""
    index, record = ground.index, ground.record
    ground.repository.put(ground.repository.made("big", 2_000_000))
    ground.repository.index()
    ground.way.slow = (4096, 0.02)
    began = time.monotonic()
    assert ground.pull(within="4s", stall="2s") == 124
    assert time.monotonic() - began < 8
    assert ground.is_old(index, record)
    ground.way.heal()
    assert ground.pull() == 0
    assert ground.is_new()
    assert ground.way.passed < 2_000_000


def test_an_index_before_its_packages_is_held_back_by_name(ground: Ground) -> None:
    index, record = ground.index, ground.record
    late = [ground.repository.made("late"), ground.repository.made("later")]
    ground.repository.index()
    write(ground.repository.folder / "aarch64-repodata", index_of({}))
    assert ground.pull() == 1
    assert ground.is_old(index, record)
    assert f"current/{INDEX} names 2 files that are not here, such as late" in ground.said
    # The other repository beside it does not wait.
    assert (ground.copy / "current" / "aarch64-repodata").exists()
    ground.repository.put(late[0])
    assert ground.pull() == 1
    assert ground.is_old(index, record)
    ground.repository.put(late[1])
    assert ground.pull() == 0
    assert ground.is_new()


def test_half_a_package_under_its_whole_name_holds_the_index_back(ground: Ground) -> None:
    index, record = ground.index, ground.record
    half = ground.repository.made("half", 5000)
    (ground.repository.folder / half).write_bytes(ground.repository.packages[half][:2500])
    ground.repository.index()
    assert ground.pull() == 1
    assert ground.is_old(index, record)
    ground.repository.put(half)
    assert ground.pull() == 0
    assert ground.is_new()


@pytest.mark.parametrize("zstd", [False, True], ids=["gzip", "zstd"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.98])
def test_half_an_index_is_held_back(zstd: bool, share: float, ground: Ground) -> None:
    index, record = ground.index, ground.record
    ground.repository.put(ground.repository.made("new"))
    ground.repository.index(zstd=zstd)
    whole = (ground.repository.folder / INDEX).read_bytes()
    write(ground.repository.folder / INDEX, whole[: int(len(whole) * share)])
    assert ground.pull(tries=1) == 1
    assert ground.is_old(index, record)
    write(ground.repository.folder / INDEX, whole)
    assert ground.pull() == 0
    assert ground.is_new()


def test_a_package_without_its_signature_is_not_named_yet(ground: Ground) -> None:
    for name, data in ground.repository.packages.items():
        write(ground.repository.folder / f"{name}.sig2", data[:9])
    assert ground.pull(beside=(".sig2",)) == 0
    index = ground.index
    new = ground.repository.made("new")
    ground.repository.put(new)
    ground.repository.index()
    assert ground.pull(beside=(".sig2",)) == 1
    assert ground.index == index
    assert "new-1.13_1" in ground.said
    write(ground.repository.folder / f"{new}.sig2", b"signature")
    assert ground.pull(beside=(".sig2",)) == 0
    assert ground.is_new()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_origin_that_changes_between_two_questions(number: int, ground: Ground) -> None:
    """It asks for times, indexes, files. Before the last, a file goes that the index in hand names: a round more."""
    new = ground.repository.made("new")
    ground.repository.put(new)
    ground.repository.index()
    ground.way.heal()
    ground.way.before = lambda at: ground.repository.replace(new) if at == number else None
    assert ground.pull() == 0
    assert ground.is_new()
    assert ground.way.connections == (6 if number == 3 else 3)

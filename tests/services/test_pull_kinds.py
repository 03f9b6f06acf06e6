"""What the data of a sync say: times, indexes of no known format, a tree without any; and odd names in all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.origin import XBPS, Origin, origin, pull, visible, way
from tests.services.repository import INDEX, Repository, misses, write

pytestmark = pytest.mark.servers
# Words and numbers, told by an index that the script cannot read.
OTHER: dict[str, Any] = {"indexes": ("*.list", "Release"), "stall": "20s"}
# All that a pull needs besides rsync where it reads no index.
TOOLS = (
    *("cat", "chmod", "date", "find", "flock", "grep", "mkdir", "mv", "rm", "sh", "sync", "timeout"),
    *("comm", "rmdir", "sed", "sort", "wc"),
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write(tmp_path / "tree" / "docs" / "index.html", b"a page")
    return tmp_path / "tree"


@pytest.fixture
def source(tmp_path: Path, tree: Path) -> Iterator[Origin]:
    with origin(tmp_path / "origin", tree) as it:
        yield it


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    return folder


def test_a_tree_without_indexes_is_pulled_in_one_go_with_its_time(
    tmp_path: Path, tree: Path, source: Origin, copy: Path
) -> None:
    write(copy / "old" / "page", b"x")
    write(tree / "otime", b"1")
    began = int(time.time())
    assert pull(tmp_path, source.port, copy, times=("otime",), exclude=("/private",)).returncode == 0
    assert visible(copy) == ["docs/index.html", "fresh.prom", "otime"]
    record = (copy / "fresh.prom").read_text()
    series, _, moment = record.strip().rpartition(" ")
    assert series == 'fleet_fresh_timestamp_seconds{job_name="sync",group="mirror"}'
    assert began <= int(moment) <= time.time()
    # Times are the origin's, so that all copies give one file one tag and one date.
    here, there = ((place / "docs" / "index.html").stat() for place in (copy, tree))
    assert int(here.st_mtime) == int(there.st_mtime)
    write(tree / "otime", b"2")
    source.kill()
    assert pull(tmp_path, source.port, copy, times=("otime",)).returncode != 0
    assert ((copy / "fresh.prom").read_text(), (copy / "otime").read_bytes()) == (record, b"1")


def test_a_time_is_that_of_files_that_are_all_here(tmp_path: Path, tree: Path, source: Origin, copy: Path) -> None:
    """The origin goes on while it is asked: the copy may be newer than the time it shows, never older."""
    repository = Repository(tree / "current").fill(12)
    repository.change()
    assert pull(tmp_path, source.port, copy, **XBPS).returncode == 0

    def interfere(at: int) -> None:
        if at == number:
            repository.replace(new)

    for number in (2, 3):
        repository.change()
        new = repository.made("new")
        repository.put(new)
        repository.index()
        shown = (tree / "current" / "otime").read_bytes()
        with way(source.port) as through:
            through.before = interfere
            assert pull(tmp_path, through.port, copy, **XBPS, tries=1).returncode == (0 if number == 2 else 1)
        if number == 2:
            assert (copy / "current" / "otime").read_bytes() == shown
            assert (copy / "current" / INDEX).read_bytes() == (tree / "current" / INDEX).read_bytes()
            kept = shown
    # Held back: the index is the old one, and so is the time.
    assert (copy / "current" / "otime").read_bytes() == kept
    assert misses(copy / "current") == []


def test_an_index_of_no_known_format_waits_until_the_origin_rests(
    tmp_path: Path, tree: Path, source: Origin, copy: Path
) -> None:
    def change(number: int) -> None:
        write(tree / "a" / f"file{number}", b"%d" % number)
        write(tree / "a" / "all.list", b"file%d" % number)

    change(0)
    assert pull(tmp_path, source.port, copy, **OTHER).returncode == 0
    # Between index and files, once: the second look sees it, and the next round is quiet.
    change(1)
    with way(source.port) as through:
        through.before = lambda at: change(2) if at == 2 else None
        assert pull(tmp_path, through.port, copy, **OTHER).returncode == 0
        assert through.connections == 6
    assert (copy / "a" / "all.list").read_bytes() == b"file2"
    assert (copy / "a" / "file2").exists()
    # All the time: the old one stays.
    with way(source.port) as through:
        through.before = lambda at: change(2 + at)
        done = pull(tmp_path, through.port, copy, **OTHER)
    assert done.returncode == 1
    assert "not whole" in done.stderr
    assert (copy / "a" / "all.list").read_bytes() == b"file2"
    assert pull(tmp_path, source.port, copy, **OTHER).returncode == 0
    assert (copy / "a" / "all.list").read_bytes() == (tree / "a" / "all.list").read_bytes()


def test_without_the_tools_to_read_an_index_a_second_look_stands_in_and_says_so(
    tmp_path: Path, tree: Path, source: Origin, copy: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(next(p for d in ("/usr/bin", "/bin") if (p := Path(d, name)).exists()))
    repository = Repository(tree / "current").fill(12)
    assert pull(tmp_path, source.port, copy, path=str(tools), **XBPS).returncode == 0
    new = repository.made("new")
    repository.put(new)
    repository.index()
    with way(source.port) as through:
        through.before = lambda at: repository.replace(new) if at == 3 else None
        done = pull(tmp_path, through.port, copy, path=str(tools), **XBPS)
    assert done.returncode == 0
    assert "a second look at the origin stands in for reading the indexes" in done.stderr
    assert misses(copy / "current") == []
    assert (copy / "current" / INDEX).read_bytes() == (tree / "current" / INDEX).read_bytes()


def test_links_and_folders_and_odd_names_come_along(tmp_path: Path, tree: Path, source: Origin, copy: Path) -> None:
    Repository(tree / "current").fill(3)
    odd = ["with space", "'quoted' \"names\" $HOME `x`", "ünïcödé", "-n", "*"]
    for name in odd:
        write(tree / "odd" / name, name.encode())
    (tree / "odd" / "link").symlink_to("with space")
    (tree / "current" / "link-repodata").symlink_to(INDEX)
    for _ in range(2):
        assert pull(tmp_path, source.port, copy, **XBPS, keep="0s").returncode == 0
        assert {name: (copy / "odd" / name).read_bytes().decode() for name in odd} == {name: name for name in odd}
        assert (copy / "odd" / "link").readlink() == Path("with space")
        assert (copy / "current" / "link-repodata").readlink() == Path(INDEX)
    for name in [*odd, "link"]:
        (tree / "odd" / name).unlink()
    # A folder that became a file.
    (tree / "docs" / "index.html").unlink()
    (tree / "docs").rmdir()
    write(tree / "docs", b"no folder")
    for _ in range(2):
        assert pull(tmp_path, source.port, copy, **XBPS, keep="0s").returncode == 0
    assert list((copy / "odd").iterdir()) == []
    assert (copy / "docs").read_bytes() == b"no folder"


def test_a_copy_that_somebody_changed_by_hand_becomes_the_origins_again(
    tmp_path: Path, tree: Path, source: Origin, copy: Path
) -> None:
    repository = Repository(tree / "current").fill(6)
    assert pull(tmp_path, source.port, copy, **XBPS).returncode == 0
    name = next(iter(repository.packages))
    (copy / "current" / name).unlink()
    (copy / "docs" / "index.html").write_text("another, longer page")
    (copy / "current" / INDEX).write_text("no index at all")
    assert pull(tmp_path, source.port, copy, **XBPS).returncode == 0
    assert misses(copy / "current") == []
    assert (copy / "docs" / "index.html").read_text() == "a page"

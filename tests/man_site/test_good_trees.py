"""A good tree is never replaced by a worse one, and what nobody needs goes after its time."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from tests.man_site.made import MAN, Origin, deb, file, page, serving

pytestmark = pytest.mark.servers


def _many(origin: Origin, number: int = 150) -> None:
    members = [file(f"./{MAN}/man1/m{i}.1", page(f"m{i}")) for i in range(number)]
    origin.debs = {"many": ("1", deb(members)), "one": ("1", deb([file(f"./{MAN}/man1/one.1", page("one"))]))}
    assert origin.run().code == 0


@pytest.mark.parametrize("how", ["pages vanish", "no index", "a broken index", "no mandoc", "too slow", "killed"])
def test_a_worse_tree_never_replaces_a_good_one(origin: Origin, how: str) -> None:
    _many(origin)
    before = {it: it.read_bytes() for it in sorted(origin.tree.rglob("*")) if it.is_file()}
    origin.debs["many"] = ("2", deb([file(f"./{MAN}/man1/m{i}.1", page(f"m{i}", title="new")) for i in range(150)]))
    said = ""
    if how == "pages vanish":
        del origin.debs["many"]
        said = "150 of 151 pages would be gone"
    origin.write()
    if how == "no index":
        (origin.folder / "debian" / "Packages.gz").unlink()
        said = "has no Packages"
    elif how == "a broken index":
        index = origin.folder / "debian" / "Packages.gz"
        index.write_bytes(index.read_bytes()[:-40])
        said = "repository debian"
    elif how == "no mandoc":
        origin.settings = {"mandoc": "/nowhere/mandoc"}
        said = "install mandoc"
    elif how in ("too slow", "killed"):
        # More than anybody renders within a second.
        much = [file(f"./{MAN}/man1/m{i}.1", page(f"m{i}", more="words\n.PP\n" * 500)) for i in range(1500)]
        origin.debs["many"] = ("2", deb(much))
        origin.write()
        if how == "too slow":
            origin.settings = {"limits": {"run_seconds": 1}}
        said = "longer than limits.run_seconds (1)"
    if how == "killed":
        child = subprocess.Popen([str(origin.program), "extract", str(origin.config())], stderr=subprocess.DEVNULL)
        time.sleep(0.7)
        assert child.poll() is None
        child.send_signal(signal.SIGKILL)
        child.wait(10)
    else:
        run = origin.extract(30)
        assert run.code == 1
        assert said in run.said
        assert "the pages that readers have stay as they are" in run.said
    assert {it: it.read_bytes() for it in before} == before
    # What was in the way is gone: the next run is a good one.
    origin.settings = {"most_gone_percent": 100}
    assert origin.run().code == 0
    assert ("many::m3.1" in origin.pages()) is (how != "pages vanish")


def test_two_runs_at_once_are_one(origin: Origin) -> None:
    _many(origin, 3)
    with (origin.tree / ".lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        run = origin.extract()
    assert run.code == 1
    assert "another run is at work" in run.said


def test_a_disk_that_is_full_leaves_the_tree(origin: Origin) -> None:
    _many(origin, 5)
    before = origin.pointer()
    origin.debs["one"] = ("2", deb([file(f"./{MAN}/man1/one.1", page("one", title="new"))]))
    origin.write()
    # No file may grow: as on a disk that is full, each write fails.
    words = ["prlimit", "--fsize=0", str(origin.program), "extract", str(origin.config())]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert origin.pointer() == before
    assert "one::one.1" in origin.pages()


def test_a_reader_who_looks_all_the_time_never_finds_less_than_a_whole_tree(origin: Origin) -> None:
    origin.debs = {f"p{i}": ("0", deb([file(f"./{MAN}/man1/p{i}.1", page(f"p{i}"))])) for i in range(20)}
    origin.settings = {"keep_hours": 0.01}
    assert origin.run().code == 0
    wrong: list[str] = []
    looked = 0
    end = threading.Event()

    def look() -> None:
        nonlocal looked
        while not end.is_set():
            try:
                pages = origin.pages()
                if len(pages) != 20 or any("of the tests" not in origin.html(it["b"]) for it in pages.values()):
                    wrong.append("a tree that is not whole")
            except OSError as error:
                wrong.append(str(error))
            looked += 1

    reader = threading.Thread(target=look)
    reader.start()
    with serving(origin.program, origin.tree) as site:
        for version in range(1, 6):
            for i in range(20):
                text = page(f"p{i}", title=f"version {version}")
                origin.debs[f"p{i}"] = (str(version), deb([file(f"./{MAN}/man1/p{i}.1", text)]))
            assert origin.run().code == 0
            for i in range(20):
                assert site.get(f"/p{i}.1").status == 200
    end.set()
    reader.join()
    assert wrong == []
    assert looked > 5


def test_pages_that_nobody_has_are_removed_after_their_time_and_not_all_at_once(origin: Origin) -> None:
    _many(origin)
    old = {it.name for it in (origin.tree / "pages").rglob("*.gz")}
    title = "other words"
    origin.debs["many"] = ("2", deb([file(f"./{MAN}/man1/m{i}.1", page(f"m{i}", title=title)) for i in range(150)]))
    assert origin.run().code == 0
    there = {it.name for it in (origin.tree / "pages").rglob("*.gz")}
    assert old < there, "readers of the tree before still find theirs"
    assert len(origin.index()["gone"]) == 150
    origin.settings = {"keep_hours": 0}
    assert origin.run().code == 0
    # 50 at least, 5 % of all otherwise: mirrors take a tree that shrinks at once for broken.
    assert len({it.name for it in (origin.tree / "pages").rglob("*.gz")}) == len(there) - 50
    assert origin.run().code == 0
    assert len({it.name for it in (origin.tree / "pages").rglob("*.gz")}) == len(there) - 50, "once an hour"


def test_another_mandoc_renders_all_again(origin: Origin) -> None:
    _many(origin, 5)
    before = {key: it["b"] for key, it in origin.pages().items()}
    # The same program with another digest. It stands where the user nobody may start it.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        other = Path(folder) / "mandoc"
        other.write_bytes(Path("/usr/bin/mandoc").read_bytes() + b"\0")
        other.chmod(0o755)
        origin.settings = {"mandoc": str(other)}
        run = origin.run()
    assert run.code == 0
    assert "another mandoc than before" in run.said
    assert {key: it["b"] for key, it in origin.pages().items()} == before

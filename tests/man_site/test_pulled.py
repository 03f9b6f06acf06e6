"""From the origin to a mirror by the fleet's own pull: the pointer comes last, and what it names is there."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from model import load
from tests.harness import ROOT
from tests.man_site.made import MAN, Origin, deb, file, page, serving
from tests.services.origin import origin as daemon
from tests.services.origin import pull

pytestmark = pytest.mark.servers

# As the origins of both stacks say.
LEFT_OUT = "exclude = .* *-repodata.* *.lock"


def _missing(tree: Path) -> list[str]:
    """What the pointer of a copy names and the copy has not."""
    try:
        named = json.loads((tree / "man-current").read_text())["index"]
    except FileNotFoundError:
        return []
    try:
        packed = (tree / named).read_bytes()
    except FileNotFoundError:
        return [named]
    text = subprocess.run(["zstd", "-qdc"], input=packed, stdout=subprocess.PIPE, check=True).stdout
    blobs = {it["b"] for pack in json.loads(text)["packages"] for it in pack.get("p", []) if it.get("b")}
    return [it for it in sorted(blobs) if not (tree / "pages" / it[:2] / f"{it}.gz").is_file()]


def _versions(origin: Origin, version: int, number: int = 30) -> None:
    for i in range(number):
        text = page(f"p{i}", title=f"version {version}")
        origin.debs[f"p{i}"] = (str(version), deb([file(f"./{MAN}/man1/p{i}.1", text)]))
    assert origin.run().code == 0


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_the_pointer_and_the_time_are_held_back_until_all_else_is_here(stack: str) -> None:
    service = load(ROOT / "stacks" / stack).services["sync"]
    syncs = [it.sync for it in (service, *service.groups.values()) if it.sync is not None and it.sync.indexes]
    assert syncs
    for sync in syncs:
        assert {"man-current", "fresh.prom"} <= set(sync.times)
        # A folder of packages is called so, and would be held back with a file of that name.
        assert "current" not in sync.times


def test_a_copy_never_names_a_page_that_it_has_not(origin: Origin, tmp_path: Path) -> None:
    sync = load(ROOT / "stacks" / "local").services["sync"].sync
    assert sync is not None
    fields: dict[str, Any] = {"indexes": sync.indexes, "format": sync.format, "times": sync.times}
    target = tmp_path / "copy"
    target.mkdir()
    (origin.folder / "current").mkdir()
    (origin.folder / "current" / "otime").write_text("1")
    _versions(origin, 0)
    wrong: list[str] = []
    end = threading.Event()

    def watch() -> None:
        while not end.is_set():
            wrong.extend(_missing(target / "man"))

    with daemon(tmp_path / "daemon", origin.folder, LEFT_OUT) as one:
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            for version in range(1, 8):
                # A new tree comes into place while it is copied.
                change = threading.Thread(target=_versions, args=(origin, version))
                change.start()
                done = pull(tmp_path, one.port, target, **fields)
                change.join()
                assert done.returncode == 0, done.stderr
            assert pull(tmp_path, one.port, target, **fields).returncode == 0
        finally:
            end.set()
            watcher.join()
    assert wrong == []
    assert _missing(target / "man") == []
    assert (target / "current" / "otime").read_text() == "1"
    assert (target / "man" / "fresh.prom").read_text() == (origin.tree / "fresh.prom").read_text()
    with serving(origin.program, target / "man") as site:
        assert "version 7" in site.get("/p3.1").text
        # A page removed upstream disappears with the next pull.
        del origin.debs["p3"]
        assert origin.run().code == 0
        with daemon(tmp_path / "again", origin.folder, LEFT_OUT) as one:
            assert pull(tmp_path, one.port, target, **fields).returncode == 0
        site.until("/p3.1", 404)
        assert site.get("/p4.1").status == 200

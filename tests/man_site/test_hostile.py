"""Hostile packages by family: the run ends, nothing outside is touched, good pages are there, bad ones are named.

Some of each family here; HOSTILE_FILES=500 in the environment makes that many of each.
"""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest

from tests.man_site.hostile import FAMILIES, Family
from tests.man_site.made import MAN, Origin, deb, file, page

pytestmark = pytest.mark.servers

NUMBER = int(os.environ.get("HOSTILE_FILES", "60"))
# Small bounds, so that what is beyond them is made quickly.
LIMITS = {
    "page_bytes": 4 << 20,
    "package_bytes": 32 << 20,
    "package_pages": 100,
    "page_seconds": 1,
    "package_seconds": 20,
}


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Each file with its mode, its time and its bytes."""
    return {
        str(it.relative_to(folder)): (
            it.lstat().st_mode,
            it.lstat().st_mtime_ns,
            it.read_bytes() if it.is_file() else b"",
        )
        for it in sorted(folder.rglob("*"))
    }


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A folder beside the origin, which nobody may touch."""
    folder = tmp_path / "canary"
    (folder / "man1").mkdir(parents=True)
    (folder / "file").write_text("as it was")
    (folder / "man1" / "bad.1").write_text("as it was")
    return folder


@pytest.mark.parametrize("family", FAMILIES, ids=lambda it: it.name)
def test_of_each_family_what_is_named_comes_true(family: Family, origin: Origin, canary: Path) -> None:
    number = NUMBER
    origin.settings = {"limits": LIMITS}
    for i in range(number):
        name = f"h{i}"
        origin.debs[name] = ("1", family.make(random.Random(f"{family.name} {i}"), name))
    origin.debs["whole"] = ("1", deb([file(f"./{MAN}/man1/whole.1", page("whole"))]))
    before = snapshot(canary)
    run = origin.run(most=300)
    assert run.code == 0, run.said[-2000:]
    assert snapshot(canary) == before
    assert sorted(it.name for it in origin.folder.parent.iterdir()) == ["canary", "origin", "origin.json"]
    # In the tree: names made of digests alone, and the four files that belong there.
    names = {it.name for it in origin.tree.rglob("*") if it.is_file()}
    known = r"[0-9a-f]{64}\.gz|index-[0-9a-f]{64}\.json\.zst|man-current|fresh\.prom|\.lock"
    assert [it for it in names if not re.fullmatch(known, it)] == []
    pages = origin.pages()
    assert "whole::whole.1" in pages
    listed = run.bad
    for i in range(number):
        if family.bad:
            assert f"h{i}" in listed, f"{family.name} {i} is not listed"
        if family.good:
            assert f"h{i}::good-h{i}.1" in pages, (
                f"{family.name} {i}: its good page is not there: {listed.get(f'h{i}')}"
            )
    assert set(listed) <= set(origin.debs), "only packages that are bad are listed"
    if not family.bad and family.name != "broken roff":
        assert listed == {}
    for it in pages.values():
        if it.get("b"):
            html = origin.html(it["b"])
            assert not re.search(r"<(?!/?(?:" + ALLOWED + r")\b)[a-z]", html), html[:500]
            assert not re.search(r"<[^>]*\son[a-z]+=|<[^>]*\sstyle=|href=\"(?!#|https?://|ftp://|mailto:)", html), html[
                :500
            ]


ALLOWED = "|".join(
    [
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "cite",
        "code",
        "dd",
        "div",
        "dl",
        "dt",
        "em",
        "figure",
        "h1",
        "h2",
        "h3",
        "hr",
        "i",
        "kbd",
        "li",
        "ol",
        "p",
        "pre",
        "q",
        "s",
        "samp",
        "section",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "tt",
        "u",
        "ul",
        "var",
        "math",
        "mfenced",
        "mfrac",
        "mi",
        "mn",
        "mo",
        "mover",
        "mrow",
        "msqrt",
        "msub",
        "msubsup",
        "msup",
        "mtable",
        "mtd",
        "mtext",
        "mtr",
        "munder",
        "munderover",
    ]
)


def test_there_are_as_many_families_and_files_as_was_asked_for() -> None:
    assert len(FAMILIES) >= 12
    assert NUMBER >= 60
    assert len({it.name for it in FAMILIES}) == len(FAMILIES)

"""The man-site's part of the table: pages out of packages beside a shell loop, answers beside nginx on the same HTML.

Both ways are taken in turns, so that a noisy machine is noisy for both.
"""

from __future__ import annotations

import gzip
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rehearsal.testhosts import manuals, packages
from tests.bench.man_answers import answering
from tests.man_site.made import Origin
from toolchain.servers import ensure_servers

NEEDED = ("mandoc", "dpkg-deb", "wrk", "nginx", "xz", "zstd")
# What a person would write: each package's pages out, and each page through mandoc, one after the other.
LOOP = r"""
set -eu
for package in "$1"/*.deb; do
    folder=$(mktemp -d "$2/XXXXXX")
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$folder" --wildcards './usr/share/man/*' 2> /dev/null || :
    find "$folder" -type f | while IFS= read -r page; do
        case $page in
            *.gz) zcat "$page" ;;
            *) cat "$page" ;;
        esac | mandoc -T html -O fragment -K utf-8 > "$page.html" 2> /dev/null || :
    done
done
find "$2" -name '*.html' -size +0 | wc -l
"""


@dataclass
class Extraction:
    """Seconds of each way, and what was read."""

    packages: int
    megabytes: float
    pages: int
    full: float
    loop: float
    loop_pages: int
    little: float
    changed: int
    none: float


def lines(say: Callable[[str], None]) -> list[str]:
    """Measure and tell; what could not be measured says why."""
    lacking = [name for name in NEEDED if shutil.which(name) is None]
    if lacking:
        return [f"The man-site: skipped: {', '.join(lacking)} not installed"]
    try:
        with tempfile.TemporaryDirectory(prefix="void-fleet-man-") as place:
            folder = Path(place)
            folder.chmod(0o755)
            origin = _origin(folder)
            found = extraction(origin, folder, say)
            answers = answering(origin, folder, say)
        return [*_extraction(found), "", *answers]
    except Exception as error:
        return [f"The man-site: {type(error).__name__}: {error}"]


def _origin(folder: Path) -> Origin:
    """The real packages, linked."""
    origin = Origin(folder / "origin", ensure_servers() / "bin" / "fleet-man")
    (origin.folder / "debian").mkdir(parents=True)
    for file in manuals.ensure().iterdir():
        shutil.copy(file, origin.folder / "debian" / file.name)
    return origin


def extraction(origin: Origin, folder: Path, say: Callable[[str], None]) -> Extraction:
    """A whole run, the shell loop, a run with one package in a hundred changed, and one with none."""
    files = sorted((origin.folder / "debian").glob("*.deb"))
    full, loop, loop_pages = [], [], 0
    for number in range(3):
        shutil.rmtree(origin.tree, ignore_errors=True)
        full.append(_run(origin))
        work = folder / f"loop-{number}"
        work.mkdir()
        begun = time.monotonic()
        done = subprocess.run(
            ["sh", "-c", LOOP, "loop", str(origin.folder / "debian"), str(work)],
            capture_output=True,
            text=True,
            check=True,
        )
        loop.append(time.monotonic() - begun)
        loop_pages = int(done.stdout)
        shutil.rmtree(work)
        say(f"extraction, round {number + 1} of 3: {full[-1]:.1f} s, the loop {loop[-1]:.1f} s")
    had = {it["n"] for it in origin.index()["packages"] if it.get("p")}
    pages = len(origin.pages())
    chosen = [it for it in files if it.name.split("_")[0] in had]
    random.Random(7).shuffle(chosen)
    chosen = chosen[: len(files) // 100]
    little = []
    for number in range(3):
        for file in chosen:
            _changed(file, folder, number)
        packages.index(origin.folder / "debian")
        little.append(_run(origin))
    none = [_run(origin) for _ in range(3)]
    return Extraction(
        len(files),
        sum(it.stat().st_size for it in files) / 1e6,
        pages,
        statistics.median(full),
        statistics.median(loop),
        loop_pages,
        statistics.median(little),
        len(chosen),
        statistics.median(none),
    )


def _run(origin: Origin) -> float:
    run = origin.extract()
    if run.code:
        raise RuntimeError(run.said[-300:])
    return run.seconds


def _changed(file: Path, folder: Path, number: int) -> None:
    """A new version of a package: each of its pages has other words."""
    work = folder / "changed"
    subprocess.run(["dpkg-deb", "-R", str(file), str(work)], check=True)
    for page in (work / "usr/share/man").rglob("*.gz"):
        if page.is_file() and not page.is_symlink():
            text = gzip.decompress(page.read_bytes()) + f"\n.PP\nRound {number}.\n".encode()
            page.write_bytes(gzip.compress(text))
    subprocess.run(["dpkg-deb", "-b", str(work), str(file)], check=True, capture_output=True)
    shutil.rmtree(work)


def _extraction(it: Extraction) -> list[str]:
    def row(name: str, seconds: float) -> str:
        each = f"{it.packages / seconds:,.0f} | {it.megabytes / seconds:.1f}"
        return f"| {name} | {seconds:.2f} s | {each} | {seconds / it.full * 100:.1f} % |"

    return [
        f"Pages out of {it.packages} real packages ({it.megabytes:.0f} MB, {it.pages:,} names of pages; medians of 3)",
        "",
        "| way | time | packages a second | MB a second | beside a whole run |",
        "|---|---:|---:|---:|---:|",
        row("fleet-man, all packages", it.full),
        row(f"a shell loop of tar and mandoc ({it.loop_pages:,} pages)", it.loop),
        row(f"fleet-man, {it.changed} packages changed (1 %; aim ≤ 5 %)", it.little),
        row("fleet-man, nothing changed", it.none),
        "",
        "- fleet-man also checks each package's digest, bounds each page, cleans the HTML and packs it; the loop does"
        " none of this.",
    ]

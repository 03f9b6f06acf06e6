"""The man-site's part of the table: pages out of packages beside a shell loop, answers beside nginx on the same HTML.

Servers have one processor, the load the other; both are asked in turns, each round in the other order.
"""

from __future__ import annotations

import gzip
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rehearsal.alone.agent import free_port
from rehearsal.testhosts import manuals, packages
from tests.bench.front_wrk import FailedError, heard
from tests.man_site.made import Origin, Site, serving
from toolchain.servers import ensure_servers

Rates = dict[tuple[str, str], list[tuple[float, float]]]
"""Requests a second and p99 of each round, by encoding and server."""
ROUNDS = 5
SECONDS = 4
PAGES = 300
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
NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 512; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; default_type text/html;
    open_file_cache max=10000 inactive=60s; gzip_static on;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{ listen 127.0.0.1:{port}; root {folder}/html; }}
}}
"""
LUA = """
local paths = {{ {paths} }}
local at = 0
request = function()
    at = at % #paths + 1
    return wrk.format("GET", paths[at], {{ ["Accept-Encoding"] = "{encoding}" }})
end
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


@contextmanager
def _nginx(folder: Path) -> Iterator[Site]:
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    child = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        yield Site(port, child)
    finally:
        child.terminate()
        child.wait(10)


def answering(origin: Origin, folder: Path, say: Callable[[str], None]) -> list[str]:
    """The responder and nginx, with the same HTML."""
    names = sorted({f"/{it['n']}.{it['s']}" for it in origin.pages().values() if not it.get("l") and it.get("b")})
    names = [it for it in names if it.replace(".", "").replace("-", "").replace("/", "").isalnum()]
    random.Random(3).shuffle(names)
    names = names[:PAGES]
    web = folder / "nginx"
    (web / "html").mkdir(parents=True)
    cores = sorted(os.sched_getaffinity(0))
    with serving(origin.program, origin.tree) as site:
        for name in names:
            text = site.get(name).body
            (web / "html" / name[1:]).write_bytes(text)
            (web / "html" / f"{name[1:]}.gz").write_bytes(gzip.compress(text, 6))
        sizes = [(web / "html" / it[1:]).stat().st_size for it in names]
        rates: Rates = {}
        with _nginx(web) as bare:
            both = {"fleet-man": site, "nginx": bare}
            for it in both.values():
                _pin(it.child.pid, cores[0])
            for number in range(ROUNDS):
                for encoding in ("identity", "gzip"):
                    for name in sorted(both, reverse=bool(number % 2)):
                        found = _wrk(both[name].port, names, encoding, folder, cores[-1])
                        rates.setdefault((encoding, name), []).append(found)
                say(f"answers, round {number + 1} of {ROUNDS}")
            cold_bare = _cold(bare.port, names)
    cold: list[float] = []
    for _ in range(3):
        with serving(origin.program, origin.tree) as fresh:
            _pin(fresh.child.pid, cores[0])
            cold += _cold(fresh.port, names)
    return _answers(rates, cold, cold_bare, len(names), statistics.mean(sizes))


def _pin(pid: int, core: int) -> None:
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


def _wrk(port: int, names: list[str], encoding: str, folder: Path, core: int) -> tuple[float, float]:
    script = folder / "ask.lua"
    script.write_text(LUA.format(paths=", ".join(f'"{it}"' for it in names), encoding=encoding))
    words = ["wrk", "--latency", "-t1", "-c32", f"-d{SECONDS}s", "-s", str(script), f"http://127.0.0.1:{port}/"]
    done = subprocess.run(["taskset", "-c", str(core), *words], capture_output=True, text=True, timeout=60, check=False)
    try:
        rate, late, _ = heard(done.stdout + done.stderr)
    except FailedError as error:
        raise RuntimeError(f"wrk on {port}: {error}") from error
    return rate, late


def _cold(port: int, names: list[str]) -> list[float]:
    """Seconds of the first question for each page, one after the other."""
    found = []
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for name in names:
        begun = time.monotonic()
        with opener.open(f"http://127.0.0.1:{port}{name}") as answer:
            answer.read()
        found.append(time.monotonic() - begun)
    return found


def _answers(
    rates: dict[tuple[str, str], list[tuple[float, float]]],
    cold: list[float],
    bare: list[float],
    pages: int,
    size: float,
) -> list[str]:
    text = [
        f"Answers with {pages} pages of {size / 1e3:.0f} kB on average, by wrk, 32 kept connections, one processor for"
        f" the server; {ROUNDS} rounds of {SECONDS} s in turns (medians; aim: ≥ 0.8 of nginx, with the same as files)",
        "",
        "| | fleet-man, requests a second | p99 | nginx | p99 | ratio, round by round |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for encoding, name in (("identity", "as they are"), ("gzip", "packed")):
        mine, least = rates[(encoding, "fleet-man")], rates[(encoding, "nginx")]
        ratios = [a / b for (a, _), (b, _) in zip(mine, least, strict=True)]
        cells = [
            f"{statistics.median(rate for rate, _ in it):,.0f} | {statistics.median(p99 for _, p99 in it) * 1e3:.1f} ms"
            for it in (mine, least)
        ]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        text.append(f"| {name} | {' | '.join(cells)} | {spread} |")
    return [
        *text,
        "",
        "- Cold, each page asked for the first time after a start, a connection each:"
        f" fleet-man p50 {_at(cold, 50):.1f} ms, p99 {_at(cold, 99):.1f} ms;"
        f" nginx, whose files are there already, {_at(bare, 50):.1f} and {_at(bare, 99):.1f} ms.",
    ]


def _at(times: list[float], percent: int) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1] * 1e3

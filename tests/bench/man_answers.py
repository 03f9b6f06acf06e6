"""Answers of the man-site beside nginx with the same HTML as files. Servers have one processor, the load the other."""

from __future__ import annotations

import gzip
import os
import random
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rehearsal.alone.agent import free_port
from tests.bench.front_wrk import FailedError, heard
from tests.man_site.made import Origin, Site, serving

Rates = dict[tuple[str, str], list[tuple[float, float]]]
"""Requests a second and p99 of each round, by encoding and server."""
ROUNDS = 5
SECONDS = 4
PAGES = 300
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

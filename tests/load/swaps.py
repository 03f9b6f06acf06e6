"""Swap after swap under load, on a mirror of this machine: how many questions failed. Needs root and about 1 GB.

    python -m tests.load.swaps                       5 swaps, as CI does, with --worse 2
    python -m tests.load.swaps --swaps 50 --requests 1000000
    python -m tests.load.swaps --instead reload      the same load on nginx as it is usually reloaded
    python -m tests.load.swaps --instead restart     and on nginx stopped and started

Among the swaps, every fourth (--worse) is one that must be withdrawn: a bad configuration, a version that answers 500,
one that is slow. On a machine with much else to do a good one may be withdrawn, or a bad one later than in 10 s: both
are counted apart and tried again, and more than a fifth of them fail the run. A client with keep-alive connections asks
throughout, one comes anew all the time, and a download of 30 s spans each swap. None of them retries. With --requests,
the load goes on after the last swap until there were as many.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.hostconfig.front_plant import FILES, Plant, came_of, planted, right, wrapper

BIG = 30 * 2**20
WITHDRAWN_SECONDS = 10
DONE, UNDESERVED, LATE = "swaps", "withdrawn though good", "withdrawn late"
# Of a few swaps; of many, a fifth.
AT_MOST = {UNDESERVED: 2, LATE: 1}
WORSE = {
    "refused": "",
    "failing": r"s|root .*/tree;|& return 500;|",
    "slow": r"s|root .*/tree;|& limit_rate 8k;|",
}


def worse(plant: Plant, kind: str, watch: float) -> str:
    """One candidate that must be withdrawn; says how it is counted."""
    before, started = plant.serving(), time.monotonic()
    swap = {"share": 20, "watch": watch, "probes": [{"name": FILES, "path": "/package.xbps"}]}
    if kind == "refused":
        plant.want(swap=swap)
        conf = Path(plant.place.etc, "nginx.conf")
        conf.write_text(conf.read_text().replace("sendfile on;", "sendfile perhaps;"))
    else:
        plant.want(swap=swap, program=wrapper(plant.folder, kind, WORSE[kind]))
    done = plant.swap(check=False)
    took = time.monotonic() - started
    print(f"  {kind}: {done.stderr.strip()} ({took:.1f} s)", flush=True)
    if done.returncode == 0 or plant.serving() != before:
        raise SystemExit(f"{kind}: was not withdrawn: {done.stdout}")
    return DONE if took <= WITHDRAWN_SECONDS else LATE


def good(plant: Plant, number: int, watch: float) -> str:
    """One candidate that is as good as the old one; says how it is counted."""
    swap = {"share": 20, "watch": watch, "probes": [{"name": FILES, "path": "/package.xbps"}]}
    plant.want(swap=swap, hsts=1000 + number)
    started = time.monotonic()
    done = plant.swap(check=False)
    took = time.monotonic() - started
    print(f"  {'promoted' if done.returncode == 0 else done.stderr.strip()} ({took:.1f} s)", flush=True)
    return DONE if done.returncode == 0 else UNDESERVED


def side_by_side(plant: Plant, watch: float, every: int) -> Iterator[Callable[[], str]]:
    """Swaps without end, one of so many a bad one."""
    kinds = itertools.cycle(WORSE)
    for number in itertools.count(1):
        if number % every == every - 1:
            yield partial(worse, plant, next(kinds), watch)
        else:
            yield partial(good, plant, number, watch)


def stock(plant: Plant, how: str) -> Iterator[Callable[[], str]]:
    """nginx as it usually is, and what is usually done to it."""
    folder = plant.folder
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{folder}/key"]
    plant.run("openssl", "req", "-x509", "-subj", "/CN=x", *key, "-out", f"{folder}/certificate")
    conf = folder / "stock.conf"
    conf.write_text(
        f"pid {folder}/pid; daemon off; user www-data; worker_processes 2; worker_rlimit_nofile 65536;"
        f"events {{ worker_connections 16384; }} http {{ access_log off; sendfile on; server {{"
        f"listen 443 ssl backlog=4096; keepalive_requests 1000000;"
        f"ssl_certificate {folder}/certificate; ssl_certificate_key {folder}/key;"
        f"root {plant.tree}; }} }}"
    )
    command = ["nginx", "-e", "stderr", "-c", str(conf)]
    running = [plant.begin(*command)]
    plant.until(lambda: plant.ask(FILES, "/package.xbps")[0] == 200)

    def change() -> str:
        if how == "reload":
            plant.run(*command, "-s", "reload")
        else:
            plant.end(running.pop())
            running.append(plant.begin(*command))
        print(f"  {how}", flush=True)
        return DONE

    return itertools.repeat(change)


def under_load(plant: Plant, steps: Iterator[Callable[[], str]], given: argparse.Namespace) -> dict[str, Any]:
    """The steps one after the other, with clients all the while; what came of it."""
    (plant.tree / "big.iso").write_text("x" * BIG)
    total: Counter[str] = Counter()
    failed: Counter[str] = Counter()

    def clients() -> list[subprocess.Popen[str]]:
        seconds = given.round
        old = plant.load(FILES, right("/package.xbps"), "--pause", str(given.pause), seconds=seconds,
                         connections=given.connections)  # fmt: skip
        new = plant.load(FILES, right("/package.xbps"), "--reopen", "20", "--pause", str(given.pause / 10),
                         seconds=seconds, connections=20)  # fmt: skip
        slow = plant.load(FILES, right("/big.iso", "x" * BIG), "--download", str(BIG // (seconds - 2)))
        return [old, new, slow]

    known, step = 0, next(steps)
    while total[DONE] < given.swaps or total["requests"] < given.requests:
        running = clients()
        time.sleep(given.round / 6)
        if total[DONE] < given.swaps:
            done = step()
            total[done] += 1
            step = next(steps) if done == DONE else step
        for client in running:
            report = came_of(client)
            if "answers" in report:
                total["requests"] += report["answers"]
                failed.update(report["failed"])
            else:
                total["downloads"] += 1
                failed.update({f"download: {report['failed']}": 1} if report["failed"] else {})
        for word, few in AT_MOST.items():
            if total[word] > max(few, given.swaps / 5):
                raise SystemExit(f"{total[word]} candidates were {word}: {dict(failed) or 'none failed'}")
        print(f"{dict(total)} failed: {dict(failed) or 0}", flush=True)
        if failed.total() > known:
            known = failed.total()
            said = (plant.folder / "log").read_text(errors="replace").splitlines()
            print("the mirror said last:", *said[-30:], sep="\n    ", flush=True)
    return {**total, "connections": given.connections, "failed": dict(failed)}


def main(arguments: list[str]) -> int:
    """By hand and by CI."""
    lines = (__doc__ or "").splitlines()
    parser = argparse.ArgumentParser(description=lines[0])
    parser.add_argument("--swaps", type=int, default=5)
    parser.add_argument("--requests", type=int, default=0, help="go on until there were that many")
    parser.add_argument("--connections", type=int, default=1000, help="keep-alive connections")
    parser.add_argument("--pause", type=float, default=0.3, help="between two questions on one of them, in seconds")
    parser.add_argument("--watch", type=float, default=5)
    parser.add_argument("--round", type=int, default=32, help="seconds of load around each swap")
    parser.add_argument("--worse", type=int, default=4, metavar="N", help="every Nth is a bad one")
    parser.add_argument("--instead", choices=["reload", "restart"])
    given = parser.parse_args(arguments)
    with planted(keepalive=60) as plant:
        if given.instead:
            report = under_load(plant, stock(plant, given.instead), given)
        else:
            plant.supervise()
            plant.first()
            report = under_load(plant, side_by_side(plant, given.watch, given.worse), given)
    print(json.dumps(report))
    return 1 if report["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""One short load of wrk's on one address, with what the servers used of the processor meanwhile."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import TICKS, tree

CONNECTIONS = 32
# Of large answers fewer are under way at once, so that enough of them end within a short load.
FEW = 8
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
# wrk names the host of its address to TLS, and has no option to connect elsewhere.
LUA = 'function wrk.resolve() wrk.addrs = wrk.lookup("{address}", "{port}") end\n'


class FailedError(Exception):
    """A load that measures nothing: somebody was not answered, or not rightly."""


@dataclass(frozen=True)
class Way:
    """One way to the same files: where a client asks, and which processes answer there."""

    name: str
    scheme: str
    host: str
    address: str
    port: int
    servers: Callable[[], list[int]]
    """The processes whose time counts, each with all below it."""


@dataclass(frozen=True)
class Sample:
    """What one load came to."""

    rate: float
    """Requests a second."""
    p99: float
    """Seconds within which 99 of 100 were answered."""
    used: float
    """Seconds of the processor that the servers used for a request."""


def heard(text: str) -> tuple[float, float, int]:
    """Requests a second, the 99th percentile in seconds and the number of requests, of what wrk says."""
    bad = re.search(r"Non-2xx or 3xx responses: \d+|Socket errors: .*", text)
    rate, late = re.search(r"Requests/sec: +([\d.]+)", text), re.search(r"^ +99% +([\d.]+)([a-z]+) *$", text, re.M)
    count = re.search(r"^ +(\d+) requests in ", text, re.M)
    if bad or not rate or not late or not count or not int(count[1]):
        raise FailedError(bad[0] if bad else f"wrk said: {text.strip()[-200:]}")
    return float(rate[1]), float(late[1]) * UNITS[late[2]], int(count[1])


def load(way: Way, path: str, seconds: float, where: str, place: Path, connections: int) -> Sample:
    """Ask for one path over kept connections, from a network namespace."""
    script = place / "connect.lua"
    script.write_text(LUA.format(address=way.address, port=way.port))
    words = ["wrk", "--latency", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "-s", str(script)]
    before = used(way.servers())
    done = subprocess.run(
        ["ip", "netns", "exec", where, *words, f"{way.scheme}://{way.host}:{way.port}{path}"],
        capture_output=True, text=True, timeout=seconds + 30, check=False,
    )  # fmt: skip
    time.sleep(0.05)
    after = used(way.servers())
    rate, late, count = heard(done.stdout + done.stderr)
    return Sample(rate, late, sum(after[pid] - before.get(pid, 0.0) for pid in after) / count)


def used(roots: Iterable[int]) -> dict[int, float]:
    """Seconds of the processor of each process, and of all below it."""
    found = {}
    for pid in {pid for root in roots for pid in tree(root)}:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[pid] = (int(fields[11]) + int(fields[12])) / TICKS
    return found

"""Logins' part of the table: a static key file, our look-up by what is kept, our look-up asking, in turns.

A login is the whole of it: OpenSSH's client connects, is let in, runs `true` and leaves. Each round asks each way
once, in another order, so that a noisy machine is noisy for all. Runs in namespaces of its own, where nothing else is.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable

from tests.load.login_rig import PORTS, Rig, inside, missing, rigged

ROUNDS = 120
WAYS = ("static", "kept", "asking")
AIM = 0.030


def lines(say: Callable[[str], None]) -> list[str]:
    """Measure and tell; what could not be measured says why."""
    if why := missing():
        return [f"Logins: skipped: {why}"]
    say(f"logins: {ROUNDS} rounds of {len(WAYS)} ways")
    # The measuring has a process of its own, for it must live in other namespaces than the rest of the bench.
    words = "import sys; from tests.bench.login import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=False)
    if done.returncode:
        return [f"Logins: {(done.stderr.strip().splitlines() or ['failed, and said nothing'])[-1]}"]
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return table(found)


def main() -> int:
    """Inside: measure, and print the times as JSON."""
    if (code := inside("tests.bench.login_inside", [])) is not None:
        return code
    with rigged(4) as rig:
        print(json.dumps(measure(rig)))
    return 0


def measure(rig: Rig) -> dict[str, list[float]]:
    """Seconds of each login, by way."""
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(-2, ROUNDS):
        for way in (*WAYS[number % 3 :], *WAYS[: number % 3]):
            # An answer of less than an hour ago is not asked for again, or every one is.
            rig.config(fresh_seconds=3600 if way == "kept" else 0, cache_minutes=60)
            port = PORTS["static" if way == "static" else "ours"]
            login = rig.login(rig.known[0].name, port, ("right",))
            if not login.let_in:
                raise SystemExit(f"{way}: a login failed")
            if number >= 0:
                found[way].append(login.seconds)
    return found


def table(found: dict[str, list[float]]) -> list[str]:
    """Two figures a way, and what each costs above a key file."""
    text = [
        f"A login, from connecting to leaving ({ROUNDS} of each way in turns; aim: at most {AIM * 1e3:.0f} ms above the"
        " static file at p99)",
        "",
        "| keys from | p50 | p99 | above static, p50 | p99 |",
        "|---|---:|---:|---:|---:|",
    ]
    names = {"static": "a static key file", "kept": "our look-up, by what is kept", "asking": "our look-up, asking"}
    least = _both(found["static"])
    for way in WAYS:
        mine = _both(found[way])
        above = [
            f"{(one - other) * 1e3:+.0f} ms" if way != "static" else "" for one, other in zip(mine, least, strict=True)
        ]
        text.append(f"| {names[way]} | {mine[0] * 1e3:.0f} ms | {mine[1] * 1e3:.0f} ms | {above[0]} | {above[1]} |")
    pairs = [one - other for one, other in zip(found["asking"], found["static"], strict=True)]
    text += ["", f"- Asking beside static, round by round: {statistics.median(pairs) * 1e3:+.0f} ms in the middle."]
    return [*text, "- NetAuth, sshd and client share this machine's two processors; sshd looks up twice in each login."]


def _both(times: list[float]) -> tuple[float, float]:
    parts = statistics.quantiles(times, n=100, method="inclusive")
    return statistics.median(times), parts[98]

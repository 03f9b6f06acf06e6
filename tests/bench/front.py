"""The mirrors' front's part of the table: files, a proxied service, TLS and a canary pair, each beside its floor.

All ways are asked in turns, round by round, each round in the other order, so that a noisy machine is noisy for all.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench.front_rig import SIZES, WATCH, Rig, on, rigged
from tests.bench.front_wrk import CONNECTIONS, FEW, FailedError, Sample, Way, load

ROUNDS = 3
SECONDS = 2
NEEDED = ("wrk", "nginx", "nft", "wg", "wireguard-go", "openssl", "jq", "curl")
INTERLEAVED = (
    "files", "bare files", "again", "near", "clear", "bare clear",
    "wire", "straight", "near wire", "bare wire", "tunnel", "bare tunnel",
)  # fmt: skip
CANARY = ("alone", "pair")
ONLY_AT = {"again": "10 KB", "near": "1 KB"}
"""Ways that explain the others are asked at one size: where an answer is small, what comes with it counts most."""


@dataclass(frozen=True)
class Comparison:
    """One way beside another, and what the ratio of their rates should be."""

    name: str
    way: str
    floor: str
    aim: str = ""


COMPARISONS = (
    Comparison("noise: bare nginx ÷ itself", "again", "bare files"),
    Comparison("files, HTTPS: our front ÷ bare nginx", "files", "bare files", "≥ 0.95"),
    Comparison("… ÷ bare nginx behind the same packet filter", "files", "near"),
    Comparison("a service over a veth: our front ÷ smallest proxy", "wire", "bare wire", "≥ 0.95"),
    Comparison(
        "… connections tracked: smallest proxy, behind the mirror's packet filter ÷ without", "near wire", "bare wire"
    ),
    Comparison("… what our configuration does more, both behind it", "straight", "near wire"),
    Comparison("… addressed anew, to a slot and to an instance", "wire", "straight"),
    Comparison("a service over wireguard-go: our front ÷ smallest proxy", "tunnel", "bare tunnel", "≥ 0.95"),
    Comparison("the fabric's floor: smallest proxy, wireguard-go ÷ veth", "bare tunnel", "bare wire"),
    Comparison("our front, HTTPS ÷ HTTP", "files", "clear", "≥ 0.45 at 10 KB"),
    Comparison("bare nginx, HTTPS ÷ HTTP", "bare files", "bare clear"),
    Comparison("a canary pair ÷ our front alone", "pair", "alone", "≥ 0.95"),
)


@dataclass
class Found:
    """The samples of each way and size, one a round; and what went wrong."""

    names: Mapping[str, str]
    """What the ways are called in the table."""
    samples: dict[tuple[str, str], list[Sample | None]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def add(self, key: str, size: str, sample: Sample | None) -> None:
        """One round's."""
        self.samples.setdefault((key, size), []).append(sample)

    def pairs(self, it: Comparison, size: str) -> list[tuple[Sample, Sample]]:
        """Samples of one round each, where both were measured."""
        both = zip(self.samples.get((it.way, size), []), self.samples.get((it.floor, size), []), strict=False)
        return [(mine, least) for mine, least in both if mine and least]


def lines(say: Callable[[str], None]) -> list[str]:
    """Measure all of it; what could not be measured says why."""
    lacking = [name for name in NEEDED if shutil.which(name) is None]
    if sys.platform != "linux" or os.geteuid() != 0:
        return ["The mirrors' front: skipped: needs root on Linux"]
    if lacking:
        return [f"The mirrors' front: skipped: {', '.join(lacking)} not installed"]
    try:
        return table(measure(say))
    except Exception as error:
        return [f"The mirrors' front: {type(error).__name__}: {error}"]


def measure(say: Callable[[str], None]) -> Found:
    """All rounds on one rig."""
    with rigged() as rig:
        ways = rig.ways()
        found = Found({key: way.name for key, way in ways.items()})
        for number in range(ROUNDS):
            begun = time.monotonic()
            _turns(rig, ways, number, found)
            _canary(rig, ways, number, found)
            say(f"the front, round {number + 1} of {ROUNDS}: {time.monotonic() - begun:.0f} s")
    return found


def _turns(rig: Rig, ways: Mapping[str, Way], number: int, found: Found) -> None:
    for size in SIZES:
        keys = [key for key in INTERLEAVED if ONLY_AT.get(key, size) == size]
        for key in keys if number % 2 == 0 else reversed(keys):
            found.add(key, size, _sample(rig, ways[key], size, found))


def _canary(rig: Rig, ways: Mapping[str, Way], number: int, found: Found) -> None:
    """A real swap, whose two fronts share the new connections while they are compared; before it one serves alone."""
    for size in SIZES:
        found.add("alone", size, _sample(rig, ways["alone"], size, found))
    with rig.swap(1000 + number) as swap:
        until = time.monotonic() + WATCH - 0.5
        for size in SIZES:
            shared = time.monotonic() + SECONDS < until and swap.poll() is None
            found.add("pair", size, _sample(rig, ways["pair"], size, found) if shared else None)
            if not shared:
                found.wrong.append(f"a canary pair, {size}: the comparison was over before the load")
        said, _ = swap.communicate(timeout=60)
        if swap.returncode:
            found.wrong.append(f"a canary pair: {said.strip().splitlines()[-1]}")


def _sample(rig: Rig, way: Way, size: str, found: Found) -> Sample | None:
    try:
        with on(rig.others):
            return load(
                way, SIZES[size][0], SECONDS, rig.plant.client, rig.folder, FEW if size == "1 MB" else CONNECTIONS
            )
    except (FailedError, subprocess.TimeoutExpired) as error:
        found.wrong.append(f"{way.name}, {size}: {error}")
        return None


def table(found: Found) -> list[str]:
    """Two tables: what each way came to, and the ratios."""
    head = " | ".join(SIZES)
    ruler = "|---|" + "---:|" * len(SIZES)
    text = [
        f"The mirrors' front by wrk, kept connections ({CONNECTIONS}; {FEW} at 1 MB), one worker; {ROUNDS} rounds in"
        f" turns, {SECONDS} s each: requests a second · p99 · the servers' processor time a request (medians)",
        "",
        f"| way | {head} |",
        ruler,
    ]
    for key in (*INTERLEAVED, *CANARY):
        cells = [_figures([one for one in found.samples.get((key, size), []) if one]) for size in SIZES]
        text.append(f"| {found.names[key]} | {' | '.join(cells)} |")
    text += [
        "",
        "Ratios of requests a second of the same round: median (least to most) · ratio of processor time a request",
        "",
        f"| what | {head} | aim |",
        f"{ruler}---|",
    ]
    for it in COMPARISONS:
        cells = [ratio(found.pairs(it, size)) for size in SIZES]
        text.append(f"| {it.name} | {' | '.join(cells)} | {it.aim} |")
    text += ["", *_notes(found.wrong)]
    return text


def _figures(samples: Sequence[Sample]) -> str:
    if not samples:
        return "–"
    rate, late, used = (_middle(column) for column in zip(*((s.rate, s.p99, s.used) for s in samples), strict=True))
    return f"{rate:,.0f} · {late * 1e3:.1f} ms · {used * 1e6:,.0f} µs"


def ratio(pairs: Sequence[tuple[Sample, Sample]]) -> str:
    """What one way's rate is of another's, round by round, so that a slow round is slow for both."""
    rates = [mine.rate / least.rate for mine, least in pairs if least.rate]
    if not rates:
        return "–"
    used = [mine.used / least.used for mine, least in pairs if least.used]
    spread = f"{_middle(rates):.2f} ({min(rates):.2f} to {max(rates):.2f})"
    return f"{spread} · {_middle(used):.2f}" if used else spread


def _middle(numbers: Iterable[float]) -> float:
    return statistics.median(numbers)


def _notes(wrong: Sequence[str]) -> list[str]:
    notes = [
        "- The first line of the ratios is two equal things: what differs less than that is noise of this machine.",
        "- Our front and the bare nginx serve one tree with one certificate, TLS 1.3, each in a network namespace; the"
        " bare one writes no access log, and has no packet filter unless it is on the mirror itself.",
        "- In the clear our front only says where to go. Its HTTP is the same configuration beside it, without TLS.",
        "- WireGuard is wireguard-go in user space, at both ends on this machine: the floor of a fabric here.",
        "- The canary pair is a real swap: two fronts, each with half of the new connections, being compared.",
        "- Servers have one processor, if there are two; clients, instances and scripts the others.",
    ]
    return notes + [f"- Not measured: {why}" for why in dict.fromkeys(wrong)]

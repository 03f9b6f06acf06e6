"""`python -m tests.bench [hosts…]`: how we do beside floor, Ansible, bare Nomad and bare nginx, and where it goes.

It reports and judges nothing: a slow machine is no failure. What could not be measured says why in the table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.bench import control, front, github, hosts, login, man, plans
from toolchain.places import ROOT

SIZES = (10, 100, 1000)
PARTS = ("fleets", "hosts", "control", "front", "github", "login", "man")


def say(text: str) -> None:
    """What happens now, beside the table."""
    print(f"  {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure and print the table, also into build/bench.md."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=list(SIZES), help="numbers of hosts (10 100 1000)")
    parser.add_argument("--runs", type=int, default=3, help="runs a size, of which the median counts; 1 from 1,000 on")
    parser.add_argument("--no-hosts", action="store_true", help="leave the running rehearsal alone")
    parser.add_argument("--only", choices=PARTS, help="one part alone, into a page of its own")
    chosen = parser.parse_args()
    wanted = {chosen.only} if chosen.only else set(PARTS)
    parts: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="void-fleet-bench-") as place:
        if "fleets" in wanted:
            parts.append(_plans([_row(size, chosen.runs, Path(place)) for size in chosen.sizes]))
        if "hosts" in wanted:
            parts.append(_hosts(chosen.no_hosts))
        if "control" in wanted:
            parts.append(control.lines(Path(place), say))
        if "front" in wanted:
            parts.append(front.lines(say))
        if "github" in wanted:
            parts.append(github.lines(Path(place), say))
        if "login" in wanted:
            parts.append(login.lines(say))
        if "man" in wanted:
            parts.append(man.lines(say))
    lines = [line for part in parts for line in (*part, "")][:-1]
    text = "\n".join(lines) + "\n"
    print(text)
    page = ROOT / "build" / (f"bench-{chosen.only}.md" if chosen.only else "bench.md")
    page.parent.mkdir(exist_ok=True)
    page.write_text(text)
    say(f"written to {page.relative_to(ROOT)}")


def _row(size: int, runs: int, place: Path) -> plans.Row:
    try:
        return plans.measure(size, runs if size < 1000 else 1, place, say)
    except Exception as error:
        return plans.Row(size, failed=f"{type(error).__name__}: {error}")


def _plans(rows: list[plans.Row]) -> list[str]:
    lines = [
        "First preview of a fleet of metal hosts, plan only (medians; the floor registers as many resources with a"
        " provider that does nothing)",
        "",
        "| hosts | resources | preview | floor | ratio | peak memory | floor's | state, as planned | a host |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        if row.failed:
            lines.append(f"| {row.hosts:,} | {row.failed} | | | | | | | |")
            continue
        lines.append(
            f"| {row.hosts:,} | {row.resources:,} | {row.ours:.2f} s | {row.floor:.2f} s | {row.ours / row.floor:.2f}"
            f" | {_size(row.peak)} | {_size(row.floor_peak)} | {_size(row.state)} | {_size(row.state // row.hosts)} |"
        )
    lines += ["", "Where the time goes", ""]
    for row in rows:
        if not row.failed:
            lines.append(
                f"- {row.hosts:,} hosts: reading and checking the data {row.load:.2f} s, planning {row.plan:.2f} s;"
                f" processor: {_cpu(row.cpu)}; the floor's: {_cpu(row.floor_cpu)}"
            )
    lines += [
        "",
        "Peak memory is the sum of resident memory of engine, program and provider; shared pages count in each. The"
        " state is what the plan would store: inputs, and outputs as far as they are known. A real `up` needs"
        " hosts, and adds what they answer; the rehearsal's own state is below.",
    ]
    return lines


def _hosts(left_out: bool) -> list[str]:
    if left_out:
        return ["Hosts as declared: left out (--no-hosts)"]
    try:
        number, timings, state = hosts.measure(say)
    except Exception as error:
        number, timings, state = 0, [hosts.Timing("hosts", note=f"{type(error).__name__}: {error}")], 0
    lines = [f"Looking at {number or 'the'} hosts that are as declared (medians of {hosts.RUNS})", ""]
    lines += ["| way | seconds | beside bare ssh |", "|---|---:|---:|"]
    bare = timings[0].seconds
    for one in timings:
        if one.note:
            lines.append(f"| {one.name} | {one.note} | |")
        else:
            lines.append(
                f"| {one.name} | {one.seconds:.2f} | {one.seconds / bare:.1f} |"
                if bare
                else f"| {one.name} | {one.seconds:.2f} | |"
            )
    if state:
        lines += [
            "",
            f"State of the rehearsal: {_size(state)}, {_size(state // max(number, 1))} a host, clouds and DNS included",
        ]
    return lines


def _size(count: int) -> str:
    if not count:
        return "not known"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def _cpu(cpu: dict[str, float] | None) -> str:
    known = sorted((cpu or {}).items(), key=lambda item: -item[1])
    return ", ".join(f"{kind} {seconds:.1f} s" for kind, seconds in known) or "not known"


if __name__ == "__main__":
    main()

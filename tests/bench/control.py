"""The control plane's part of the table: allocations placed, memory of the agents, and the preview of all jobs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench import memory, placing, previews


def lines(place: Path, say: Callable[[str], None]) -> list[str]:
    """Measure all three; what could not be measured says why."""
    return [*_placing(place, say), "", *_memory(say), "", *_previews(place, say)]


def _placing(place: Path, say: Callable[[str], None]) -> list[str]:
    if sys.platform != "linux" or os.geteuid() != 0:
        return placed([placing.Way("allocations", note="skipped: needs root on Linux")])
    try:
        return placed(placing.measure(place, say))
    except Exception as error:
        return placed([placing.Way("allocations", note=f"{type(error).__name__}: {error}")])


def placed(ways: list[placing.Way]) -> list[str]:
    """The table of allocations; the last way is the bare one."""
    runs = max(way.runs for way in ways)
    found = [
        f"{placing.COUNT} allocations of one batch job on one Nomad agent ({placing.TASK}: `exec` builds a root file"
        f" system for each); seconds since the command began, medians of {runs}, in turns",
        "",
        "| way | command ended | all placed | ratio | all running | ratio |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    bare = ways[-1]
    for way in ways:
        if way.note or not way.runs:
            found.append(f"| {way.name} | {way.note or 'not measured'} | | | | |")
            continue
        ratios = [f"{mine / least:.2f}" if least else "" for mine, least in _pairs(way, bare)]
        found.append(
            f"| {way.name} | {way.ended:.2f} s | {way.placed:.2f} s | {ratios[0]} | {way.running:.2f} s | {ratios[1]} |"
        )
    return found


def _pairs(way: placing.Way, bare: placing.Way) -> list[tuple[float, float]]:
    return [(way.placed, bare.placed), (way.running, bare.running)]


def _memory(say: Callable[[str], None]) -> list[str]:
    try:
        where, agents = memory.measure(say)
    except Exception as error:
        where, agents = f"{type(error).__name__}: {error}", []
    return remembered(where, agents)


def remembered(where: str, agents: list[memory.Agents]) -> list[str]:
    """The table of memory."""
    found = [f"Memory of each agent (PSS): {where}", ""]
    if not agents:
        return found
    found += ["| agent | processes | median | least | most |", "|---|---:|---:|---:|---:|"]
    for one in agents:
        sizes = " | ".join(f"{size / 1e6:.1f} MB" for size in (one.median, one.sizes[0], one.sizes[-1]))
        found.append(f"| {one.kind} | {len(one.sizes)} | {sizes} |")
    return found


def _previews(place: Path, say: Callable[[str], None]) -> list[str]:
    return previewed(previews.measure(place, say))


def previewed(rows: list[previews.Row]) -> list[str]:
    """The table of previews."""
    found = [
        f"First preview of what {previews.STACK} runs (medians of {previews.RUNS}; the floor registers as many"
        " resources with a provider that does nothing)",
        "",
        "| what | resources | jobs | planned by a scheduler | preview | floor | ratio |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        if row.note or not row.floor:
            found.append(f"| {row.name} | {row.note or 'not measured'} | | | | | |")
            continue
        found.append(
            f"| {row.name} | {row.resources:,} | {row.jobs} | {row.planned} | {row.ours:.2f} s | {row.floor:.2f} s"
            f" | {row.ours / row.floor:.2f} |"
        )
    return found

"""The preview of prod and of its jobs beside the engine's floor: planned by nobody, and by a real scheduler."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.blocks import jobs
from model import load
from rehearsal import preview
from rehearsal.alone.agent import running
from servers import Api
from tests.bench import floor
from tests.bench.cloud import Bench, project, serving
from tests.bench.measure import Measured, median, run
from toolchain.places import ROOT

STACK = "prod"
RUNS = 3
MOST = 170.0
# Every job of the data, those that are held too, as the program itself makes and registers them.
PROGRAM = """\
import os
from pathlib import Path

from components.blocks import jobs
from components.services.component import Services, ServicesArgs, waited
from model import load

fleet = load(Path(os.environ["BENCH_DATA"]))
Services("services", ServicesArgs(jobs(fleet), os.environ["BENCH_NOMAD"], waited(fleet)))
"""


@dataclass
class Row:
    """One preview. A `note` says why the rest is missing."""

    name: str
    resources: int = 0
    jobs: int = 0
    planned: int = 0
    ours: float = 0.0
    floor: float = 0.0
    note: str = ""


def counts(states: list[dict[str, Any]]) -> tuple[int, int, int]:
    """How many resources are components, how many are a provider's, and how many of those are jobs."""
    custom = [state.get("custom", False) and not state["type"].startswith("pulumi:") for state in states]
    return len(custom) - sum(custom), sum(custom), sum(state["type"] == "nomad:index/job:Job" for state in states)


def measure(place: Path, say: Callable[[str], None]) -> list[Row]:
    """The whole stack as `make preview` plans it, then the jobs alone, without and with a scheduler."""
    return [
        _guarded(f"{STACK} whole, plan-only cloud (`make preview`)", lambda row: _whole(row, place, say)),
        _guarded(f"all jobs of {STACK}, plan-only cloud", lambda row: _jobs(row, place / "plan-only", None, say)),
        _guarded(f"all jobs of {STACK}, each planned by a lone Nomad", lambda row: _planned(row, place, say)),
    ]


def _guarded(name: str, work: Callable[[Row], None]) -> Row:
    row = Row(name)
    try:
        work(row)
    except Exception as error:
        row.note = f"{type(error).__name__}: {error}"
    return row


def _whole(row: Row, place: Path, say: Callable[[str], None]) -> None:
    with preview.embedded(STACK) as (env, config):
        words = ["pulumi", "preview", "--stack", STACK, "--config-file", str(config), "--non-interactive"]
        own = env | {"FLEET_PYTHON": sys.executable}
        _beside(row, words, own, ROOT, place / "floor-whole", say)


def _planned(row: Row, place: Path, say: Callable[[str], None]) -> None:
    with running(set()) as agent:
        prepare(agent.api)
        _jobs(row, place / "planned", agent.api, say)


def prepare(api: Api) -> None:
    """What stands before any job in the fleet: namespaces and pools, and a scheduler that allows more memory."""
    services = load(ROOT / "stacks" / STACK).services.values()
    api.put(
        "/v1/operator/scheduler/configuration",
        {"SchedulerAlgorithm": "binpack", "MemoryOversubscriptionEnabled": True},
    )
    for name in sorted({service.namespace for service in services} - {"default"}):
        api.put(f"/v1/namespace/{name}", {"Name": name})
    for name in sorted({service.pool for service in services} - {"default", "all"}):
        api.put(f"/v1/node/pool/{name}", {"Name": name})


def _jobs(row: Row, place: Path, api: Api | None, say: Callable[[str], None]) -> None:
    with serving(place, plan_only=api is None) as bench:
        folder = project(place / "program", "bench", PROGRAM)
        env = bench.env | {
            "BENCH_DATA": str(ROOT / "stacks" / STACK),
            # Plan only: nobody is asked there.
            "BENCH_NOMAD": api.address if api else "https://nomad.fleet.example",
        }
        words = ["pulumi", "preview", *bench.stack("jobs", folder)[:3]]
        whole = _beside(row, words, env, folder, place / "floor", say, bench)
        row.planned = sum("plan" in (state.get("inputs") or {}) for state in whole)
        wanted = len(jobs(load(ROOT / "stacks" / STACK)))
        if row.jobs != wanted or row.planned != (wanted if api else 0):
            row.note = row.note or f"{row.jobs} jobs of {wanted}, {row.planned} planned: not what is to be measured"


def _beside(
    row: Row, words: list[str], env: dict[str, str], cwd: Path, bare: Path, say: Callable[[str], None],
    bench: Bench | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Fill a row with our preview and the floor's of as many resources; returns the resources as planned."""
    whole = run([*words, "--json"], env=env, cwd=cwd, most=MOST)
    _raise(whole, "ours")
    states = [step["newState"] for step in json.loads(whole.out)["steps"] if step.get("newState")]
    components, custom, row.jobs = counts(states)
    row.resources = len(states)
    quiet = ["--suppress-progress", "--suppress-outputs"]
    ours = median([*words, *quiet], env=env, cwd=cwd, runs=RUNS, most=MOST, heard=lambda t: say(f"{row.name}: {t}"))
    _raise(ours, "ours")
    # One component less: the stack itself is among them.
    folder = floor.project(bare, components - 1, custom, sys.executable)
    name = "floor-whole" if bench is None else "floor"
    there = bench or Bench(bare, env)
    floor_words = ["pulumi", "preview", *there.stack(name, folder)]
    least = median(floor_words, env=env, cwd=folder, runs=RUNS, most=MOST, heard=lambda t: say(f"floor: {t}"))
    _raise(least, "floor")
    row.ours, row.floor = ours.seconds, least.seconds
    return states


def _raise(one: Measured, whose: str) -> None:
    if one.failed:
        raise RuntimeError(f"{whose}: {one.failed}")

"""Preview beside the engine's floor, for fleets that exist only as data."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from components.dns.plan import records
from components.ground import desired_states
from model import load
from rehearsal import engine
from tests.bench import floor
from tests.bench.fleets import generate
from tests.bench.measure import Measured, run
from toolchain.places import ROOT

MARGIN = 600.0


@dataclass
class Row:
    """What was measured at one size. A text in `failed` says why the rest is missing."""

    hosts: int
    runs: int = 0
    resources: int = 0
    ours: float = 0.0
    floor: float = 0.0
    peak: int = 0
    floor_peak: int = 0
    state: int = 0
    cpu: dict[str, float] | None = None
    floor_cpu: dict[str, float] | None = None
    load: float = 0.0
    plan: float = 0.0
    failed: str = ""


def measure(hosts: int, runs: int, place: Path, say: Callable[[str], None]) -> Row:
    """Median previews of the unchanged program on a fleet of so many hosts, and of the floor with as many resources."""
    row = Row(hosts, runs)
    data = place / f"data-{hosts}"
    generate(data, hosts)
    begun = time.monotonic()
    fleet = load(data)
    row.load = time.monotonic() - begun
    begun = time.monotonic()
    desired_states(fleet)
    records(fleet)
    row.plan = time.monotonic() - begun

    run_folder = place / f"run-{hosts}"
    (run_folder / "backend").mkdir(parents=True)
    (run_folder / "pulumi-home").mkdir()
    env = engine.environment(run_folder) | {"FLEET_PYTHON": sys.executable}
    stack = f"bench-{hosts}"
    try:
        _ours(row, env, stack, data, place, say)
        if not row.failed:
            _floor(row, env, stack, place, say)
    finally:
        # The program writes its shared document there; nothing of a bench stays in the checkout.
        shutil.rmtree(ROOT / ".fleet" / stack, ignore_errors=True)
    return row


def _stack(env: dict[str, str], stack: str, project: Path, settings: str) -> Path:
    project.mkdir(parents=True, exist_ok=True)
    if not (project / "Pulumi.yaml").exists():
        (project / "Pulumi.yaml").write_text("name: fleet\nruntime: python\n")
    config = project / f"Pulumi.{stack}.yaml"
    config.write_text(settings)
    engine.pulumi(env, "stack", "init", stack, "--no-select", cwd=project)
    return config


def _ours(row: Row, env: dict[str, str], stack: str, data: Path, place: Path, say: Callable[[str], None]) -> None:
    config = _stack(env, stack, place / f"project-{row.hosts}", f"config:\n  fleet:data: {data}\n")
    words = ["pulumi", "preview", "--stack", stack, "--config-file", str(config), "--non-interactive"]
    say(f"{row.hosts} hosts: the plan as JSON, for its resources and the size of its state")
    whole = run([*words, "--json"], env=env, cwd=ROOT, most=MARGIN)
    if whole.failed:
        row.failed = f"the preview failed: {whole.failed}"
        return
    steps = json.loads(whole.out)["steps"]
    states = [step["newState"] for step in steps if step.get("newState")]
    row.resources = len(states)
    row.state = sum(len(json.dumps(state)) for state in states)
    kinds = [state.get("custom", False) and not state["type"].startswith("pulumi:") for state in states]
    env["BENCH_CUSTOM"], env["BENCH_COMPONENTS"] = str(sum(kinds)), str(len(kinds) - sum(kinds))
    best = _median([*words, "--suppress-progress", "--suppress-outputs"], env, ROOT, row, say, "ours")
    if best:
        row.ours, row.peak, row.cpu = best.seconds, best.peak, best.cpu


def _floor(row: Row, env: dict[str, str], stack: str, place: Path, say: Callable[[str], None]) -> None:
    folder = floor.project(
        place / f"floor-{row.hosts}", int(env["BENCH_COMPONENTS"]) - 1, int(env["BENCH_CUSTOM"]), sys.executable
    )
    _stack(env, stack, folder, "config: {}\n")
    words = ["pulumi", "preview", "--stack", stack, "--non-interactive", "--suppress-progress", "--suppress-outputs"]
    best = _median(words, env, folder, row, say, "floor")
    if best:
        row.floor, row.floor_peak, row.floor_cpu = best.seconds, best.peak, best.cpu


def _median(
    words: list[str], env: dict[str, str], cwd: Path, row: Row, say: Callable[[str], None], whose: str
) -> Measured | None:
    found: list[Measured] = []
    for number in range(row.runs):
        one = run(words, env=env, cwd=cwd, most=MARGIN)
        if one.failed:
            row.failed = f"{whose}: {one.failed}"
            return None
        found.append(one)
        say(f"{row.hosts} hosts, {whose}, run {number + 1} of {row.runs}: {one.seconds:.2f} s")
    middle = statistics.median_low([one.seconds for one in found])
    return next(one for one in found if one.seconds == middle)

"""A hundred allocations on one Nomad agent: through the program and its stand-in, and by `nomad job run` alone."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.alone.adapted import DATACENTER
from rehearsal.alone.agent import Agent, running
from servers import Api, ApiError
from tests.bench.cloud import Bench, project, serving
from tests.bench.measure import Measured, run
from toolchain.servers import servers_folder

COUNT = 100
RUNS = 3
MOST = 80.0
EVERY = 0.1
# Nobody watches for longer than this what the first run showed to be slow.
BUDGET = 150.0
TASK = "raw_exec `sleep`, without log collector"
PROGRAM = """\
import json
import os
from pathlib import Path

from components.blocks import Job
from components.services.component import Services, ServicesArgs

body = json.loads(Path(os.environ["BENCH_JOB"]).read_text())["Job"]
Services("services", ServicesArgs({body["ID"]: Job(body["ID"], "batch", body)}, os.environ["BENCH_NOMAD"]))
"""


@dataclass
class Way:
    """One way of running the job: medians of seconds since its command began. A `note` says why there are none."""

    name: str
    ended: float = 0.0
    placed: float = 0.0
    running: float = 0.0
    runs: int = 0
    note: str = ""


def job(name: str, count: int) -> dict[str, Any]:
    """A job of so many allocations of next to nothing."""
    task = {
        "Name": "sleep",
        "Driver": "raw_exec",
        "Config": {"command": "/bin/sleep", "args": ["600"]},
        "Resources": {"CPU": 10, "MemoryMB": 10},
        # A log collector is one more process of Nomad an allocation, and measures nothing of ours.
        "LogConfig": {"Disabled": True, "MaxFiles": 1, "MaxFileSizeMB": 1},
        "KillTimeout": 1_000_000_000,
    }
    group = {
        "Name": "many",
        "Count": count,
        "Tasks": [task],
        "EphemeralDisk": {"SizeMB": 10},
        "RestartPolicy": {"Attempts": 0, "Mode": "fail"},
        "ReschedulePolicy": {"Attempts": 0, "Unlimited": False},
    }
    return {"ID": name, "Name": name, "Type": "batch", "Datacenters": [DATACENTER], "TaskGroups": [group]}


def counted(summary: Mapping[str, Any]) -> tuple[int, int]:
    """How many allocations a job's summary says are placed, and how many of them run."""
    groups = (summary.get("Summary") or {}).values()
    runs = sum(group.get("Running", 0) for group in groups)
    return runs + sum(group.get(word, 0) for group in groups for word in ("Starting", "Complete", "Failed")), runs


class Watch(threading.Thread):
    """Asks for a job's summary until all its allocations run."""

    def __init__(self, api: Api, name: str, count: int, most: float = MOST) -> None:
        super().__init__(daemon=True)
        self.api, self.job, self.count, self.most = api, name, count, most
        self.placed = self.runs = 0.0
        self.given_up = threading.Event()

    def run(self) -> None:
        """Ask, from now on."""
        begun = time.monotonic()
        while not self.given_up.wait(EVERY) and time.monotonic() - begun < self.most:
            try:
                summary = self.api.get(f"/v1/job/{self.job}/summary", missing_ok=True) or {}
            except ApiError:
                continue
            placed, runs = counted(summary)
            now = time.monotonic() - begun
            self.placed = self.placed or (now if placed >= self.count else 0.0)
            if runs >= self.count:
                self.runs = now
                return


def measure(place: Path, say: Callable[[str], None]) -> list[Way]:
    """Ours first, then the bare way, in turns."""
    ways = [Way("ours: `pulumi up`, pulumi_nomad's Job"), Way("bare `nomad job run -json`")]
    found: list[list[tuple[float, float, float]]] = [[], []]
    begun = time.monotonic()
    with running(set()) as agent, serving(place / "placing", plan_only=False) as bench:
        folder = project(place / "placing" / "program", "bench", PROGRAM)
        longest = 0.0
        for number in range(RUNS):
            if number and time.monotonic() - begun + longest > BUDGET:
                break
            lap = time.monotonic()
            for index in range(len(ways)):
                name = f"bench-{number}-{index}"
                spec = bench.place / f"{name}.json"
                spec.write_text(json.dumps({"Job": job(name, COUNT)}))
                argv = _bare(agent, spec) if index else _ours(bench, folder, spec)
                one, watch = _one(agent, bench, argv, spec, folder, name)
                why = one.failed or ("" if watch.runs else f"not all of {COUNT} ran within {MOST:.0f} s")
                if why:
                    ways[index].note = why
                    return ways
                found[index].append((one.seconds, watch.placed, watch.runs))
                say(
                    f"{COUNT} allocations, {ways[index].name}: ended {one.seconds:.2f} s, placed {watch.placed:.2f} s,"
                    f" running {watch.runs:.2f} s"
                )
            longest = max(longest, time.monotonic() - lap)
    for way, samples in zip(ways, found, strict=True):
        way.runs = len(samples)
        way.ended, way.placed, way.running = (statistics.median(column) for column in zip(*samples, strict=True))
    return ways


def _ours(bench: Bench, folder: Path, spec: Path) -> list[str]:
    return ["pulumi", "up", "--yes", "--skip-preview", *bench.stack(spec.stem, folder)]


def _bare(agent: Agent, spec: Path) -> list[str]:
    return [str(servers_folder() / "bin" / "nomad"), "job", "run", "-json", f"-address={agent.api.address}", str(spec)]


def _one(agent: Agent, bench: Bench, argv: list[str], spec: Path, folder: Path, name: str) -> tuple[Measured, Watch]:
    env = bench.env | {"BENCH_JOB": str(spec), "BENCH_NOMAD": agent.api.address}
    watch = Watch(agent.api, name, COUNT)
    watch.start()
    one = run(argv, env=env, cwd=folder, most=MOST)
    if one.failed:
        watch.given_up.set()
    watch.join()
    agent.api.delete(f"/v1/job/{name}", purge=True)
    _emptied(agent.api)
    return one, watch


def _emptied(api: Api, seconds: float = 40.0) -> None:
    """The next run begins on an agent that has nothing to do."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if all(one["ClientStatus"] in ("complete", "failed", "lost") for one in api.get("/v1/allocations")):
            break
        time.sleep(0.3)
    api.put("/v1/system/gc")
    time.sleep(1.0)

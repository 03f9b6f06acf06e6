"""`python -m rehearsal.alone NAME`: what `make block NAME=…` runs. Ends with Ctrl-C, and leaves nothing."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from model import BadData, load
from model.placement import groups_of
from model.services import Service
from rehearsal.alone.adapted import Alone, CannotRunAloneError, alone, companions
from rehearsal.alone.agent import Agent, AgentError, running
from rehearsal.testhosts.settings import RehearsalError
from servers import Api, ApiError
from toolchain.places import ROOT
from toolchain.progress import UnavailableError

START_SECONDS = 90.0


def main() -> int:
    """Run one service until told to stop; 1 where it does not get well, or a run of it fails."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.alone", description=__doc__)
    parser.add_argument("name", help="a service of the stack")
    parser.add_argument("--stack", default="local")
    parser.add_argument("--seconds", type=float, help="stop by itself after so long")
    asked = parser.parse_args()
    if os.geteuid() != 0:
        print("block: Nomad isolates what it runs, and needs root for that; `make job` prints the job", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        return block(asked.stack, asked.name, asked.seconds)
    except (BadData, CannotRunAloneError, AgentError, ApiError, RehearsalError, UnavailableError) as problem:
        print(f"block: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def block(stack: str, name: str, seconds: float | None) -> int:
    """Start what the service needs, then the service; show where it is and what it says."""
    fleet = load(ROOT / "stacks" / stack)
    if name not in fleet.services:
        raise CannotRunAloneError(f"stacks/{stack} has no service {name}; it has: {', '.join(sorted(fleet.services))}")
    jobs = [alone(fleet, one) for one in (*companions(fleet, name), name)]
    with running({volume for one in jobs for volume in one.volumes}) as agent:
        shown = ", ".join(one.name for one in jobs)
        print(f"{shown}: on one Nomad agent, {agent.api.address}/ui", flush=True)
        good = all(start(agent, one) for one in jobs)
        last = jobs[-1]
        if good and _for_people(fleet.services[name], name):
            print("Nobody can come in: there is no directory of people here; `make rehearsal` has one.", flush=True)
        if good and not last.ends:
            _wait(seconds)
        print("stopping", flush=True)
        for one in jobs:
            agent.api.delete(f"/v1/job/{one.name}", purge=True)
        _await_end(agent.api)
    print("stopped, nothing is left", flush=True)
    return 0 if good else 1


def _for_people(service: Service, name: str) -> bool:
    """Whether it asks a directory whom to let in."""
    tasks = [task for placed in groups_of(name, service) for _, _, task in placed.tasks]
    return any(it.facts == "devspace" for task in tasks for it in task.templates.values())


def _wait(seconds: float | None) -> None:
    end = time.monotonic() + seconds if seconds is not None else None
    with suppress(KeyboardInterrupt):
        print("Ctrl-C stops it and removes everything.", flush=True)
        while end is None or time.monotonic() < end:
            time.sleep(0.2)


def start(agent: Agent, job: Alone) -> bool:
    """Run a job and say where it is, or how its run ended."""
    agent.remember(job.variables)
    agent.api.post("/v1/jobs", {"Job": job.body})
    ran = job.name
    if job.periodic:
        agent.api.put(f"/v1/job/{job.name}/periodic/force")
    end = time.monotonic() + START_SECONDS
    followed: set[str] = set()
    while time.monotonic() < end:
        allocations = _allocations(agent.api, ran)
        for allocation in allocations:
            _follow(agent.api, allocation, followed)
        if allocations and all(_well(agent.api, one, job) for one in allocations):
            if job.ends:
                time.sleep(0.5)  # its last words are on their way
            for allocation in allocations:
                _say_where(agent.api, allocation)
            return True
        if any(one["ClientStatus"] == "failed" for one in allocations):
            time.sleep(1.0)
            print(f"{job.name}: failed: {_why(allocations)}", flush=True)
            return False
        time.sleep(0.3)
    print(f"{job.name}: not well within {START_SECONDS:.0f} s: {_why(_allocations(agent.api, ran))}", flush=True)
    return False


def _allocations(api: Api, name: str) -> list[dict[str, Any]]:
    found = [one for one in api.get("/v1/allocations") if one["JobID"].split("/")[0] == name]
    return sorted(found, key=lambda one: str(one["ID"]))


def _well(api: Api, allocation: dict[str, Any], job: Alone) -> bool:
    if job.ends:
        return bool(allocation["ClientStatus"] == "complete")
    if allocation["ClientStatus"] != "running":
        return False
    checks: dict[str, Any] = api.get(f"/v1/client/allocation/{allocation['ID']}/checks") or {}
    wanted = any(service.get("Checks") for group in job.groups for service in group.get("Services") or ())
    return all(one["Status"] == "success" for one in checks.values()) and (bool(checks) or not wanted)


def _why(allocations: list[dict[str, Any]]) -> str:
    said = [
        event.get("DisplayMessage") or event.get("Type")
        for one in allocations
        for task in (one.get("TaskStates") or {}).values()
        for event in (task.get("Events") or [])[-2:]
    ]
    return "; ".join(map(str, said)) or "no allocation was made"


def _say_where(api: Api, allocation: dict[str, Any]) -> None:
    whole = api.get(f"/v1/allocation/{allocation['ID']}")
    ports = ((whole.get("AllocatedResources") or {}).get("Shared") or {}).get("Ports") or []
    where = ", ".join(f"{port['Label']} at {port['HostIP']}:{port['Value']}" for port in ports) or "no port"
    print(f"{whole['JobID']}: {whole['ClientStatus']}, {where}", flush=True)


def _follow(api: Api, allocation: dict[str, Any], followed: set[str]) -> None:
    """Show what its tasks say, each line with the task's name."""
    for task, state in (allocation.get("TaskStates") or {}).items():
        if state.get("State") == "pending" or f"{allocation['ID']}/{task}" in followed:
            continue
        followed.add(f"{allocation['ID']}/{task}")
        for kind in ("stdout", "stderr"):
            threading.Thread(target=_lines, args=(api, allocation["ID"], task, kind), daemon=True).start()


def _lines(api: Api, allocation: str, task: str, kind: str) -> None:
    kept = b""
    with suppress(ApiError):
        path = f"/v1/client/fs/logs/{allocation}"
        for part in api.stream(path, task=task, type=kind, follow=True, plain=True, origin="start"):
            *lines, kept = (kept + part).split(b"\n")
            for line in lines:
                print(f"  {task}: {line.decode(errors='replace')}", flush=True)


def _await_end(api: Api, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if all(one["ClientStatus"] in ("complete", "failed", "lost") for one in api.get("/v1/allocations")):
            return
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())

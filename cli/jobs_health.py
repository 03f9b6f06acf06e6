"""Which jobs are not well, and why: the reason that the scheduler or the last event of a task gives. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cli.allocations import ENDED, allocation, short_node
from cli.health import Part, absent, briefly, quorum, silence, titled, unreadable

STAYS = ("service", "system")
# Events that only say that something goes on; the reason stands before them.
PASSING = ("Received", "Task Setup", "Started", "Restarting", "Not Restarting", "Killing", "Killed", "Alloc Unhealthy")
SHOWN_DEPLOYMENTS = 3

Stub = Mapping[str, Any]


def nomad_part(
    found: Mapping[str, Any],
    hosts: Mapping[str, str],
    voters: Sequence[str],
    clients: Sequence[str],
    now: float | None = None,
) -> Part:
    """Nomad. `found`: leader, alive, nodes, jobs, allocations, blocked, deployments; an exception where not read."""
    if silent := silence(found):
        return Part("NOMAD", (), (silent,))
    servers, wrong = quorum(found, hosts, voters)
    says = [servers]
    nodes, jobs = found.get("nodes"), found.get("jobs")
    if isinstance(nodes, list):
        ready, troubles = _nodes(nodes, clients)
        says.append(f"{ready} of {len(clients)} nodes ready")
        wrong += troubles
    if isinstance(jobs, list):
        ill = unhealthy(jobs, _rows(found, "allocations"), _rows(found, "blocked"))
        stay = [one for one in jobs if one.get("Type") in STAYS and not one.get("Stop") and not _parent(one)]
        well = len([one for one in stay if _key(one) not in ill])
        says.append(f"{well} of {len(stay)} services healthy")
        wrong += [f"{name}: {reason}" for (_, name), reason in sorted(ill.items(), key=lambda one: one[0][1])]
    if last := deployed(_rows(found, "deployments"), time.time() if now is None else now):
        says.append(f"deployed: {', '.join(last)}")
    return Part(titled("NOMAD", found), (*says, *unreadable(found)), tuple(wrong))


def unhealthy(jobs: Iterable[Stub], allocations: Iterable[Stub], blocked: Iterable[Stub]) -> dict[tuple[str, str], str]:
    """Each job (namespace and name) that is not as it should be, and why."""
    of_job: dict[tuple[str, str], list[Stub]] = {}
    for one in allocations:
        of_job.setdefault((str(one.get("Namespace", "")), str(one["JobID"])), []).append(one)
    waiting = {(str(one.get("Namespace", "")), str(one["JobID"])): one for one in blocked}
    found: dict[tuple[str, str], str] = {}
    for job in _last_runs(jobs):
        key = _key(job)
        if job.get("Stop") or _parent(job):
            continue
        mine = of_job.get(key, [])
        reason = ""
        if key in waiting and job.get("Status") != "dead":
            reason = f"not placed: {unplaced(waiting[key])}"
        elif job.get("Type") in STAYS:
            reason = _failing(mine) or (f"no allocation, it is {job.get('Status')}" if not _alive(mine) else "")
            reason = "" if job.get("Type") == "system" and not mine else reason
        else:
            reason = _failed_run(mine)
        if reason:
            found[str(key[0]), str(job.get("ParentID") or key[1])] = reason
    return found


def unplaced(evaluation: Stub) -> str:
    """Why the scheduler found no place."""
    reasons = []
    for group, metric in sorted((evaluation.get("FailedTGAllocs") or {}).items()):
        why = [f"{what} on {n}" for what, n in sorted((metric.get("ConstraintFiltered") or {}).items())]
        why += [f"no {what} left on {n}" for what, n in sorted((metric.get("DimensionExhausted") or {}).items())]
        if not why and not metric.get("NodesEvaluated"):
            why = ["no node of its datacenters is ready"]
        reasons.append(f"{group}: {', '.join(why) or 'no node fits'}")
    if not reasons and evaluation.get("QuotaLimitReached"):
        reasons = ["a quota is reached"]
    return briefly("; ".join(reasons) or str(evaluation.get("StatusDescription") or "no node fits"))


def reason_of(stub: Stub) -> str:
    """The last event of an allocation's failing task that says something."""
    states: Mapping[str, Any] = stub.get("TaskStates") or {}
    for name, task in sorted(states.items(), key=lambda one: not one[1].get("Failed")):
        events = [e for e in task.get("Events") or () if e.get("Type") not in PASSING and _says(e)]
        if events and (task.get("Failed") or task.get("Restarts") or task.get("State") != "running"):
            prefix = f"{name}: " if len(states) > 1 else ""
            return briefly(prefix + _says(events[-1]))
    # All its tasks run, and all the same its deployment gave it up: the check that did not pass in time is named there.
    told = [e for task in states.values() for e in task.get("Events") or () if e.get("Type") == "Alloc Unhealthy"]
    if told and _says(told[-1]):
        return briefly(f"its deployment gave up: {_says(told[-1])}")
    return briefly(str(stub.get("ClientDescription") or stub.get("ClientStatus") or "no reason given"))


def deployed(deployments: Iterable[Stub], now: float) -> list[str]:
    """The last deployments, newest first."""
    newest = sorted(deployments, key=lambda one: -int(one.get("ModifyIndex") or 0))[:SHOWN_DEPLOYMENTS]
    return [f"{one['JobID']} {one['Status']}{_ago(one, now)}" for one in newest]


def _ago(one: Stub, now: float) -> str:
    at = int(one.get("ModifyTime") or one.get("CreateTime") or 0) / 1e9
    if not at:
        return ""
    minutes = max(0, round((now - at) / 60))
    if minutes < 120:
        return f" {minutes} min ago"
    return f" {minutes // 60} h ago" if minutes < 2880 else f" {minutes // 1440} d ago"


def _nodes(nodes: Iterable[Stub], clients: Sequence[str]) -> tuple[int, list[str]]:
    # A node that was made anew leaves its old self behind for a while: the best of one name counts.
    standing: dict[str, Stub] = {}
    for one in nodes:
        name = short_node(str(one["Name"]))
        if name not in standing or one["Status"] == "ready":
            standing[name] = one
    wrong = absent("node", clients, standing)
    for name, one in sorted(standing.items()):
        if one["Status"] != "ready":
            wrong.append(f"{name}: node is {one['Status']}")
        elif one.get("Drain") or one.get("SchedulingEligibility") == "ineligible":
            wrong.append(f"{name}: node takes no new jobs")
    return len([one for one in standing.values() if one["Status"] == "ready"]), wrong


def _failing(stubs: Sequence[Stub]) -> str:
    for stub in sorted(stubs, key=lambda one: -int(one.get("ModifyIndex") or 0)):
        one = allocation(stub)
        if not one.wanted or stub.get("NextAllocation"):
            continue
        looping = any(task.state != "running" and (task.restarts or task.failed) for task in one.tasks)
        unhealthy_ = (stub.get("DeploymentStatus") or {}).get("Healthy") is False
        if one.status in ("failed", "lost", "unknown") or (one.status != "complete" and (looping or unhealthy_)):
            return f"{one.status} on {one.node}: {reason_of(stub)}"
    return ""


def _failed_run(stubs: Sequence[Stub]) -> str:
    """Why the last run of a batch job failed: its newest allocation, when that has ended badly."""
    if not stubs:
        return ""
    newest = max(stubs, key=lambda one: int(one.get("CreateIndex") or 0))
    if newest.get("ClientStatus") != "failed":
        return ""
    return f"last run failed on {short_node(str(newest.get('NodeName', '')))}: {reason_of(newest)}"


def _last_runs(jobs: Iterable[Stub]) -> list[Stub]:
    """Jobs, and of the runs of a periodic job the last one only."""
    found: dict[tuple[str, str], Stub] = {}
    rest = []
    for job in jobs:
        parent = job.get("ParentID")
        if not parent:
            rest.append(job)
            continue
        key = (str(_key(job)[0]), str(parent))
        if key not in found or int(job.get("SubmitTime") or 0) > int(found[key].get("SubmitTime") or 0):
            found[key] = job
    return rest + list(found.values())


def _alive(stubs: Iterable[Stub]) -> bool:
    return any(one.get("ClientStatus") not in ENDED for one in stubs)


def _parent(job: Stub) -> bool:
    return bool(job.get("Periodic") or job.get("ParameterizedJob"))


def _key(job: Stub) -> tuple[str, str]:
    return str(job.get("Namespace") or (job.get("JobSummary") or {}).get("Namespace") or ""), str(job["ID"])


def _says(event: Mapping[str, Any]) -> str:
    return str(event.get("DisplayMessage") or "")


def _rows(found: Mapping[str, Any], name: str) -> list[Any]:
    rows = found.get(name)
    return rows if isinstance(rows, list) else []

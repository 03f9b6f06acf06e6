"""A service as Nomad runs it: found by its name, with its allocations and the machines they are on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cli.mistake import Mistake
from servers import Api

ENDED = ("complete", "failed", "lost")


@dataclass(frozen=True)
class Job:
    """One job of Nomad."""

    name: str
    namespace: str
    kind: str
    parent: bool = False
    """Whether only runs of it have allocations: it is periodic, or dispatched."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Task:
    """One task of an allocation."""

    name: str
    state: str
    failed: bool = False
    restarts: int = 0
    started: str = ""


@dataclass(frozen=True)
class Allocation:
    """One placement of a job's group on a machine."""

    id: str
    group: str
    node: str
    status: str
    wanted: bool
    tasks: tuple[Task, ...]
    made: int = 0

    @property
    def short(self) -> str:
        """The machine and the first part of the identity: what a person reads in front of a line."""
        return f"{self.node}/{self.id[:4]}"

    @property
    def running(self) -> bool:
        """Whether every task of it runs. Tasks that only prepare have ended well by then."""
        return self.status == "running" and all(
            t.state == "running" or (t.state == "dead" and not t.failed) for t in self.tasks
        )


def allocation(stub: Mapping[str, Any]) -> Allocation:
    """An allocation from Nomad's listing of it."""
    states: Mapping[str, Any] = stub.get("TaskStates") or {}
    tasks = tuple(
        Task(
            name,
            str(one.get("State", "")),
            bool(one.get("Failed")),
            int(one.get("Restarts") or 0),
            str(one.get("StartedAt") or ""),
        )
        for name, one in sorted(states.items())
    )
    return Allocation(
        id=str(stub["ID"]),
        group=str(stub.get("TaskGroup", "")),
        node=short_node(str(stub.get("NodeName") or stub.get("NodeID", "")[:8])),
        status=str(stub.get("ClientStatus", "")),
        wanted=stub.get("DesiredStatus") == "run",
        tasks=tasks,
        made=int(stub.get("CreateTime") or 0),
    )


def short_node(name: str) -> str:
    """A machine's own name out of its full one."""
    return name.split(".", 1)[0]


def find(nomad: Api, word: str) -> Job:
    """The job a person means: NAME, or NAMESPACE/NAME where two namespaces have one of that name."""
    found = matching(listed(nomad), word)
    if len(found) == 1:
        return found[0]
    if found:
        ways = ", ".join(str(one) for one in found)
        raise Mistake(word, f"is a job in {len(found)} namespaces", "a name means one job", f"name one of: {ways}")
    near = sorted(str(one) for one in listed(nomad) if word.rpartition("/")[2].lower() in one.name.lower())[:5]
    raise Mistake(
        word,
        "no such service runs, or this token may not see it",
        "a service is named as its job in Nomad",
        f"name one of: {', '.join(near)}"
        if near
        else "see what runs with `fleet status`, or get rights: `fleet login`",
    )


def listed(nomad: Api) -> list[Job]:
    """Every job that the token may see."""
    return [
        Job(
            str(one["ID"]),
            str(one.get("Namespace") or (one.get("JobSummary") or {}).get("Namespace") or "default"),
            str(one.get("Type", "")),
            parent=bool(one.get("Periodic") or one.get("ParameterizedJob")),
        )
        for one in nomad.get("/v1/jobs", namespace="*") or ()
    ]


def matching(jobs: Iterable[Job], word: str) -> list[Job]:
    """The jobs that a word means. Names may hold a slash, as the runs of a periodic job do."""
    known = list(jobs)
    exact = [one for one in known if str(one) == word]
    return exact or [one for one in known if one.name == word]


def allocations(nomad: Api, job: Job, on: str | None = None) -> list[Allocation]:
    """The job's allocations, newest first; of its last run, where the job itself has none."""
    if job.parent:
        runs = [
            one
            for one in nomad.get("/v1/jobs", namespace=job.namespace, prefix=f"{job.name}/") or ()
            if one.get("ParentID") == job.name
        ]
        if not runs:
            raise Mistake(
                str(job), "did not run yet", "only a run has allocations", "wait for its time, then try again"
            )
        last = max(runs, key=lambda one: int(one.get("SubmitTime") or 0))
        job = Job(str(last["ID"]), job.namespace, job.kind)
    stubs = nomad.get(f"/v1/job/{quote(job.name, safe='')}/allocations", namespace=job.namespace) or ()
    found = sorted((allocation(one) for one in stubs), key=lambda one: -one.made)
    if on is None:
        return found
    here = [one for one in found if one.node == short_node(on)]
    if not here:
        nodes = ", ".join(sorted({one.node for one in found if one.status not in ENDED})) or "nowhere"
        raise Mistake(on, f"{job} does not run there", "--on names a machine of the service", f"it runs on: {nodes}")
    return here


def task_of(one: Allocation, named: str | None) -> str:
    """The task a person means: the one named, or the only one."""
    names = [task.name for task in one.tasks]
    if named in names:
        return str(named)
    running = [task.name for task in one.tasks if task.state == "running"]
    if named is None and len(running or names) == 1:
        return (running or names)[0]
    what = f"has no task {named}" if named else "has several tasks"
    raise Mistake(
        one.short, what, "a command runs in one task", f"name one with --task: {', '.join(names) or 'none started yet'}"
    )

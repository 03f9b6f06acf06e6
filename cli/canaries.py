"""The half of a service that waits: Nomad's deployment with canaries in it, and the choice between old and new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from cli.allocations import Allocation, Job, allocation, find
from cli.mistake import Mistake
from servers import Api

# A deployment that can still be promoted or failed.
OPEN = ("running", "paused")


@dataclass(frozen=True)
class Instance:
    """One running allocation, and where it answers: address:port, by the label of the port."""

    allocation: Allocation
    version: int
    ports: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True)
class Waiting:
    """A deployment that waits for somebody to choose."""

    id: str
    job: Job
    began: float
    version: int
    wanted: int
    healthy: int
    old: tuple[Instance, ...]
    new: tuple[Instance, ...]

    @property
    def groups(self) -> frozenset[str]:
        """The groups that wait, as far as anything of them runs."""
        return frozenset(one.allocation.group for one in (*self.old, *self.new))

    @property
    def old_version(self) -> int | None:
        """The version that the old instances run; the newest, where they run several."""
        return max((one.version for one in self.old), default=None)


def waiting(nomad: Api, service: str) -> Waiting:
    """The deployment of a service that waits, with all that runs of its groups. Raises Mistake where none waits."""
    job = find(nomad, service)
    path = f"/v1/job/{quote(job.name, safe='')}"
    # Nomad's own word for "the deployment of this job" is its newest.
    found = nomad.get(f"{path}/deployment", namespace=job.namespace, missing_ok=True)
    groups = undecided(found)
    if not groups:
        raise Mistake(
            str(job),
            f"no canary waits, its last deployment is {found['Status']}" if found else "it never had a deployment",
            "a version is chosen while a service is half changed, and its canaries wait",
            "state `update: {canary: 1}` at the service, change it and `make up`; `fleet status` shows deployments",
        )
    placed = {one for it in groups.values() for one in it.get("PlacedCanaries") or ()}
    stubs = nomad.get(f"{path}/allocations", namespace=job.namespace) or ()
    of_it = [one for one in stubs if one["ID"] in placed]
    running = [
        _instance(nomad.get(f"/v1/allocation/{one['ID']}"))
        for one in stubs
        if one.get("TaskGroup") in groups and one.get("DesiredStatus") == "run" and one.get("ClientStatus") == "running"
    ]
    return Waiting(
        id=str(found["ID"]),
        job=job,
        began=min((int(one.get("CreateTime") or 0) for one in of_it), default=0) / 1e9,
        version=int(found["JobVersion"]),
        wanted=sum(int(it["DesiredCanaries"]) for it in groups.values()),
        healthy=sum(1 for one in of_it if _healthy(one)),
        old=_sorted(one for one in running if one.allocation.id not in placed),
        new=_sorted(one for one in running if one.allocation.id in placed),
    )


def undecided(deployment: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    """The groups of a deployment whose canaries wait for a choice."""
    if not deployment or deployment.get("Status") not in OPEN:
        return {}
    groups: Mapping[str, Mapping[str, Any]] = deployment.get("TaskGroups") or {}
    return {name: it for name, it in groups.items() if it.get("DesiredCanaries") and not it.get("Promoted")}


def refuse_the_ill(it: Waiting) -> None:
    """Stop where Nomad would refuse too, with what can be done about it."""
    if it.healthy < it.wanted:
        raise Mistake(
            str(it.job),
            f"{it.healthy} of {it.wanted} canaries are healthy",
            "a version is promoted when all its canaries are healthy",
            f"wait, see what it says with `fleet log {it.job}`, or `fleet withdraw {it.job}`",
        )


def promote(nomad: Api, it: Waiting) -> None:
    """The new version takes the place of the old one."""
    nomad.put(f"/v1/deployment/promote/{it.id}", {"DeploymentID": it.id, "All": True}, namespace=it.job.namespace)


def withdraw(nomad: Api, it: Waiting) -> int | None:
    """The canaries end, and the job is again what the old instances run; returns the version it was taken back to."""
    done = nomad.put(f"/v1/deployment/fail/{it.id}", {}, namespace=it.job.namespace) or {}
    if done.get("RevertedJobVersion") is not None:
        return int(done["RevertedJobVersion"])  # the job asks for it by itself: auto_revert
    if it.old_version is None:
        return None
    # Without this the job would stay at a version that was not chosen. Held to the version that was compared, so that
    # a newer one, which somebody else brings just now, is not taken back unseen.
    body = {"JobID": it.job.name, "JobVersion": it.old_version, "EnforcePriorVersion": it.version}
    nomad.put(f"/v1/job/{quote(it.job.name, safe='')}/revert", body, namespace=it.job.namespace)
    return it.old_version


def _instance(whole: Mapping[str, Any]) -> Instance:
    shared = (whole.get("AllocatedResources") or {}).get("Shared") or {}
    ports = {str(port["Label"]): f"{port['HostIP']}:{port['Value']}" for port in shared.get("Ports") or ()}
    version = int((whole.get("Job") or {}).get("Version") or 0)
    return Instance(allocation(whole), version, ports)


def _healthy(stub: Mapping[str, Any]) -> bool:
    return (stub.get("DeploymentStatus") or {}).get("Healthy") is True and stub.get("ClientStatus") == "running"


def _sorted(found: Iterable[Instance]) -> tuple[Instance, ...]:
    return tuple(sorted(found, key=lambda one: (one.allocation.node, one.allocation.id)))

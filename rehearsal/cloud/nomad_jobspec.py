"""A Nomad job as text and as the server tells it."""

from __future__ import annotations

import json
from typing import Final

from providers.base.values import Bag


def parsed(text: str) -> Bag:
    """A job from its JSON, bare or below "Job" as Nomad's own tools write it."""
    found = json.loads(text)
    if isinstance(found, dict) and isinstance(found.get("Job"), dict):
        found = found["Job"]
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def identity_of(job: Bag) -> tuple[str, str]:
    return str(job.get("ID")), str(job.get("Namespace") or "default")


def place_of(id_: str, inputs: Bag) -> tuple[str, str]:
    """Name and namespace: from the job's text, or from what people write after `pulumi import`."""
    if isinstance(text := inputs.get("jobspec"), str):
        return identity_of(parsed(text))
    name, _, namespace = id_.partition("@")
    return name, namespace or "default"


# What the server adds to what was submitted.
_SERVERS_OWN: Final = frozenset(
    {"CreateIndex", "ModifyIndex", "JobModifyIndex", "SubmitTime", "Status", "StatusDescription", "Stable", "Version"}
    | {"Dispatched", "ParentID", "VersionTag", "NomadTokenID", "ConsulToken", "VaultToken"}
)


def submittable(job: Bag) -> Bag:
    return {key: value for key, value in job.items() if key not in _SERVERS_OWN and value is not None}


def facts(job: Bag) -> Bag:
    groups = [{"name": one["Name"], "count": one.get("Count", 1)} for one in job.get("TaskGroups") or ()]
    return {
        "name": job["Name"],
        "namespace": job["Namespace"],
        "region": job["Region"],
        "type": job["Type"],
        "priority": job["Priority"],
        "allAtOnce": job["AllAtOnce"],
        "datacenters": job["Datacenters"] or [],
        "createIndex": job["CreateIndex"],
        # As text: the official provider's type has it so.
        "modifyIndex": str(job["JobModifyIndex"]),
        "version": job["Version"],
        "status": job["Status"],
        "statusDescription": job["StatusDescription"],
        "stable": job["Stable"],
        "stop": job["Stop"],
        "submitTime": str(job["SubmitTime"]),
        "parentId": job["ParentID"],
        "taskGroups": groups,
        "allocationIds": [],
        "deploymentId": "",
        "deploymentStatus": "",
    }

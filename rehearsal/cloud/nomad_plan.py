"""What Nomad's own scheduler says it would do with a job, told per group in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from providers.base.resource import ProviderError
from servers import Api, ApiError

# The scheduler's counts, the most disturbing first.
_WORDS: Final = {
    "DestructiveUpdate": "destructive",
    "Stop": "stop",
    "Migrate": "migrate",
    "Preemptions": "preempted",
    "Canary": "canary",
    "Place": "create",
    "InPlaceUpdate": "in place",
    "Ignore": "ignore",
}
# Said by a server of what the same program may be about to make.
_NOT_YET: Final = (
    "nonexistent namespace",
    "nonexistent node pool",
    "node pool not found",
    "doesn't exist in namespace",
)


class NotPlanned(Exception):  # noqa: N818 - nothing is wrong with the job
    """The server could not be asked, or could not say yet; the text says why. `for_all`: nor can any other job."""

    def __init__(self, text: str, *, for_all: bool = False, severity: str = "warning") -> None:
        super().__init__(text)
        self.for_all = for_all
        self.severity = severity


@dataclass(frozen=True)
class Plan:
    """`groups`: what happens to each task group, in words. `same`: the scheduler sees no change of the job.

    `index`: the version of the job that the plan goes out from.
    """

    same: bool
    index: int
    groups: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def told(self) -> str:
        """One line for people."""
        return "; ".join(f"{group}: {words}" for group, words in sorted(self.groups.items())) or "no changes"


def plan(api: Api, job: Mapping[str, Any], *, policy_override: bool = False) -> Plan:
    """Have the job validated and planned. A job that the server would refuse raises, with its reason."""
    where = f"job {job['ID']} of namespace {job.get('Namespace') or 'default'}"
    namespace = job.get("Namespace") or "default"
    try:
        checked = api.post("/v1/validate/job", {"Job": job}, namespace=namespace) or {}
        if reasons := [" ".join(str(one).split()) for one in checked.get("ValidationErrors") or ()]:
            raise _refusal(where, "; ".join(reasons))
        body = {"Job": job, "Diff": True, "PolicyOverride": policy_override}
        told = api.post(f"/v1/job/{job['ID']}/plan", body, namespace=namespace)
    except ApiError as error:
        if error.unavailable:
            raise NotPlanned(f"jobs are not planned by the scheduler: {error}", for_all=True) from error
        if error.status in (401, 403):
            why = f"jobs are not planned by the scheduler, because this token may not ask it: {error}"
            raise NotPlanned(why, for_all=not error.text.startswith("Permission denied")) from error
        raise _refusal(where, error.text) from error
    warnings = [text for text in (checked.get("Warnings"), told.get("Warnings")) if text]
    return _plan(told, tuple(dict.fromkeys(" ".join(str(one).split()) for one in warnings)))


def _refusal(where: str, reason: str) -> Exception:
    if any(word in reason for word in _NOT_YET):
        text = f"{where} is planned by the scheduler once this exists there: {reason}"
        return NotPlanned(text, severity="info")
    return ProviderError(f"Nomad would refuse {where}: {reason}")


def _plan(told: Mapping[str, Any], warnings: tuple[str, ...]) -> Plan:
    diff = told.get("Diff") or {}
    changed = {group["Name"]: group["Type"] for group in diff.get("TaskGroups") or ()}
    groups: dict[str, str] = {}
    updates = (told.get("Annotations") or {}).get("DesiredTGUpdates") or {}
    for name in sorted({*changed, *updates}):
        counts = updates.get(name) or {}
        said = [f"{counts[word]} {text}" for word, text in _WORDS.items() if counts.get(word)]
        kind = changed.get(name, "None")
        if kind == "None" and not any(counts.get(word) for word in _WORDS if word != "Ignore"):
            continue
        groups[name] = ", ".join(said) or f"{_KINDS.get(kind, 'changed')}, nothing is placed by it"
    failed = told.get("FailedTGAllocs") or {}
    notes = [f"{name} cannot be placed now: {_why(one)}" for name, one in sorted(failed.items())]
    same = diff.get("Type") == "None"
    if not groups and not same:
        groups["job"] = "new" if diff.get("Type") == "Added" else "edited, and no group is touched"
    return Plan(same, int(told.get("JobModifyIndex") or 0), groups, (*warnings, *notes))


_KINDS: Final = {"Added": "new", "Deleted": "gone", "Edited": "edited"}


def _why(metric: Mapping[str, Any]) -> str:
    """Why no node will do, as the scheduler counted it."""
    reasons = [f"{count} nodes lack {what}" for what, count in sorted((metric.get("ConstraintFiltered") or {}).items())]
    exhausted = sorted((metric.get("DimensionExhausted") or {}).items())
    reasons += [f"{count} nodes are out of {what}" for what, count in exhausted]
    seen = metric.get("NodesEvaluated", 0)
    return ", ".join(reasons) or (
        "no node is in its datacenters and pool" if not seen else f"none of {seen} nodes fits"
    )

"""Nomad's jobs: planned by the real scheduler in a preview, registered against the version that was planned."""

from __future__ import annotations

import json
import time
from typing import ClassVar, Final

from providers.base.diffing import ADD, UPDATE, detailed, join, top
from providers.base.resource import Created, Diff, Failure, PartialFailure, ProviderError, Read
from providers.base.values import UNKNOWN, Bag, contains_unknown, reveal
from rehearsal.cloud.kind import projected
from rehearsal.cloud.nomad_jobspec import facts, identity_of, parsed, place_of, submittable
from rehearsal.cloud.nomad_plan import NotPlanned, Plan, plan
from rehearsal.cloud.passthrough import Found, Passed
from servers import ApiError

_DEPLOYED_WITHIN: Final = 300.0
_POLL: Final = 0.5
# How long servers that are away are not asked for another job's plan.
_LEFT_ALONE: Final = 30.0
# How the provider goes about it; nothing of this is the job.
_MANNERS: Final = frozenset(
    {"deregisterOnDestroy", "deregisterOnIdChange", "detach", "json", "policyOverride", "preserveCounts"}
    | {"purgeOnDestroy", "readAllocationIds", "rerunIfDead"}
)
# How far its allocations are is no matter of the program's.
_OF_THE_MOMENT: Final = ("status", "statusDescription", "deploymentStatus", "stable", "allocationIds")


class Job(Passed):
    """The job's text is no matter: what differs is what the scheduler says differs."""

    token = "nomad:index/job:Job"
    unread = _MANNERS
    deployed_within: ClassVar = _DEPLOYED_WITHIN

    def refine(self, inputs: Bag) -> list[Failure]:
        if inputs.get("json") is not True:
            return [Failure("json", "the stand-in takes jobs as JSON only, with json=True")]
        if inputs["jobspec"] is UNKNOWN:
            return []
        try:
            job = parsed(reveal(inputs["jobspec"]))
        except ValueError as error:
            return [Failure("", f"jobspec is no job in JSON: {error}")]
        missing = [key for key in ("ID", "TaskGroups") if not job.get(key)]
        return [Failure("", f"the job in jobspec has no {key}") for key in missing]

    def place(self, inputs: Bag) -> str:
        text = inputs.get("jobspec")
        return str(parsed(text)["ID"]) if isinstance(text, str) else ""

    def __init__(self) -> None:
        self._planned: dict[tuple[str, str], tuple[Bag, Plan]] = {}
        self._asked_again_at = 0.0

    # A preview.

    def check(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        """What is wrong with it, by the server's word too; and `plan`, beside the inputs, for people to read."""
        taken, failures = super().check(inputs, olds)
        text = reveal(taken.get("jobspec"))
        if failures or self.world.plan_only or not isinstance(text, str) or text == reveal(olds.get("jobspec")):
            return taken, failures
        job = parsed(text)
        if time.monotonic() < self._asked_again_at:
            return taken, []
        try:
            planned = plan(self.api, job, policy_override=bool(taken.get("policyOverride")))
        except NotPlanned as error:
            if error.for_all:
                # Said once: what holds for one job holds for the forty others of this preview.
                self._asked_again_at = time.monotonic() + _LEFT_ALONE
            self.log(str(error), severity=error.severity)
            return taken, []
        except ApiError as error:
            self.log(str(error), severity="warning")
            return taken, []
        except ProviderError as error:
            # Not about a property: the engine would print the whole job beside it.
            return taken, [Failure("", str(error))]
        self._planned[identity_of(job)] = (job, planned)
        for warning in planned.warnings:
            self.log(f"job {job['ID']}: {warning}", severity="warning")
        if not planned.same:
            taken["plan"] = planned.groups
            self.log(f"the scheduler's plan for job {job['ID']}: {planned.told()}")
        return taken, []

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        found = {path: kind for path, kind in detailed(old_inputs, new_inputs).items() if top(path) != "plan"}
        manners = {path: kind for path, kind in found.items() if path in _MANNERS}
        if "jobspec" not in found:
            return Diff(bool(manners), manners)
        if contains_unknown(new_inputs["jobspec"]) or self.world.plan_only:
            return Diff(True, found)
        old, new = parsed(reveal(old_inputs["jobspec"])), parsed(reveal(new_inputs["jobspec"]))
        if identity_of(old) != identity_of(new):
            return Diff(True, found, ["jobspec"])
        job, planned = self._planned.get(identity_of(new), (None, None))
        if planned is None or job != new:
            return Diff(True, found)
        if planned.same:
            return Diff(bool(manners), manners)
        if str(planned.index) != str(old_outputs.get("modifyIndex", planned.index)):
            raise _changed_since(new)
        # What was planned the last time may still stand beside the old inputs.
        before = old_inputs.get("plan") or {}
        groups = {join("plan", group): UPDATE if group in before else ADD for group in planned.groups}
        return Diff(True, {**manners, **groups})

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        made = super().create(inputs, preview=preview, timeout=timeout)
        if not preview or contains_unknown(inputs["jobspec"]):
            return made
        job = parsed(reveal(inputs["jobspec"]))
        known = {"name": job.get("Name", job["ID"]), "namespace": job.get("Namespace") or "default"}
        return Created(made.id, {**made.outputs, **known})

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        if preview and not self.world.plan_only:
            kept = {key: value for key, value in old_outputs.items() if key not in _OF_THE_MOMENT}
            return {**kept, **new_inputs, "modifyIndex": UNKNOWN}
        # The version that the state knows: a job that somebody changed since is not written over.
        known = {**old_inputs, "modifyIndex": old_outputs.get("modifyIndex")}
        return super().update(id, known, old_outputs, new_inputs, preview=preview)

    def _outputs(self, id_: str, inputs: Bag) -> Bag:
        return {key: value for key, value in super()._outputs(id_, inputs).items() if key != "plan"}

    # The real thing.

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        job = parsed(inputs["jobspec"])
        namespace = job.get("Namespace") or "default"
        if id and parsed(before["jobspec"]) == job:
            return self._standing_still(job, namespace, inputs)
        index = int(before.get("modifyIndex") or 0) if id else self._standing(job, namespace)
        body: Bag = {"Job": job, "PolicyOverride": bool(inputs.get("policyOverride"))}
        body |= {"PreserveCounts": bool(inputs.get("preserveCounts")), "EnforceIndex": True, "JobModifyIndex": index}
        try:
            told = self.api.post("/v1/jobs", body, namespace=namespace)
        except ApiError as error:
            if "Enforcing job modify index" in error.text:
                raise _changed_since(job) from error
            raise
        if warnings := (told or {}).get("Warnings"):
            self.log(" ".join(str(warnings).split()), severity="warning")
        if not inputs.get("detach", True) and (reason := self._deployed(job, namespace, told.get("EvalID"))):
            raise PartialFailure(str(job["ID"]), self._outputs(str(job["ID"]), inputs), inputs, [reason])
        return str(job["ID"])

    def _standing(self, job: Bag, namespace: str) -> int:
        """The version to register over: none, a stopped one, or the very same one that an interrupted `up` left."""
        there = self.api.get(f"/v1/job/{job['ID']}", missing_ok=True, namespace=namespace)
        if there is None:
            return 0
        index = int(there["JobModifyIndex"])
        if there.get("Stop"):
            return index
        try:
            same = plan(self.api, job).same
        except NotPlanned:
            same = False
        if same:
            return index
        raise ProviderError(
            f"job {job['ID']} of namespace {namespace} runs already and is another one than asked for; take it over "
            f"with `pulumi import nomad:index/job:Job <name> {job['ID']}@{namespace}`, or stop it with `nomad job stop`"
        )

    def _standing_still(self, job: Bag, namespace: str, inputs: Bag) -> str:
        """Asked again for what is registered already: say so, if it did not come up then."""
        name = str(job["ID"])
        last = self.api.get(f"/v1/job/{name}/deployment", namespace=namespace) or {}
        if not inputs.get("detach", True) and last.get("Status") == "failed":
            reason = f"job {name} of namespace {namespace}: its deployment failed: {last.get('StatusDescription')}"
            raise PartialFailure(name, self._outputs(name, inputs), inputs, [reason])
        return name

    def _deployed(self, job: Bag, namespace: str, evaluation: str | None) -> str:
        """Wait for the deployment that the registration began; a sentence, when it did not succeed."""
        until = time.monotonic() + self.deployed_within
        deployment = ""
        what = f"job {job['ID']} of namespace {namespace}"
        while evaluation or deployment:
            if self.through.cancelled:
                return f"{what}: stopped while waiting for its deployment"
            if time.monotonic() > until:
                return f"{what} was registered and its deployment is not done after {self.deployed_within:.0f} s"
            if not deployment and evaluation:
                seen = self.api.get(f"/v1/evaluation/{evaluation}", namespace=namespace)
                if seen["Status"] in ("failed", "canceled"):
                    return f"{what}: its evaluation {seen['Status']}: {seen.get('StatusDescription')}"
                deployment = seen.get("DeploymentID") or ""
                if not deployment and seen["Status"] == "complete":
                    return ""
            if deployment:
                seen = self.api.get(f"/v1/deployment/{deployment}", namespace=namespace)
                if seen["Status"] == "successful":
                    return ""
                if seen["Status"] in ("failed", "cancelled"):
                    return f"{what}: its deployment {seen['Status']}: {seen.get('StatusDescription')}"
                if seen["Status"] == "running" and "promotion" in str(seen.get("StatusDescription")):
                    # Canaries wait for a person; that is what was asked for.
                    self.log(f"{what}: {seen['StatusDescription']}", severity="warning")
                    return ""
            time.sleep(_POLL)
        return ""

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        name, namespace = place_of(id, inputs)
        job = self.api.get(f"/v1/job/{name}", missing_ok=True, namespace=namespace)
        if job is None:
            return None
        text = json.dumps({"Job": submittable(job)}, sort_keys=True)
        return Found({"jobspec": inputs.get("jobspec", text), "json": True}, facts(job))

    def identity(self, id: str, inputs: Bag) -> str:  # noqa: A002
        return place_of(id, {})[0] if "@" in id else id

    def read(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        seen = super().read(id, inputs, outputs)
        if seen is None or self.world.plan_only or seen.outputs is outputs:
            return seen
        if not inputs:
            manners = {"json": True, **dict.fromkeys(("deregisterOnDestroy", "deregisterOnIdChange", "detach"), True)}
            return Read(seen.id, {**seen.inputs, **manners}, {**seen.outputs, **manners})
        if seen.outputs["modifyIndex"] == outputs.get("modifyIndex") and not seen.outputs["stop"]:
            # Nobody has touched it.
            return Read(seen.id, inputs, outputs)
        name, namespace = place_of(id, inputs)
        try:
            if plan(self.api, parsed(reveal(inputs["jobspec"]))).same:
                return Read(seen.id, inputs, {**outputs, "modifyIndex": seen.outputs["modifyIndex"]})
        except NotPlanned as error:
            self.log(str(error), severity="warning")
        ours, theirs = (
            parsed(reveal(inputs["jobspec"])),
            submittable(self.api.get(f"/v1/job/{name}", namespace=namespace)),
        )
        # In the shape of ours, so that the person reads what was changed and not all that the server adds.
        shown = projected(ours, {key: value for key, value in theirs.items() if key in ours})
        there = json.dumps({"Job": theirs if shown == ours else shown}, sort_keys=True)
        changed = {"jobspec": there, "modifyIndex": seen.outputs["modifyIndex"]}
        fresh = {key: value for key, value in inputs.items() if key != "plan"}
        return Read(seen.id, {**fresh, "jobspec": there}, {**outputs, **changed})

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        if inputs.get("deregisterOnDestroy") is False:
            return
        name, namespace = place_of(id, inputs)
        try:
            self.api.delete(f"/v1/job/{name}", namespace=namespace, purge=bool(inputs.get("purgeOnDestroy")))
        except ApiError as error:
            if error.status != 404:
                raise


def _changed_since(job: Bag) -> ProviderError:
    name, namespace = identity_of(job)
    return ProviderError(
        f"job {name} of namespace {namespace} was changed by somebody since this state knew it, so it is not written "
        "over: `pulumi refresh` shows what was changed"
    )

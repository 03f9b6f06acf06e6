"""Nomad's stand-in: namespaces, pools, scheduler, rights and jobs, at the real servers."""

from __future__ import annotations

import time
from typing import Any, ClassVar, Final

from providers.base.resource import Failure
from providers.base.values import UNKNOWN, Bag, contains_unknown
from rehearsal.cloud.kind import Kind
from rehearsal.cloud.nomad_job import Job
from rehearsal.cloud.passthrough import Found, Passed, PassThrough, gone_already
from servers import ApiError

_ENDING_SECONDS: Final = 60.0
_CAPABILITIES: Final = {
    "enabledTaskDrivers": "EnabledTaskDrivers",
    "disabledTaskDrivers": "DisabledTaskDrivers",
    "enabledNetworkModes": "EnabledNetworkModes",
    "disabledNetworkModes": "DisabledNetworkModes",
}


class _Named(Passed):
    """A thing that goes by its name: /v1/<what>/<name>."""

    what: ClassVar[str]
    words: ClassVar[dict[str, str]]

    def place(self, inputs: Bag) -> str:
        name = inputs.get("name")
        return name if isinstance(name, str) else ""

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.api.get(f"/v1/{self.what}/{id}", missing_ok=True)
        if told is None:
            return None
        return Found({key: self.from_server(key, told.get(word)) for key, word in self.words.items()})

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        body = {word: self.to_server(key, inputs[key]) for key, word in self.words.items() if key in inputs}
        self.api.post(f"/v1/{self.what}/{self.place(inputs)}", body)
        return self.place(inputs)

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        gone_already(self.api, f"/v1/{self.what}/{id}")

    def to_server(self, key: str, value: Any) -> Any:
        return value

    def from_server(self, key: str, value: Any) -> Any:
        return value


class Namespace(_Named):
    token = "nomad:index/namespace:Namespace"
    what = "namespace"
    words: ClassVar = {"name": "Name", "description": "Description", "meta": "Meta", "capabilities": "Capabilities"}

    def to_server(self, key: str, value: Any) -> Any:
        if key == "capabilities":
            return {word: value[one] for one, word in _CAPABILITIES.items() if one in value}
        return value

    def from_server(self, key: str, value: Any) -> Any:
        if key == "capabilities" and value:
            return {one: value[word] for one, word in _CAPABILITIES.items() if value.get(word)}
        return value

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        if id == "default":
            # It cannot go: like the official provider, leave it as a new one is.
            self.api.post("/v1/namespace/default", {"Name": "default", "Description": "Default shared namespace"})
            return
        end = time.monotonic() + _ENDING_SECONDS
        while True:
            try:
                super().remove(id, inputs, outputs)
                break
            except ApiError as error:
                # What ran there was told to end just before, and takes its time.
                if "non-terminal" not in error.text or time.monotonic() > end:
                    raise
            time.sleep(0.5)


class NodePool(_Named):
    token = "nomad:index/nodePool:NodePool"
    what = "node/pool"
    words: ClassVar = {
        "name": "Name",
        "description": "Description",
        "meta": "Meta",
        "nodeIdentityTtl": "NodeIdentityTTL",
    }

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        if "nodeIdentityTtl" not in inputs:
            return super().send(id, inputs, before)
        nanoseconds = _nanoseconds(inputs["nodeIdentityTtl"])
        return super().send(id, {**inputs, "nodeIdentityTtl": nanoseconds}, before)

    def canonical(self, key: str, value: Any) -> Any:
        plain = super().canonical(key, value)
        return _nanoseconds(plain) if key == "nodeIdentityTtl" and plain else plain


def _nanoseconds(value: Any) -> int:
    from rehearsal.cloud.vault_mounts import seconds

    return value if isinstance(value, int) else seconds(value) * 1_000_000_000


class AclPolicy(_Named):
    token = "nomad:index/aclPolicy:AclPolicy"
    what = "acl/policy"
    words: ClassVar = {"name": "Name", "description": "Description", "rulesHcl": "Rules", "jobAcl": "JobACL"}
    _JOB: ClassVar = {"namespace": "Namespace", "jobId": "JobID", "group": "Group", "task": "Task"}

    def refine(self, inputs: Bag) -> list[Failure]:
        bound = inputs.get("jobAcl")
        if bound is UNKNOWN or not bound or contains_unknown(bound):
            return []
        for needed, by in (("jobId", "group"), ("group", "task")):
            if bound.get(by) and not bound.get(needed):
                return [Failure(f"jobAcl.{by}", f"needs {needed} beside it")]
        return []

    def to_server(self, key: str, value: Any) -> Any:
        return {word: value.get(one, "") for one, word in self._JOB.items()} if key == "jobAcl" else value

    def from_server(self, key: str, value: Any) -> Any:
        if key == "jobAcl" and value:
            return {one: value[word] for one, word in self._JOB.items() if value.get(word)}
        return value

    def canonical(self, key: str, value: Any) -> Any:
        plain = super().canonical(key, value)
        return plain.strip() if key == "rulesHcl" and isinstance(plain, str) else plain


class AclRole(Passed):
    token = "nomad:index/aclRole:AclRole"

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.api.get(f"/v1/acl/role/{id}", missing_ok=True)
        if told is None:
            return None
        policies = [{"name": one["Name"]} for one in told.get("Policies") or []]
        return Found({"name": told["Name"], "description": told["Description"], "policies": policies})

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        body = {"Name": inputs["name"], "Description": inputs.get("description", "")}
        body["Policies"] = [{"Name": one["name"]} for one in inputs["policies"]]
        told = self.api.post(f"/v1/acl/role/{id}" if id else "/v1/acl/role", {**body, **({"ID": id} if id else {})})
        return str(told["ID"])

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        gone_already(self.api, f"/v1/acl/role/{id}")


class AclToken(Passed):
    """Its secret is an output, encrypted in the state, as with the official provider."""

    token = "nomad:index/aclToken:AclToken"
    unread = frozenset({"expirationTtl"})

    def refine(self, inputs: Bag) -> list[Failure]:
        given = inputs.get("policies") or inputs.get("roles")
        if inputs["type"] == "management" and given:
            return [Failure("type", "a management token takes no policies and no roles")]
        if inputs["type"] == "client" and not given:
            return [Failure("policies", "a client token needs policies or roles")]
        return []

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.api.get(f"/v1/acl/token/{id}", missing_ok=True)
        if told is None:
            return None
        seen = {"name": told["Name"], "type": told["Type"], "policies": told.get("Policies"), "global": told["Global"]}
        roles = [{"id": one["ID"]} for one in told.get("Roles") or []]
        facts = {"accessorId": id, "secretId": told["SecretID"], "createTime": told["CreateTime"]}
        return Found({**seen, "roles": roles}, {**facts, "expirationTime": told.get("ExpirationTime") or ""})

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        body: dict[str, Any] = {"Name": inputs.get("name", ""), "Type": inputs["type"]}
        body |= {"Policies": inputs.get("policies", []), "Global": inputs.get("global", False)}
        body["Roles"] = [{"ID": one["id"]} for one in inputs.get("roles", [])]
        if "expirationTtl" in inputs and not id:
            body["ExpirationTTL"] = inputs["expirationTtl"]
        told = self.api.post(f"/v1/acl/token/{id}" if id else "/v1/acl/token", {**body, "AccessorID": id})
        return str(told["AccessorID"])

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        gone_already(self.api, f"/v1/acl/token/{id}")


class Variable(Passed):
    token = "nomad:index/variable:Variable"

    def refine(self, inputs: Bag) -> list[Failure]:
        written = [key for key in ("itemsWo", "itemsWoVersion") if key in inputs]
        return [Failure(key, "not part of the rehearsal's stand-in: say items, as a secret") for key in written]

    def place(self, inputs: Bag) -> str:
        path, namespace = inputs.get("path"), inputs.get("namespace", "default")
        return f"{path}@{namespace}" if isinstance(path, str) and isinstance(namespace, str) else ""

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        path, _, namespace = id.rpartition("@")
        told = self.api.get(f"/v1/var/{path}", missing_ok=True, namespace=namespace)
        if told is None:
            return None
        return Found({"path": path, "namespace": namespace, "items": told["Items"]})

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        namespace = inputs.get("namespace", "default")
        body = {"Path": inputs["path"], "Namespace": namespace, "Items": inputs.get("items", {})}
        self.api.put(f"/v1/var/{inputs['path']}", body, namespace=namespace)
        return self.place(inputs)

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        path, _, namespace = id.rpartition("@")
        gone_already(self.api, f"/v1/var/{path}", namespace=namespace)


class SchedulerConfig(Passed):
    """There is always one: creating writes it, deleting leaves it."""

    token = "nomad:index/schedulerConfig:SchedulerConfig"
    _PATH: ClassVar = "/v1/operator/scheduler/configuration"
    _PREEMPTION: ClassVar = {
        "system_scheduler_enabled": "SystemSchedulerEnabled",
        "sysbatch_scheduler_enabled": "SysBatchSchedulerEnabled",
        "batch_scheduler_enabled": "BatchSchedulerEnabled",
        "service_scheduler_enabled": "ServiceSchedulerEnabled",
    }

    def refine(self, inputs: Bag) -> list[Failure]:
        preemption = inputs.get("preemptionConfig")
        if not isinstance(preemption, dict):
            return []
        known = ", ".join(self._PREEMPTION)
        return [
            Failure(f"preemptionConfig.{key}", f"unknown kind of scheduler; it has: {known}")
            for key in sorted(preemption.keys() - self._PREEMPTION.keys())
        ]

    def place(self, inputs: Bag) -> str:
        return "nomad-scheduler-config"

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.api.get(self._PATH)["SchedulerConfig"]
        preemption = told.get("PreemptionConfig") or {}
        return Found(
            {
                "schedulerAlgorithm": told["SchedulerAlgorithm"],
                "memoryOversubscriptionEnabled": told["MemoryOversubscriptionEnabled"],
                "preemptionConfig": {key: preemption.get(word, False) for key, word in self._PREEMPTION.items()},
            }
        )

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        # What the program does not say, such as a paused broker, stays as it is.
        told = {key: one for key, one in self.api.get(self._PATH)["SchedulerConfig"].items() if "Index" not in key}
        preemption = dict(told.get("PreemptionConfig") or {})
        for key, value in (inputs.get("preemptionConfig") or {}).items():
            preemption[self._PREEMPTION[key]] = value
        body = {**told, "PreemptionConfig": preemption}
        for key in ("schedulerAlgorithm", "memoryOversubscriptionEnabled"):
            if key in inputs:
                body[key[0].upper() + key[1:]] = inputs[key]
        self.api.put(self._PATH, body)
        return self.place(inputs)

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        """Nothing, as with the official provider: nobody says what it should be instead."""


class Nomad(PassThrough):
    """pulumi_nomad's place."""

    name = "nomad"
    enterprise = frozenset({"quota", "nodePoolConfig", "vaultConfig", "consulConfig", "schedulerConfig"})
    kinds_of: ClassVar[tuple[type[Kind], ...]] = (
        Namespace,
        NodePool,
        AclPolicy,
        AclRole,
        AclToken,
        Variable,
        SchedulerConfig,
        Job,
    )

"""What the verbs of the table are tried on, made and removed by tokens that may do everything."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from servers import Api, ApiError

NAME = "rights-probe"
VOLUME_JOB = "rights-probe-volume"
VARIABLE = "nomad/jobs/rights-probe"
REFUSALS = (401, 403)


@dataclass
class Probes:
    """What the verbs are tried on, made and removed by tokens that may do everything."""

    nomad: Api
    consul: Api
    vault: Api
    driver: str
    namespaces: tuple[str, ...]
    host: str
    allocations: dict[str, str] = field(default_factory=dict)
    node: str = ""

    @contextmanager
    def standing(self) -> Iterator[Probes]:
        """Everything that the verbs need is there, and is gone again afterwards."""
        self.remove()
        try:
            self.make()
            yield self
        finally:
            self.remove()

    def make(self) -> None:
        for namespace in self.namespaces:
            self.nomad.put("/v1/jobs", {"Job": self.job(namespace)}, namespace=namespace)
            self.renew(namespace)
        self.node = self.nomad.get("/v1/nodes")[0]["ID"]
        self.consul.put(f"/v1/kv/{NAME}", "x")
        for place in ("", "apps/"):
            self.vault.put(f"/v1/secret/data/{place}{NAME}", {"data": {"a": "b"}})
        self.allocations = {namespace: self._allocation(namespace) for namespace in self.namespaces}

    def renew(self, namespace: str) -> None:
        """The variable, which a verb may have destroyed."""
        items = {"Namespace": namespace, "Path": VARIABLE, "Items": {"a": "b"}}
        self.nomad.put(f"/v1/var/{VARIABLE}", items, namespace=namespace)

    def remove(self) -> None:
        for namespace in self.namespaces:
            for job in (NAME, VOLUME_JOB):
                self._quietly(self.nomad.delete, f"/v1/job/{job}", purge=True, namespace=namespace)
            self._quietly(self.nomad.delete, f"/v1/var/{VARIABLE}", namespace=namespace)
        self._quietly(self.nomad.delete, f"/v1/acl/policy/{NAME}")
        self._quietly(self.nomad.delete, f"/v1/namespace/{NAME}")
        for token in self._quietly(self.nomad.get, "/v1/acl/tokens") or []:
            if token["Name"] == NAME:
                self._quietly(self.nomad.delete, f"/v1/acl/token/{token['AccessorID']}")
        self._quietly(self.consul.delete, f"/v1/kv/{NAME}")
        self._quietly(self.consul.put, f"/v1/agent/service/deregister/{NAME}")
        for session in self._quietly(self.consul.get, "/v1/session/list") or []:
            if session["Name"] == NAME:
                self._quietly(self.consul.put, f"/v1/session/destroy/{session['ID']}")
        for policy in self._quietly(self.consul.get, "/v1/acl/policies") or []:
            if policy["Name"] == NAME:
                self._quietly(self.consul.delete, f"/v1/acl/policy/{policy['ID']}")
        for path in (
            f"/v1/secret/metadata/{NAME}",
            f"/v1/secret/metadata/apps/{NAME}",
            f"/v1/sys/policies/acl/{NAME}",
            f"/v1/sys/mounts/{NAME}",
            f"/v1/auth/ldap/groups/{NAME}",
        ):
            self._quietly(self.vault.delete, path)

    @staticmethod
    def _quietly(ask: Callable[..., Any], *words: Any, **more: Any) -> Any:
        try:
            return ask(*words, **more)
        except ApiError as error:
            if error.status in REFUSALS:
                raise
            return None

    def job(self, namespace: str, *, volume: bool = False) -> dict[str, Any]:
        """A job that sleeps; with a volume that no machine has, it never runs."""
        group: dict[str, Any] = {
            "Name": NAME,
            "Count": 1,
            "Tasks": [
                {
                    "Name": NAME,
                    "Driver": self.driver,
                    "Config": {"command": "/bin/sleep", "args": ["100000"]},
                    "Resources": {"CPU": 10, "MemoryMB": 32},
                }
            ],
        }
        if volume:
            group["Volumes"] = {"v": {"Name": "v", "Type": "host", "Source": "rights-none", "ReadOnly": False}}
        return {
            "ID": VOLUME_JOB if volume else NAME,
            "Name": VOLUME_JOB if volume else NAME,
            "Namespace": namespace,
            "Type": "service",
            "Datacenters": ["*"],
            "TaskGroups": [group],
        }

    def _allocation(self, namespace: str) -> str:
        end = time.monotonic() + 120
        while True:
            found = self.nomad.get(f"/v1/job/{NAME}/allocations", namespace=namespace)
            running = [one["ID"] for one in found if one["ClientStatus"] == "running"]
            if running:
                return str(running[0])
            assert time.monotonic() < end, f"{NAME} does not run in {namespace}: {found}"
            time.sleep(0.3)

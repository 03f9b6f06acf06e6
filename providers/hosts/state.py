"""State: one host's whole desired state in one layer."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, ClassVar

from providers.base.diffing import UPDATE, detailed, join
from providers.base.resource import Created, Diff, PartialFailure, ProviderError, Read, Resource
from providers.base.values import UNKNOWN, Asset, Bag, Secret
from providers.hosts import documents, worker
from providers.hosts.batch import Batcher

DOCUMENT = "desired.fabric.document"
# How a host is reached and how many there are is no part of its state; the newest is kept in the inputs all the same.
IGNORED = ("members", "connection")


def _runner(key: str, jobs: Mapping[str, Any]) -> Mapping[str, Any]:
    return worker.run("read" if key.startswith("read:") else "apply", jobs)


class State(Resource):
    """Applied and read in batches: calls that arrive together are one pyinfra run."""

    token: ClassVar[str] = "hosts:index:State"

    def __init__(self, batcher: Batcher[Any, Any] | None = None) -> None:
        self.batcher: Batcher[Any, Any] = batcher or Batcher(_runner)

    def check(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Any]]:
        """Keep the document's text at hand, so that a later preview can name the peer that changed."""
        documents.keep(_document(inputs))
        return inputs, []

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        """Every difference by its path; drift that a refresh found is to be mended and shows as such."""
        found = {
            path: kind
            for path, kind in detailed(old_inputs, new_inputs).items()
            if path.split(".", 1)[0].split("[", 1)[0] not in IGNORED
        }
        if DOCUMENT in found:
            named = documents.changes(DOCUMENT, _document(old_inputs), _document(new_inputs))
            if named is not None:
                del found[DOCUMENT]
                found |= named
        drifted = tuple(join("drift", subject) for subject in old_outputs.get("drift") or {})
        found |= dict.fromkeys(drifted, UPDATE)
        if not found:
            self.batcher.will_not_come(f"apply:{new_inputs['layer']}", new_inputs["host"])
        return Diff(bool(found), found, replaces=["host", "layer"], in_outputs=drifted)

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        """Bring the host to its state. A host that does not answer is a plain failure: nothing was done there."""
        identity = f"{inputs['host']}/{inputs['layer']}"
        if preview:
            return Created(identity, inputs | {"applied": UNKNOWN, "drift": {}, "observed": "ok"})
        return Created(identity, self._apply(identity, inputs, {}))

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        """Bring the host to its new state. What a refresh showed as edited by hand may be overwritten, nothing else."""
        if preview:
            return new_inputs | {"applied": UNKNOWN, "drift": {}, "observed": "ok"}
        return self._apply(id, new_inputs, old_outputs)

    def read(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        """Compare the host with what was applied. Never fails, and never forgets a host that does not answer."""
        if not inputs or "desired" not in inputs:
            return Read(id, inputs, outputs)
        try:
            key, members = f"read:{inputs['layer']}", int(inputs.get("members") or 1)
            result = self.batcher.submit(key, inputs["host"], self._target(inputs, ()), members)
        except Exception as error:
            result = {"ok": False, "error": str(error)}
        host = inputs["host"]
        if not result["ok"]:
            self.log(f"{host}: not read: {result['error']}", severity="warning")
            return Read(id, inputs, outputs | {"observed": "unreachable"})
        drift = result.get("drift") or {}
        for subject, what in drift.items():
            self.log(f"{host}: {subject}: {what}", severity="warning")
        return Read(id, inputs, outputs | {"drift": drift, "observed": "ok"})

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        """Nothing on the host: it is no longer ours to configure, and keeps running as it is."""

    def _apply(self, identity: str, inputs: Bag, old_outputs: Bag) -> Bag:
        host = inputs["host"]
        self._warn_of_few_in_flight()
        acknowledged = tuple(old_outputs.get("drift") or {})
        key, members = f"apply:{inputs['layer']}", int(inputs.get("members") or 1)
        result = self.batcher.submit(key, host, self._target(inputs, acknowledged), members)
        if result["ok"]:
            digest = hashlib.sha256(json.dumps(_plain(inputs["desired"]), sort_keys=True).encode()).hexdigest()
            self.log(f"{host}: {len(result.get('changed') or [])} changes, {result.get('seconds')} s", severity="debug")
            return inputs | {
                "applied": {"fingerprint": result.get("fingerprint") or "", "desired": digest},
                "drift": {},
                "observed": "ok",
            }
        text = f"{host}: {result['error']}"
        if result.get("reachable") and result.get("changed"):
            done = inputs | {"applied": {"fingerprint": ""}, "drift": {}, "observed": "partly applied"}
            raise PartialFailure(identity, done, inputs, [text])
        if not result.get("reachable", False):
            text += "; the other hosts go on, and the next `pulumi up` does what is left for this one"
        raise ProviderError(text)

    def _target(self, inputs: Bag, acknowledged: tuple[str, ...]) -> dict[str, Any]:
        way = inputs["connection"]
        if not way.get("address"):
            raise ProviderError(f"{inputs['host']}: no address is known for it")
        return {
            "address": way["address"],
            "port": int(way.get("port") or 22),
            "users": list(way.get("users") or ["root"]),
            "host_key": way.get("host_key"),
            "key_path": os.environ.get("FLEET_SSH_KEY"),
            "become": bool(way.get("become", True)),
            "acknowledged": list(acknowledged),
            "desired": _plain(inputs["desired"]),
        }

    _warned = False

    def _warn_of_few_in_flight(self) -> None:
        if not self._warned and not os.environ.get("PULUMI_PARALLEL"):
            State._warned = True
            self.log(
                "few calls are in flight at once, so hosts are changed in small groups: source ./activate, or set "
                "PULUMI_PARALLEL to the number of hosts or more",
                severity="warning",
            )


def _document(inputs: Mapping[str, Any]) -> Any:
    desired = inputs.get("desired")
    fabric = desired.get("fabric") if isinstance(desired, dict) else None
    return fabric.get("document") if isinstance(fabric, dict) else None


def _plain(value: Any) -> Any:
    """Desired state as hostconfig takes it: assets as their text, secrecy taken off (nothing secret is in it)."""
    if isinstance(value, Secret):
        return _plain(value.value)
    if isinstance(value, Asset):
        return documents.text_of(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value

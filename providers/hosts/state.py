"""A host's state in one layer: structured differences, configured in batches, read for drift."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from providers.base.diffing import UPDATE, detailed, join
from providers.base.resource import Created, Diff, Failure, PartialFailure, ProviderError, Read, Resource
from providers.base.values import UNKNOWN, Asset, Bag, contains_unknown, reveal
from providers.hosts import documents
from providers.hosts.batch import Gathering, Settle
from providers.hosts.conductor import conduct
from providers.hosts.runner import Job, Outcome, Runner, Worker
from providers.hosts.ssh import Connection, same_key

# How many share the layer, and as whom the host is entered, is about the run and not about the host. Address and ssh
# host key are about it: behind others of them is another machine.
_NOT_THE_HOSTS = ("members", "connection.users", "connection.port", "connection.become")
_DOCUMENT = "desired.fabric.document"


class State(Resource):
    """Create and update configure the host; read looks for drift; delete leaves the host as it is."""

    token = "hosts:index:State"

    def __init__(self, runner: Runner | None = None, *, quiet: float = 0.4, longest: float = 5.0) -> None:
        self._worker = Worker()
        self._runner: Runner = runner or self._worker
        self._batches: Gathering[Job, Outcome] = Gathering(self._work_of("apply"), quiet=quiet, longest=longest)
        self._reads: Gathering[Job, Outcome] = Gathering(self._work_of("read"), quiet=quiet, longest=longest)
        self._said = threading.Lock()

    def cancel(self) -> None:
        """The user asks to stop."""
        self._worker.cancel()

    def check(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        failures = [
            Failure(name, f"{name} is missing; a State needs host, layer, members, connection and desired")
            for name in ("host", "layer", "members", "connection", "desired")
            if inputs.get(name) is None
        ]
        if failures:
            return inputs, failures
        if isinstance(document := _document(inputs), Asset):
            documents.keep(document)
        self._batches.coming(inputs["layer"], inputs["host"])
        return inputs, _faults(inputs)

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        found = detailed(old_inputs, new_inputs)
        for path in [path for path in found if path in _NOT_THE_HOSTS or path.startswith("connection.users[")]:
            del found[path]
        if _same_host_key(old_inputs, new_inputs):
            found.pop("connection.host_key", None)
        documents.split(_DOCUMENT, _document(old_inputs), _document(new_inputs), found)
        outputs = []
        for subject in old_outputs.get("drift") or {}:
            outputs.append(join("drift", subject))
            found[outputs[-1]] = UPDATE
        other = [path for path in ("host", "layer") if found.get(path) == UPDATE]
        if found:
            self._batches.coming(new_inputs["layer"], new_inputs["host"])
        else:
            self._batches.absent(new_inputs["layer"], new_inputs["host"])
        return Diff(bool(found), found, replaces=other, in_outputs=outputs)

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        id_ = f"{inputs['host']}/{inputs['layer']}"
        if preview:
            return Created(id_, _planned(inputs))
        outcome = self._apply(inputs, (), first=True)
        if outcome.error and not outcome.reachable:
            raise ProviderError(_untouched(inputs, outcome.error))
        outputs = _applied(inputs, outcome)
        if outcome.error:
            raise PartialFailure(id_, outputs, inputs, [_sentence(inputs, outcome.error)])
        return Created(id_, outputs)

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        if preview:
            return _planned(new_inputs)
        # What a refresh recorded was in the preview that a reviewer saw.
        outcome = self._apply(new_inputs, tuple(old_outputs.get("drift") or {}))
        if not outcome.error:
            return _applied(new_inputs, outcome)
        if not outcome.reachable:
            raise ProviderError(_untouched(new_inputs, outcome.error))
        # The old inputs stay recorded: the next `up` must still see what is left to do.
        # Hand edits it stopped at are not noted as seen either: that takes a refresh, which shows them to a person.
        raise PartialFailure(id, old_outputs, old_inputs, [_sentence(new_inputs, outcome.error)])

    def read(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        """How the host is now. Never raises: a read that did would end the whole refresh.

        An import knows no more than the identifier, host/layer; the first `up` then applies what the program says.
        """
        if not inputs and "/" in id:
            host, layer = id.split("/", 1)
            return Read(id, {"host": host, "layer": layer}, {**outputs, "host": host, "layer": layer})
        try:
            outcome = self._look(inputs)
        except Exception as error:
            outcome = Outcome(error=f"could not be looked at: {error}")
        if not inputs or contains_unknown(inputs):
            return Read(id, inputs, outputs)
        if outcome.error:
            self.log(_sentence(inputs, outcome.error), severity="warning")
            seen = "unknown" if outcome.reachable else "unreachable"
            return Read(id, inputs, {**outputs, "observed": seen})
        drift = outcome.drift
        for subject, what in sorted(drift.items()):
            self.log(f"{inputs['host']}: {subject}: {what}", severity="warning")
        return Read(id, inputs, {**outputs, "drift": drift, "observed": "ok"})

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        """No longer managed: the host stays as it is. Its machine's own resource takes machines away."""

    # How hosts are worked on.

    def _apply(self, inputs: Bag, acknowledged: tuple[str, ...], *, first: bool = False) -> Outcome:
        self._warn_of_few_in_flight(int(inputs["members"]))
        job = replace(_job(inputs, acknowledged), first=first)
        try:
            outcome = self._batches.arrive(inputs["layer"], inputs["host"], int(inputs["members"]), job)
            for note in outcome.notes:
                self.log(f"{inputs['host']}: {note}", severity="warning")
            return outcome
        except Exception as error:
            raise ProviderError(_sentence(inputs, f"{error}; the next `up` tries again")) from None

    def _look(self, inputs: Bag) -> Outcome:
        if not inputs or contains_unknown(inputs):
            return Outcome()
        job = _job(inputs, ())
        return self._reads.arrive(inputs["layer"], inputs["host"], int(inputs["members"]), job)

    def _work_of(self, mode: str) -> Callable[[dict[str, Job], Settle[Outcome]], None]:
        def work(jobs: dict[str, Job], settle: Settle[Outcome]) -> None:
            if mode == "read":
                self._runner(list(jobs.values()), mode, settle, self._progress)
            else:
                conduct(list(jobs.values()), self._runner, settle, self._progress)

        return work

    def _progress(self, text: str) -> None:
        self.provider.log(f"hosts: {text}")

    def _warn_of_few_in_flight(self, members: int) -> None:
        asked = os.environ.get("PULUMI_PARALLEL", "")
        limit = int(asked) if asked.isdigit() else 4 * (os.cpu_count() or 1)
        if limit < members and self._said.acquire(blocking=False):
            self.provider.log(
                f"{members} hosts share a layer, but only {limit} calls may be in flight, so they are configured in "
                f"several runs: source ./activate, or set PULUMI_PARALLEL={members} or more",
                severity="warning",
            )


def _sentence(inputs: Bag, text: str) -> str:
    host = inputs["host"]
    return text if text.startswith(f"{host}:") else f"{host}: {text}"


def _untouched(inputs: Bag, text: str) -> str:
    return f"{_sentence(inputs, text)}; the other hosts go on, and the next `pulumi up` does what is left for this one"


def _same_host_key(old: Bag, new: Bag) -> bool:
    before, after = old.get("connection"), new.get("connection")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return False
    one, other = before.get("host_key"), after.get("host_key")
    known = isinstance(one, str) and isinstance(other, str)
    # Recorded for the first time or no longer, or with another comment: still the same machine.
    return one is None or other is None or (known and same_key(one, other))


def _document(inputs: Bag) -> Any:
    value: Any = inputs
    for step in _DOCUMENT.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _job(inputs: Bag, acknowledged: tuple[str, ...]) -> Job:
    bag = reveal(inputs)
    connection = Connection.of(bag["connection"])
    if not connection.address:
        raise ProviderError(_sentence(inputs, "its machine has no address yet; see what the machine's resource says"))
    return Job(inputs["host"], connection, _plain(inputs, bag["desired"]), acknowledged, inputs["layer"])


def _plain(inputs: Bag, value: Any) -> Any:
    """Desired state as JSON: assets become their content, and their content is kept for the next preview."""
    if isinstance(value, Asset):
        if (text := documents.content(value)) is None:
            problem = f"the file {value.path} is gone or not the one that was planned; plan anew"
            raise ProviderError(_sentence(inputs, problem))
        return text
    if isinstance(value, dict):
        return {key: _plain(inputs, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(inputs, item) for item in value]
    return value


def _without_assets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_assets(item) for key, item in value.items() if not isinstance(item, Asset)}
    return value


def _digest(inputs: Bag) -> Any:
    """Short name of the desired state as a whole; unknown as long as a leaf is."""
    desired = reveal(inputs["desired"])
    if contains_unknown(desired):
        return UNKNOWN
    text = json.dumps(desired, sort_keys=True, default=lambda asset: {"sha256": asset.hash})
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _base(inputs: Bag) -> Bag:
    return {"host": inputs["host"], "layer": inputs["layer"], "desired_digest": _digest(inputs)}


def _planned(inputs: Bag) -> Bag:
    return {**_base(inputs), "applied": UNKNOWN, "drift": UNKNOWN, "observed": UNKNOWN}


def _applied(inputs: Bag, outcome: Outcome) -> Bag:
    # Not what was done or when: an apply that changes nothing must leave the same outputs behind.
    seen = "partly applied" if outcome.error else "ok"
    return {**_base(inputs), "applied": {"fingerprint": outcome.fingerprint or ""}, "drift": {}, "observed": seen}


def _faults(inputs: Bag) -> list[Failure]:
    """What hostconfig's own model says of the desired state, where all of it is known already."""
    desired = reveal(inputs["desired"])
    if contains_unknown(desired) or contains_unknown(inputs["layer"]):
        return []
    from pydantic import ValidationError

    from hostconfig.plan import LAYERS, parse

    if inputs["layer"] not in LAYERS:
        return [Failure("layer", _sentence(inputs, f"{inputs['layer']!r} is none of the layers {', '.join(LAYERS)}"))]
    try:
        # Not the document, which all hosts share: once for each host would be n² for the fleet. The host run checks it.
        parse(inputs["layer"], _without_assets(desired))
    except ValidationError as error:
        return [
            Failure(
                ".".join(["desired", *map(str, fault["loc"])]),
                _sentence(inputs, fault["msg"].removeprefix("Value error, ")),
            )
            for fault in error.errors()
        ]
    return []

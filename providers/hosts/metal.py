"""Donated machines: creating one is the first contact, deleting one touches nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from providers.base.diffing import UPDATE, detailed
from providers.base.resource import Created, Diff, Read, Resource
from providers.base.values import UNKNOWN, Bag, contains_unknown
from providers.hosts import ssh

Scan = Callable[..., str]


def contact_seconds() -> float:
    """How long a machine that was just made may take to answer for the first time."""
    return float(os.environ.get("FLEET_CONTACT_SECONDS") or 90)


class Metal(Resource):
    """`reachable` is false, and shows a difference, until the machine has answered with the right key."""

    token = "hosts:index:Metal"

    def __init__(self, scan: Scan = ssh.scan) -> None:
        self._scan = scan

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        found = detailed(old_inputs, new_inputs)
        outputs = []
        if new_inputs.get("contact", True) and not old_outputs.get("reachable"):
            found["reachable"] = UPDATE
            outputs = ["reachable"]
        return Diff(bool(found), found, replaces=["host"] if found.get("host") == UPDATE else [], in_outputs=outputs)

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        return Created(f"{inputs['host']}", self._outputs(inputs, {}, preview=preview, patience=contact_seconds()))

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        return self._outputs(new_inputs, old_outputs, preview=preview, patience=0.0)

    def read(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        return Read(id, inputs, outputs)

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        """Nothing: the machine is its donor's."""

    def _outputs(self, inputs: Bag, olds: Bag, *, preview: bool, patience: float) -> Bag:
        same_place = olds.get("address") == inputs.get("address")
        known = inputs.get("host_key") or (olds.get("ssh_host_key") if same_place else None)
        outputs = {**inputs, "ssh_host_key": known, "reachable": False}
        if not inputs.get("contact", True):
            return outputs
        if preview or contains_unknown(inputs):
            return {**outputs, "ssh_host_key": known or UNKNOWN, "reachable": UNKNOWN}
        try:
            shown = self._scan(inputs["address"], int(inputs.get("port") or 22), deadline=time.monotonic() + patience)
        except Exception as error:
            self.log(f"{inputs['host']}: does not answer yet ({error}); the next `up` tries again", severity="warning")
            return outputs
        if known and not ssh.same_key(known, shown):
            self.log(
                f"{inputs['host']}: shows another ssh host key than the recorded one; nothing is done there. If the "
                "machine was rebuilt on purpose, record its new key; if not, somebody is in between",
                severity="warning",
            )
            return outputs
        return {**outputs, "ssh_host_key": known or shown, "reachable": True}

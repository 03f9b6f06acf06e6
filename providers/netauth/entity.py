"""`netauth:index:Entity`: somebody the directory knows. A name that was once given stays given.

Deleting locks the entity and takes its groups and keys; it stays, so that neither name nor number is handed out again.
Left out: passwords. A new entity has one that nobody knows, until its owner gets their own.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Final

from providers.base.diffing import UPDATE
from providers.base.resource import Created, Diff, Failure, PartialFailure, ProviderError, Read
from providers.base.values import UNKNOWN, Bag
from providers.netauth import client as known
from providers.netauth.belongings import named
from providers.netauth.calls import NetAuthError
from providers.netauth.directory import OBSERVED, PRESENT, Entry, plain, planned, present, told

_META: Final = ("primary_group", "home", "shell")
_HAS: Final = ("groups", "keys")
BEYOND: Final = "beyond"


class Entity(Entry):
    """Inputs: name, number, primary_group, home, shell, locked; groups and keys (fingerprints).

    The last two are given by resources of their own: here they only tell what is beyond them.
    Outputs: observed, beyond.
    """

    token = "netauth:index:Entity"
    needed = ("name", "number")
    identity = ("name",)

    def faults(self, inputs: Bag, olds: Bag) -> list[Failure]:
        before, now = olds.get("number"), inputs.get("number")
        if olds.get("name") == inputs.get("name") and before not in (None, UNKNOWN, now) and now is not UNKNOWN:
            rule = "a number never changes under a name, since files on every host carry it"
            return [Failure("number", f"{inputs['name']} is number {before}, not {now}: {rule}; write {before} again")]
        return []

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        found = super().diff(id, _without(old_inputs), old_outputs, _without(new_inputs))
        if not old_outputs.get(BEYOND):
            return found
        outputs = [*found.in_outputs, BEYOND]
        return replace(found, changes=True, detailed={**found.detailed, BEYOND: UPDATE}, in_outputs=outputs)

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        name = str(inputs["name"])
        if preview:
            return Created(name, planned(inputs) | {BEYOND: []})
        with told():
            self._make(plain(inputs))
        try:
            self._shape(plain(inputs))
        except NetAuthError as error:
            outputs = {**inputs, OBSERVED: "partly made", BEYOND: []}
            raise PartialFailure(name, outputs, _barely(inputs), [f"{name}: {error}"]) from None
        return Created(name, present(inputs) | {BEYOND: []})

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        if preview:
            return planned(new_inputs) | {BEYOND: []}
        with told():
            if self.client.entity(id) is None:
                self._make(plain(new_inputs))
            self._shape(plain(new_inputs))
            self._strip(id, list(old_outputs.get(BEYOND) or []))
        return present(new_inputs) | {BEYOND: []}

    def seen(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        found = self.client.entity(id)
        if found is None:
            return None
        if inputs.get("number") not in (None, found.number):
            self.log(f"{id} is number {found.number} now: somebody made it anew by hand", severity="warning")
        now: Bag = {"name": found.name, "number": found.number, "locked": found.locked}
        now |= {key: getattr(found, key) for key in _META if getattr(found, key) or key in inputs}
        if inputs and "locked" not in inputs and not found.locked:
            del now["locked"]
        beyond = []
        if inputs:
            beyond = [f"group {group}" for group in found.groups if group not in (inputs.get("groups") or ())]
            beyond += [f"key {named(key)}" for key in found.keys if named(key) not in (inputs.get("keys") or ())]
        for what in beyond:
            self.log(f"{id} has the {what}, which no data gives; the next `up` takes it away", severity="warning")
        now |= {name: inputs[name] for name in _HAS if name in inputs}
        return Read(id, now, {**now, OBSERVED: PRESENT, BEYOND: beyond})

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        with told():
            found = self.client.entity(id)
            if found is None:
                return
            self.client.set_locked(id, True)
            for group in found.groups:
                self.client.set_member(id, group, False)
            for key in found.keys:
                self.client.set_key(id, key, False)
        self.log(f"{id} is locked and has no groups and no keys; the name stays theirs")

    # How it is brought about.

    def _make(self, wish: Bag) -> None:
        """Make it, unless an `up` that was killed made it already. Somebody else's name is refused."""
        name, number = str(wish["name"]), int(wish["number"])
        found = self.client.entity(name)
        if found is None:
            try:
                self.client.create_entity(name, number, secrets.token_urlsafe(32))
            except NetAuthError as error:
                # A call whose answer was lost has done its work all the same.
                found = self.client.entity(name) if error.taken or error.silent else None
                if found is None:
                    raise ProviderError(f"{name}: {error}") from None
        if found is not None:
            _adopted(found, wish)

    def _shape(self, wish: Bag) -> None:
        """Lock first, open last: in between nobody is more than before."""
        name, locked = str(wish["name"]), bool(wish.get("locked"))
        found = self.client.entity(name)
        if locked and not (found and found.locked):
            self.client.set_locked(name, True)
        meta = {key: str(wish.get(key) or "") for key in _META}
        if found is None or any(getattr(found, key) != value for key, value in meta.items()):
            self.client.set_meta(name, **meta)
        if found is not None and found.locked and not locked:
            self.client.set_locked(name, False)

    def _strip(self, name: str, beyond: list[str]) -> None:
        """Take away what a look found that no data gave, and that a preview has shown since."""
        found = self.client.entity(name) if beyond else None
        for group in found.groups if found else ():
            if f"group {group}" in beyond:
                self.client.set_member(name, group, False)
        for key in found.keys if found else ():
            if f"key {named(key)}" in beyond:
                self.client.set_key(name, key, False)


def _adopted(found: known.Entity, wish: Bag) -> None:
    """Refuse what is somebody else's. Raises ProviderError."""
    if found.number != wish["number"]:
        raise ProviderError(
            f"{found.name} is in the directory already, as number {found.number} and not {wish['number']}: "
            "a name is never handed out again; choose another handle"
        )
    if found.locked and not wish.get("locked"):
        raise ProviderError(
            f"{found.name} was in the directory and left: a name is never handed out again; choose another handle, "
            f"or, if it is the same person, `pulumi import {Entity.token} <resource> {found.name}` and apply again"
        )


def _without(inputs: Bag) -> Bag:
    return {key: value for key, value in inputs.items() if key not in _HAS}


def _barely(inputs: Bag) -> Bag:
    """What surely stands: the rest is a difference to the next preview."""
    return {key: inputs[key] for key in ("name", "number")}

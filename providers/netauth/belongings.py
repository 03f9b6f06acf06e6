"""What an entity has: `netauth:index:Membership`, a group itself and not by a rule, and `netauth:index:Key`."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import replace

from providers.base.resource import Created, Diff, Failure, ProviderError, Read
from providers.base.values import UNKNOWN, Bag
from providers.netauth.directory import OBSERVED, PRESENT, Entry, plain, planned, present, told


class Membership(Entry):
    """Inputs: entity, group. Its id is entity/group."""

    token = "netauth:index:Membership"
    needed = ("entity", "group")
    identity = ("entity", "group")

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        id_ = f"{inputs['entity']}/{inputs['group']}"
        if preview:
            return Created(id_, planned(inputs))
        with told():
            self._put_in(plain(inputs))
        return Created(id_, present(inputs))

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        if preview:
            return planned(new_inputs)
        with told():
            self._put_in(plain(new_inputs))
        return present(new_inputs)

    def seen(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        entity, _, group = id.partition("/")
        found = self.client.entity(entity)
        if found is None or group not in found.groups:
            return None
        now: Bag = {"entity": entity, "group": group}
        return Read(id, now, {**now, OBSERVED: PRESENT})

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        entity, _, group = id.partition("/")
        with told():
            found = self.client.entity(entity)
            if found is not None and group in found.groups:
                self.client.set_member(entity, group, False)

    def _put_in(self, wish: Bag) -> None:
        # The server takes any word for a group: one that it does not know would be one day.
        if self.client.group(wish["group"]) is None:
            raise ProviderError(f"{wish['entity']}: the directory has no group {wish['group']}")
        self.client.set_member(wish["entity"], wish["group"], True)


class Key(Entry):
    """Inputs: entity, label, key. Its id is entity/fingerprint. A key's comment stays with us: it is no part of it.

    Another key is another resource, so that the new one is there before the old one goes.
    """

    token = "netauth:index:Key"
    needed = ("entity", "label", "key")
    identity = ("entity", "key")

    def faults(self, inputs: Bag, olds: Bag) -> list[Failure]:
        if inputs["key"] is UNKNOWN:
            return []
        try:
            fingerprint(str(inputs["key"]))
        except ValueError as error:
            return [Failure("key", f"{inputs['entity']}: the key {inputs['label']}: {error}")]
        return []

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        found = super().diff(id, old_inputs, old_outputs, new_inputs)
        old, new = old_inputs.get("key"), new_inputs.get("key")
        if old_inputs.get("entity") == new_inputs.get("entity") and isinstance(old, str) and isinstance(new, str):
            # Another comment: a replacement would take the very key away that it gave a moment before.
            return found if bare(old) != bare(new) else replace(found, replaces=())
        return found

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        if preview and inputs["key"] is UNKNOWN:
            return Created("", planned(inputs))
        id_ = f"{inputs['entity']}/{fingerprint(str(inputs['key']))}"
        if preview:
            return Created(id_, planned(inputs))
        with told():
            self._give(plain(inputs))
        return Created(id_, present(inputs))

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        if preview:
            return planned(new_inputs)
        with told():
            self._give(plain(new_inputs))
        return present(new_inputs)

    def seen(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        entity, _, wanted = id.partition("/")
        found = self.client.entity(entity)
        for key in found.keys if found else ():
            if named(key) == wanted:
                now = dict(inputs) or {"entity": entity, "label": "imported", "key": key}
                return Read(id, now, {**now, OBSERVED: PRESENT})
        return None

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        entity, _, wanted = id.partition("/")
        with told():
            found = self.client.entity(entity)
            for key in found.keys if found else ():
                if named(key) == wanted:
                    self.client.set_key(entity, key, False)

    def _give(self, wish: Bag) -> None:
        if self.client.entity(wish["entity"]) is None:
            raise ProviderError(f"{wish['entity']} is not in the directory")
        self.client.set_key(wish["entity"], bare(wish["key"]), True)


def bare(key: str) -> str:
    """Type and key proper, without a comment."""
    return " ".join(key.split()[:2])


def fingerprint(key: str) -> str:
    """As ssh-keygen shows it. Raises ValueError where it is no public key."""
    words = key.split()
    if len(words) < 2 or not words[0].startswith(("ssh-", "ecdsa-", "sk-")):
        raise ValueError("is no public key: write its type and the key, as in the file that ends in .pub")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except binascii.Error:
        raise ValueError("is no public key: the part after its type is damaged") from None
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def named(key: str) -> str:
    """The name of what the directory holds as a key, which may be anything."""
    try:
        return fingerprint(key)
    except ValueError:
        return key

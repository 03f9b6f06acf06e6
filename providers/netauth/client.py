"""A NetAuth server's entries as plain Python: people, their keys and groups.

Every change is asked for again until it is seen to stand: the server reads an entry, changes it and writes it back
without a lock, so that a login or another change at the same moment can undo one. It does not mind giving one number
to two, either: that is looked up here first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import grpc

from providers.netauth import wire
from providers.netauth.calls import Calls, NetAuthError
from providers.netauth.wire import CAPABILITIES, CAPABILITY_NAMES, Method, message

KEY_KIND: Final = "SSH"
# A login that was under way when somebody was locked ends within the time of one password hash.
SECOND_LOOK: Final = 0.5


@dataclass(frozen=True)
class Entity:
    """Somebody as the directory knows them. `groups` are the direct ones."""

    name: str
    number: int
    primary_group: str = ""
    home: str = ""
    shell: str = ""
    locked: bool = False
    groups: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """A group as the directory knows it."""

    name: str
    number: int
    display_name: str = ""
    managed_by: str = ""
    capabilities: tuple[str, ...] = ()


class Client:
    """Reads and changes one server's entries. Safe for many threads: one change of an entry at a time."""

    def __init__(self, calls: Calls, *, second_look: float = SECOND_LOOK) -> None:
        self.calls = calls
        self._second_look = second_look
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    # People.

    def entity(self, name: str) -> Entity | None:
        """Somebody, or None."""
        try:
            found = self.calls.call("EntityInfo", message("EntityRequest", entity=message("Entity", id=name)))
        except NetAuthError as error:
            if error.missing:
                return None
            raise
        one = found.entities[0]
        keys = tuple(key for key in one.meta.keys if key.startswith(f"{KEY_KIND}:"))
        return Entity(
            one.id,
            one.number,
            one.meta.primary_group,
            one.meta.home,
            one.meta.shell,
            one.meta.locked,
            tuple(sorted(one.meta.groups)),
            tuple(sorted(key.partition(":")[2] for key in keys)),
        )

    def create_entity(self, name: str, number: int, secret: str) -> None:
        """Somebody new. Without a secret of their own anybody could be them: an empty one would be a password."""
        if not secret:
            raise ValueError("an entity without a secret would be open to everybody")
        found = self.calls.call("EntitySearch", message("SearchRequest", expression=_numbered(number))).entities
        _free(number, [one.id for one in found if one.number == number and one.id != name])
        entity = message("Entity", id=name, number=number, secret=secret)
        self.calls.call("EntityCreate", message("EntityRequest", entity=entity), write=True)

    def set_meta(self, name: str, *, primary_group: str, home: str, shell: str) -> None:
        """What accounts are made of."""
        wanted = {"primary_group": primary_group, "home": home, "shell": shell}

        def ask() -> None:
            data = message("Entity", id=name, meta=message("Meta", **wanted))
            self.calls.call("EntityUpdate", message("EntityRequest", data=data), write=True)

        def holds() -> bool:
            found = self.entity(name)
            return found is not None and all(getattr(found, key) == value for key, value in wanted.items())

        self._until(name, ask, holds)

    def set_locked(self, name: str, locked: bool) -> None:
        """Lock or open; seen to hold twice, since a login under way writes the entry back as it was before."""
        method: Method = "EntityLock" if locked else "EntityUnlock"

        def ask() -> None:
            self.calls.call(method, message("EntityRequest", entity=message("Entity", id=name)), write=True)

        def holds() -> bool:
            found = self.entity(name)
            return found is not None and found.locked is locked

        self._until(name, ask, holds, twice=locked)

    def set_member(self, name: str, group: str, member: bool) -> None:
        """Put somebody into a group, or take them out."""
        method: Method = "GroupAddMember" if member else "GroupDelMember"

        def ask() -> None:
            entity = message("Entity", id=name, meta=message("Meta", groups=[group]))
            self.calls.call(method, message("EntityRequest", entity=entity), write=True)

        def holds() -> bool:
            found = self.entity(name)
            return found is not None and (group in found.groups) is member

        self._until(name, ask, holds, twice=not member)

    def set_key(self, name: str, key: str, there: bool) -> None:
        """Give somebody a public key, or take it away.

        The server takes every key away that contains the text; those that were not meant are given again.
        """

        def change(text: str, action: int) -> None:
            request = message("KeyRequest", target=name, action=action, key=KEY_KIND, value=text)
            self.calls.call("EntityKeys", request, write=True)

        def ask() -> None:
            before = self.entity(name)
            change(key, wire.ADD if there else wire.DROP)
            if there or before is None:
                return
            for other in before.keys:
                if other != key and key in other:
                    change(other, wire.ADD)

        def holds() -> bool:
            found = self.entity(name)
            return found is not None and (key in found.keys) is there

        self._until(name, ask, holds, twice=not there)

    def set_secret(self, name: str, secret: str) -> None:
        """Give somebody another password. One's own needs the old one: this is for others."""
        entity = message("Entity", id=name)
        self.calls.call("AuthChangeSecret", message("AuthRequest", entity=entity, secret=secret), write=True)

    # Groups.

    def group(self, name: str) -> Group | None:
        """A group, or None."""
        try:
            found = self.calls.call("GroupInfo", message("GroupRequest", group=message("Group", name=name)))
        except NetAuthError as error:
            if error.missing:
                return None
            raise
        one = found.groups[0]
        held = sorted(CAPABILITY_NAMES.get(number, str(number)) for number in one.capabilities)
        return Group(one.name, one.number, one.display_name, one.managed_by, tuple(held))

    def create_group(self, group: Group) -> None:
        """A new group, without capabilities."""
        found = self.calls.call("GroupSearch", message("SearchRequest", expression=_numbered(group.number))).groups
        _free(group.number, [one.name for one in found if one.number == group.number and one.name != group.name])
        fields = {"name": group.name, "number": group.number}
        more = {"display_name": group.display_name, "managed_by": group.managed_by}
        self.calls.call("GroupCreate", message("GroupRequest", group=message("Group", **fields, **more)), write=True)

    def set_group(self, group: Group) -> None:
        """Its words and who manages it."""

        def ask() -> None:
            fields = {"display_name": group.display_name, "managed_by": group.managed_by}
            self.calls.call(
                "GroupUpdate", message("GroupRequest", group=message("Group", name=group.name, **fields)), write=True
            )

        def holds() -> bool:
            found = self.group(group.name)
            return found is not None and (found.display_name, found.managed_by) == (
                group.display_name,
                group.managed_by,
            )

        self._until(f"group {group.name}", ask, holds)

    def set_capability(self, group: str, capability: str, held: bool) -> None:
        """Give a group a capability, or take it away."""

        def ask() -> None:
            request = message(
                "CapabilityRequest",
                capability=CAPABILITIES[capability],
                direct=False,
                target=group,
                action=wire.ADD if held else wire.DROP,
            )
            self.calls.call("SystemCapabilities", request, write=True)

        def holds() -> bool:
            found = self.group(group)
            return found is not None and (capability in found.capabilities) is held

        self._until(f"group {group}", ask, holds)

    def members(self, group: str) -> tuple[str, ...]:
        """Who is in a group itself, not by a rule; empty also for a group that is not there."""
        try:
            found = self.calls.call("GroupMembers", message("GroupRequest", group=message("Group", name=group)))
        except NetAuthError as error:
            if error.missing:
                return ()
            raise
        return tuple(sorted(one.id for one in found.entities if group in one.meta.groups))

    def destroy_group(self, name: str) -> None:
        """Take a group away; it is no error when it is gone."""
        try:
            self.calls.call("GroupDestroy", message("GroupRequest", group=message("Group", name=name)), write=True)
        except NetAuthError as error:
            if not error.missing:
                raise

    def _until(self, entry: str, ask: Callable[[], None], holds: Callable[[], bool], *, twice: bool = False) -> None:
        """Ask until it stands. One change of an entry at a time: the server could lose one of two."""
        end = time.monotonic() + self.calls.patience
        with self._lock(entry):
            while True:
                ask()
                if holds():
                    if not twice:
                        return
                    time.sleep(self._second_look)
                    if holds():
                        return
                if time.monotonic() > end or self.calls.cancelled:
                    raise NetAuthError(
                        f"{entry}: the server at {self.calls.place.target} took the change and does not show it: "
                        "something else changes this entry all the time; look at the server's log, then apply again",
                        grpc.StatusCode.ABORTED,
                    )

    def _lock(self, entry: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(entry, threading.Lock())


def _numbered(number: int) -> str:
    return f"+Number:>={number} +Number:<={number}"


def _free(number: int, holders: list[str]) -> None:
    if holders:
        raise NetAuthError(
            f"the number {number} is that of {', '.join(sorted(holders))} in the directory; "
            "give one that was never used",
            grpc.StatusCode.ALREADY_EXISTS,
        )

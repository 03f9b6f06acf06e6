"""`netauth:index:Group`: a group of the directory, with what its members may change in the directory itself."""

from __future__ import annotations

from providers.base.resource import Created, Failure, PartialFailure, ProviderError, Read
from providers.base.values import UNKNOWN, Bag
from providers.netauth import client as known
from providers.netauth.calls import NetAuthError
from providers.netauth.directory import OBSERVED, PRESENT, Entry, plain, planned, present, told
from providers.netauth.wire import CAPABILITIES


class Group(Entry):
    """Inputs: name, number, display_name, managed_by, capabilities. Output: observed.

    Deleting takes the members out first: an entity that names a group which is gone would be in it again one day.
    """

    token = "netauth:index:Group"
    needed = ("name", "number")
    identity = ("name",)

    def faults(self, inputs: Bag, olds: Bag) -> list[Failure]:
        found = []
        held = inputs.get("capabilities")
        for capability in held if isinstance(held, list) else []:
            if capability is not UNKNOWN and capability not in CAPABILITIES:
                text = f"{capability} is no capability of NetAuth; there are {', '.join(CAPABILITIES)}"
                found.append(Failure("capabilities", f"group {inputs['name']}: {text}"))
        before, now = olds.get("number"), inputs.get("number")
        if olds.get("name") == inputs.get("name") and before not in (None, UNKNOWN, now) and now is not UNKNOWN:
            rule = "a number never changes under a name, since files on every host carry it"
            found.append(Failure("number", f"group {inputs['name']} is number {before}, not {now}: {rule}"))
        return found

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        name = str(inputs["name"])
        if preview:
            return Created(name, planned(inputs))
        wish = _wish(inputs)
        with told():
            self._make(wish)
        try:
            self._shape(wish)
        except NetAuthError as error:
            reasons = [f"group {name}: {error}"]
            kept = {key: inputs[key] for key in ("name", "number")}
            raise PartialFailure(name, {**inputs, OBSERVED: "partly made"}, kept, reasons) from None
        return Created(name, present(inputs))

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        if preview:
            return planned(new_inputs)
        wish = _wish(new_inputs)
        with told():
            self._make(wish)
            self._shape(wish)
        return present(new_inputs)

    def seen(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        found = self.client.group(id)
        if found is None:
            return None
        now: Bag = {"name": found.name, "number": found.number}
        more = {
            "display_name": found.display_name,
            "managed_by": found.managed_by,
            "capabilities": list(found.capabilities),
        }
        now |= {key: value for key, value in more.items() if value or key in inputs}
        if sorted(inputs.get("capabilities") or []) == list(found.capabilities) and "capabilities" in inputs:
            # In the program's own order: another order is no difference.
            now["capabilities"] = inputs["capabilities"]
        return Read(id, now, {**now, OBSERVED: PRESENT})

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        with told():
            for member in self.client.members(id):
                self.client.set_member(member, id, False)
            self.client.destroy_group(id)

    def _make(self, wish: known.Group) -> None:
        found = self.client.group(wish.name)
        if found is None:
            try:
                self.client.create_group(wish)
            except NetAuthError as error:
                found = self.client.group(wish.name) if error.taken or error.silent else None
                if found is None:
                    raise ProviderError(f"group {wish.name}: {error}") from None
        if found is not None and found.number != wish.number:
            raise ProviderError(
                f"group {wish.name} is in the directory already, as number {found.number} and not {wish.number}: "
                f"write {found.number}, or choose another name"
            )

    def _shape(self, wish: known.Group) -> None:
        found = self.client.group(wish.name)
        if found is None or (found.display_name, found.managed_by) != (wish.display_name, wish.managed_by):
            self.client.set_group(wish)
        held = set(found.capabilities) if found else set()
        for capability in sorted(held - set(wish.capabilities)):
            if capability in CAPABILITIES:
                self.client.set_capability(wish.name, capability, False)
        for capability in sorted(set(wish.capabilities) - held):
            self.client.set_capability(wish.name, capability, True)


def _wish(inputs: Bag) -> known.Group:
    bag = plain(inputs)
    return known.Group(
        str(bag["name"]),
        int(bag["number"]),
        str(bag.get("display_name") or ""),
        str(bag.get("managed_by") or ""),
        tuple(bag.get("capabilities") or ()),
    )

"""`netauth:index:Ledger`: who was known and who might what at the last `up`, so that a change of it can be judged.

It lives in the state alone and touches no server. Check refuses, in the preview already, what only a look back shows:
another GitHub id under an unchanged handle, a handle that disappears, too many leaving at once. Diff says in words what
people gain and lose.
"""

from __future__ import annotations

from typing import Any, Final

from providers.base.diffing import detailed
from providers.base.resource import Created, Diff, Failure, Read, Resource
from providers.base.values import Bag, contains_unknown, reveal

_ID: Final = "people"
# The limit is about the change and not about anybody: another limit alone is nothing to do.
_JUDGED: Final = ("people", "rights")


class Ledger(Resource):
    """Inputs: people (handle: github, number, left), rights (handle: list of rights), removal_percent."""

    token = "netauth:index:Ledger"

    def check(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        missing = [name for name in (*_JUDGED, "removal_percent") if inputs.get(name) is None]
        if missing:
            return inputs, [Failure(name, f"{name} is missing") for name in missing]
        if contains_unknown(inputs):
            return inputs, [Failure("", "people come from the data alone: an output in the ledger could not be judged")]
        if not olds:
            return inputs, []
        # Only here and in diff: the plugin starts without reading the program's data model.
        from model.roster_change import refused

        return inputs, [Failure("people", text) for text in refused(reveal(olds), reveal(inputs))]

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        found = {path: kind for path, kind in detailed(old_inputs, new_inputs).items() if path != "removal_percent"}
        if found:
            self._tell(old_inputs, new_inputs)
        return Diff(bool(found), found)

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        if preview:
            self._tell({}, inputs)
        return Created(_ID, dict(inputs))

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        return dict(new_inputs)

    def read(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        return Read(id, inputs, outputs)

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        """Nothing: it is a record."""

    def _tell(self, before: Bag, after: Bag) -> None:
        from components.roster.words import effects

        old: Any = reveal(before).get("rights") or {}
        for sentence in effects(old, reveal(after)["rights"]):
            self.log(sentence)

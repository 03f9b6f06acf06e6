"""What lives in the state alone: a record of what the data said at the last `up`, to compare the next one with."""

from __future__ import annotations

from typing import ClassVar

from providers.base.diffing import detailed
from providers.base.resource import Diff, Failure, Read, Resource
from providers.base.values import Bag, contains_unknown


class Record(Resource):
    """No server holds it. `needed` inputs are there; another value of a `judged` one is a change, of the rest none."""

    needed: ClassVar[tuple[str, ...]]
    judged: ClassVar[tuple[str, ...]]

    def faults(self, inputs: Bag, unknown: str) -> list[Failure]:
        """What keeps it from being judged; `unknown` is what is said where inputs are outputs of something."""
        missing = [name for name in self.needed if inputs.get(name) is None]
        if missing:
            return [Failure(name, f"{name} is missing") for name in missing]
        return [Failure("", unknown)] if contains_unknown(inputs) else []

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        found = detailed(
            {name: old_inputs.get(name) for name in self.judged}, {name: new_inputs.get(name) for name in self.judged}
        )
        return Diff(bool(found), found)

    def read(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        return Read(id, inputs, outputs)

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        """Nothing: it is a record."""

"""`netauth:index:Ledger`: who was known and who might what at the last `up`, so that a change of it can be judged.

It lives in the state alone and touches no server. Check refuses, in the preview already, what only a look back shows:
another GitHub id under an unchanged handle, a handle that disappears, too many leaving at once. Diff says in words what
people gain and lose. What is refused and what is said is decided in the data's model and in components/roster.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from providers.base.resource import Created, Diff, Failure
from providers.base.values import Bag, reveal
from providers.netauth.record import Record


class Ledger(Record):
    """Inputs: those of model.roster_change.ledger; rights, as plain; roles of each machine; as_of, a day."""

    token = "netauth:index:Ledger"
    needed = ("people", "rights", "as_of")
    # The rest is how a change is judged and told, and is nothing to do by itself.
    judged = ("people", "rights")

    def check(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        unjudged = self.faults(inputs, "people come from the data alone: an output in the ledger could not be judged")
        if unjudged:
            return inputs, unjudged
        # Only where it is needed: the plugin starts without reading the program's data model.
        from model.roster_change import problems

        now: Any = reveal(inputs)
        before: Any = reveal(olds) or None
        return inputs, [Failure("people", text) for text in problems(before, now, date.fromisoformat(now["as_of"]))]

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        self._tell(old_inputs, new_inputs)
        return super().diff(id, old_inputs, old_outputs, new_inputs)

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        if preview:
            self._tell({}, inputs)
        return Created("people", dict(inputs))

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        return dict(new_inputs)

    def _tell(self, before: Bag, after: Bag) -> None:
        from components.roster.rights import from_plain
        from components.roster.words import effects

        old: Any = reveal(before.get("rights") or {})
        new: Any = reveal(after["rights"])
        for sentence in effects(from_plain(old), from_plain(new), reveal(after.get("roles") or {})):
            self.log(sentence)

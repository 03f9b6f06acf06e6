"""What a provider author writes: one class for each kind of resource."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from providers.base.diffing import detailed
from providers.base.values import Bag

if TYPE_CHECKING:
    from providers.base.servicer import Provider


class ProviderError(Exception):
    """A failure whose text is meant for the person at the terminal: what, where, the rule, the way out."""


@dataclass(frozen=True)
class Failure:
    """A property that is wrong, and why. With an empty `property` it is about the whole resource."""

    property: str
    reason: str


@dataclass(frozen=True)
class Diff:
    """What an update would change.

    `detailed` maps paths of the inputs to ADD, DELETE or UPDATE. `replaces` names the paths, or top-level properties,
    whose change needs a new resource. `changes` alone, without paths, makes an update of unspecified content.
    """

    changes: bool
    detailed: dict[str, str] = field(default_factory=dict)
    replaces: Sequence[str] = ()
    delete_before_replace: bool = False
    stables: Sequence[str] = ()
    # Paths that exist in the outputs only (an output that drifted or is still to be filled) are not input differences.
    in_outputs: Sequence[str] = ()


@dataclass(frozen=True)
class Created:
    """A new resource's identifier and everything known about it."""

    id: str
    outputs: Bag


@dataclass(frozen=True)
class Read:
    """A resource as it is now; `inputs` are what a program would have to say to get it."""

    id: str
    inputs: Bag
    outputs: Bag


class PartialFailure(Exception):  # noqa: N818 - the resource exists: it is not an error that undoes anything
    """The resource exists, but not as asked. The engine records it, and the next `up` tries an update."""

    def __init__(self, id: str, outputs: Bag, inputs: Bag, reasons: Sequence[str]) -> None:  # noqa: A002
        super().__init__("; ".join(reasons))
        self.id = id
        self.outputs = outputs
        self.inputs = inputs
        self.reasons = list(reasons)


@dataclass(frozen=True)
class Call:
    """Which resource the running RPC is about."""

    urn: str = ""
    name: str = ""
    type: str = ""
    seed: bytes = b""
    preview: bool = False


_NO_CALL = Call()
CALL: ContextVar[Call] = ContextVar("call", default=_NO_CALL)


class Resource:
    """One kind of resource. Subclasses override what differs from keeping the inputs as they are."""

    token: ClassVar[str]
    provider: "Provider"

    def check(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        """The inputs with defaults filled in, and what is wrong with them."""
        return inputs, []

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        """What an update would change; by default every difference of the inputs, in place."""
        found = detailed(old_inputs, new_inputs)
        return Diff(bool(found), found)

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        """Make it. In a preview: make nothing, and answer UNKNOWN for what only the real thing can tell."""
        raise NotImplementedError

    def read(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        """Look at it; None when it is gone. An import comes with empty inputs and outputs."""
        return Read(id, inputs, outputs)

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        """Change it in place and tell the new outputs."""
        raise NotImplementedError

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        """Take it away; it is no error when it is gone already."""

    def log(self, message: str, *, severity: str = "info") -> None:
        """Say something to the person at the terminal, beside the resource the running RPC is about."""
        self.provider.log(message, severity=severity, urn=CALL.get().urn)


__all__ = ["CALL", "Any", "Call", "Created", "Diff", "Failure", "PartialFailure", "ProviderError", "Read", "Resource"]

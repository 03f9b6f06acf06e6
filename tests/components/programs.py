"""The whole program, run once for each stack and each changed fact that tests ask for."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from tests.harness import Asked, Ledger, run_stack
from tests.model.change import Changes, changed, facts, write


@functools.cache
def program(stack: str, preview: bool = False) -> Ledger:
    """What the program asks for with a stack's own data."""
    with tempfile.TemporaryDirectory() as place:
        return run_stack(stack, Path(place), preview=preview)


def program_with(changes: Changes, stack: str = "local", preview: bool = False) -> Ledger:
    """What the program asks for with some facts changed."""
    with tempfile.TemporaryDirectory() as place:
        data = write(Path(place) / "data", changed(facts(stack), changes))
        return run_stack(stack, Path(place) / "run", data=data, preview=preview)


def states(ledger: Ledger, layer: str = "ground") -> dict[str, Asked]:
    """The hosts' states of one layer, by name."""
    return {name: a for name, a in ledger.of("hosts:index:State").items() if a.inputs["layer"] == layer}


# Without a role: a role may stand in a scope, which other hosts' firewalls then name it in.
SEVENTH = {
    "machines/b-bru-be": {
        "purpose": "a seventh host",
        "region": "bru",
        "source": {"kind": "metal", "provider": "a donor", "hardware": "one rack unit"},
        "os": "debian",
        "public": {"ipv4": "10.77.9.2"},
        "fabric": {"address": "10.99.0.32"},
    }
}

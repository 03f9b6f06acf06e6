"""Only the part of the program that says what Nomad, Vault and Consul hold, run against a pretend engine."""

from __future__ import annotations

import asyncio
import functools
import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi

from components.born import Born, from_data
from components.control.component import Control, control
from model import Fleet, load
from tests.harness import ROOT, Ledger, run_program
from tests.model.change import Changes, changed, facts, write

AUTHORITY = "-----BEGIN CERTIFICATE-----\n{host}\n-----END CERTIFICATE-----\n"
DIRECTORY = AUTHORITY.format(host="of the directory")


@functools.cache
def fleet_of(stack: str) -> Fleet:
    """A stack as it is."""
    return load(ROOT / "stacks" / stack)


@functools.cache
def program(stack: str, preview: bool = False) -> Ledger:
    """What the program asks for with a stack's own data."""
    return run(fleet_of(stack), stack, preview=preview)


def program_with(changes: Changes, stack: str = "local") -> Ledger:
    """What the program asks for with some facts changed."""
    with tempfile.TemporaryDirectory() as place:
        return run(load(write(Path(place), changed(facts(stack), changes))), stack)


def run(fleet: Fleet, stack: str, *, preview: bool = False) -> Ledger:
    """Run it. With `preview`, the control hosts' certificates are not there yet."""
    made: list[Control | None] = []
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "directory.pem"
        path.write_text(DIRECTORY)
        was = dict(os.environ)
        os.environ["FLEET_LDAP_CA"] = str(path)
        try:
            return run_program(lambda: made.append(control(fleet, _born(fleet, preview))), stack=stack, preview=preview)
        finally:
            os.environ.clear()
            os.environ.update(was)


def _born(fleet: Fleet, preview: bool) -> Mapping[str, Born]:
    found = from_data(fleet)
    for number, host in enumerate(fleet.voters):
        text: Any = AUTHORITY.format(host=host)
        if preview:
            text = _unknown()
        found[host] = replace(found[host], ipv4=found[host].ipv4 or f"10.77.1.{number}", authority=text)
    return found


def _unknown() -> Any:
    """An output that a preview does not know."""

    def done(value: Any) -> Any:
        future: asyncio.Future[Any] = asyncio.get_event_loop().create_future()
        future.set_result(value)
        return future

    return pulumi.Output(done(set()), done(None), done(False), done(False))

"""The records of both stacks as text: the difference is the review. `BLESS=1` takes what is there now."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from components.dns.plan import MachineAddress, Record, SecretText, records
from model import load
from tests.harness import ROOT

GOLDEN = Path(__file__).parents[1] / "golden"


def _line(record: Record) -> str:
    value = record.value
    if isinstance(value, MachineAddress):
        shown = f"<{value.family} of {value.machine}>"
    elif isinstance(value, SecretText):
        shown = f"{value.prefix}<secret {value.name}>"
    else:
        shown = value
    extra = "".join(
        f" {field}={said}" for field in ("priority", "flags", "tag") if (said := getattr(record, field)) is not None
    )
    return f"{record.name:36} {record.ttl or '-':>5} {record.type:5} {shown}{extra}"


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_the_records_are_those_last_reviewed(stack: str) -> None:
    text = "\n".join(_line(record) for record in records(load(ROOT / "stacks" / stack))) + "\n"
    page = GOLDEN / f"plan-records-{stack}.txt"
    if os.environ.get("BLESS"):
        page.parent.mkdir(exist_ok=True)
        page.write_text(text)
    assert page.read_text() == text, f"{page.name} changed; if you meant it, run again with BLESS=1"

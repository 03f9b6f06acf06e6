"""The picture of the fleet: drawn from the data, kept up to date, readable on a phone and in the dark."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cli import __main__ as commands
from cli.drawing import WIDTH, draw, target
from model import load
from tests.cli.run import Ran
from tests.harness import ROOT
from tests.model.change import changed, facts, write

SVG = "{http://www.w3.org/2000/svg}"
STACKS = sorted(path.name for path in (ROOT / "stacks").iterdir() if path.is_dir())


@pytest.mark.parametrize("stack", STACKS)
def test_the_drawing_is_up_to_date(stack: str) -> None:
    text = target(ROOT, stack).read_text(encoding="utf-8")
    assert text == draw(load(ROOT / "stacks" / stack)), "the data changed; run `fleet drawing`"


@pytest.mark.parametrize("stack", STACKS)
def test_every_machine_stands_in_it_with_role_and_fabric_address(stack: str) -> None:
    fleet = load(ROOT / "stacks" / stack)
    picture = ElementTree.fromstring(draw(fleet))
    words = {t.text for t in picture.iter(f"{SVG}text")}
    for name, machine in fleet.machines.items():
        assert name in words
        assert machine.fabric is None or machine.fabric.address in words
        assert not machine.roles or ", ".join(machine.roles) in words
    assert {fleet.regions[m.region].site for m in fleet.machines.values()} <= words
    assert len(list(picture.iter(f"{SVG}circle"))) == len(fleet.peers)


@pytest.mark.parametrize("stack", STACKS)
def test_it_fits_a_phone_and_the_dark(stack: str) -> None:
    text = draw(load(ROOT / "stacks" / stack))
    picture = ElementTree.fromstring(text)
    assert int(picture.attrib["width"]) == WIDTH == 360
    assert "prefers-color-scheme: dark" in text
    assert min(int(size) for size in re.findall(r"font-size: (\d+)px", text)) >= 12
    assert "http" not in text.replace("http://www.w3.org/2000/svg", ""), "it loads nothing"
    rows: dict[str, list[tuple[int, int]]] = {}
    for t in picture.iter(f"{SVG}text"):
        wide = round(len(t.text or "") * (8 if t.get("class") == "name" else 6.3))
        x = int(t.attrib["x"])
        rows.setdefault(t.attrib["y"], []).append((x - wide, x) if t.get("text-anchor") == "end" else (x, x + wide))
    for y, spans in rows.items():
        ordered = sorted(spans)
        assert ordered[-1][1] <= WIDTH, f"text at {y} runs out of the picture"
        assert all(a[1] < b[0] for a, b in itertools.pairwise(ordered)), f"texts at {y} touch"


def test_the_command_draws_and_says_when_nothing_changed(
    tmp_path: Path, fleet: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    assert "drawn" in fleet("drawing", "local").out
    assert "up to date" in fleet("drawing", "local").out
    other = write(tmp_path / "local", changed(facts("local"), {"regions/bru/site": "Ghent"}))
    ran = fleet("drawing", str(other), "--check")
    assert ran.code == 1
    assert "run `fleet drawing`" in ran.err

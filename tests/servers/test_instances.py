"""Which instance each port of a virtual address means: the mirrors' own instances.jq on made-up answers of Consul."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hostconfig.front import library

pytestmark = pytest.mark.servers
HERE = "198.18.0.2"
OLD = ("10.99.0.31", "10.99.0.32")
NEW = "10.99.0.33"


def one(address: str, *tags: str, fails: str = "") -> dict[str, Any]:
    checks = [
        {"CheckID": it, "Status": "critical" if it == fails else "passing"} for it in {"serfHealth", "own", fails}
    ]
    return {
        "Service": {"Address": address, "Port": 80, "Tags": list(tags)},
        "Checks": [it for it in checks if it["CheckID"]],
    }


def chosen(
    folder: Path, answer: list[dict[str, Any]], before: dict[str, str], ports: str = "3 1", at: int = 0, ill: int = 0
) -> tuple[dict[str, str], int | None]:
    """The map of the one service there is, port by port, and since when nobody of it is well (`ill`: before)."""
    (folder / "choose.jq").write_text(library("instances.jq"))
    (folder / "app.json").write_text(json.dumps(answer))
    (folder / "consul.json").write_text("[{}]")
    known: dict[str, Any] = {"map": {HERE: {k: f"{v} . 80" for k, v in before.items()}}}
    known |= {"empty": {HERE: ill}} if ill else {}
    (folder / "before.json").write_text(json.dumps(known))
    words = ["jq", "-n", "-c", "--arg", "declared", f"app app {HERE} {ports}", "--argjson", "now", str(at)]
    words += ["--slurpfile", "before", str(folder / "before.json"), "-f", str(folder / "choose.jq")]
    words += [str(folder / "consul.json"), str(folder / "app.json")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return {port: to.removesuffix(" . 80") for port, to in found["map"][HERE].items()}, found["empty"].get(HERE)


def meant(folder: Path, answer: list[dict[str, Any]], before: dict[str, str], ports: str = "3 1") -> dict[str, str]:
    """The map alone."""
    return chosen(folder, answer, before, ports)[0]


def test_a_version_that_is_tried_has_the_last_port_and_no_other(tmp_path: Path) -> None:
    before = meant(tmp_path, [one(OLD[0]), one(OLD[1])], {})
    assert sorted(before.values()) == sorted([OLD[0], *OLD])
    tried = meant(tmp_path, [one(OLD[0]), one(OLD[1]), one(NEW, "canary")], before)
    assert tried["3"] == NEW
    assert {tried["1"], tried["2"]} == set(OLD)
    # Chosen: it is one like the others, and keeps its port; withdrawn: its port is another's.
    assert meant(tmp_path, [one(OLD[0]), one(OLD[1]), one(NEW)], tried) == tried
    back = meant(tmp_path, [one(OLD[0]), one(OLD[1])], tried)
    assert {port: back[port] for port in "12"} == {port: tried[port] for port in "12"}
    assert back["3"] in OLD


def test_who_is_left_gets_all_ports(tmp_path: Path) -> None:
    assert set(meant(tmp_path, [one(NEW, "canary")], {}).values()) == {NEW}
    assert len(meant(tmp_path, [one(NEW, "canary")], {})) == 3
    # A generation of before that knows of no canaries shares out as it did.
    assert set(meant(tmp_path, [one(OLD[0]), one(NEW, "canary")], {}, "3").values()) == {OLD[0], NEW}


def test_when_all_are_ill_at_once_those_that_were_well_last_are_asked_for_half_a_minute(tmp_path: Path) -> None:
    before = meant(tmp_path, [one(OLD[0]), one(OLD[1])], {})
    ill = [one(it, fails="own") for it in OLD]
    assert chosen(tmp_path, ill, before, at=100) == (before, 100)
    assert chosen(tmp_path, ill, before, at=129, ill=100) == (before, 100)
    assert chosen(tmp_path, ill, before, at=130, ill=100) == ({}, None)
    # One is well again: it alone is asked, and the next half minute is a new one.
    well = chosen(tmp_path, [one(OLD[0]), one(OLD[1], fails="own")], before, at=129, ill=100)
    assert well == (dict.fromkeys("123", OLD[0]), None)
    # Who was never well is not asked.
    assert chosen(tmp_path, ill, {}, at=100) == ({}, None)


@pytest.mark.parametrize("fails", ["serfHealth", "_node_maintenance", "_service_maintenance:app-1"])
def test_who_is_gone_or_was_taken_out_of_use_is_not_asked_meanwhile(tmp_path: Path, fails: str) -> None:
    before = meant(tmp_path, [one(OLD[0]), one(OLD[1])], {})
    left = chosen(tmp_path, [one(OLD[0], fails=fails), one(OLD[1], fails="own")], before, at=100)
    assert left == (dict.fromkeys("123", OLD[1]), 100)
    assert chosen(tmp_path, [one(it, fails=fails) for it in OLD], before, at=100) == ({}, None)
    # Those of another address were stopped, and a new one is not well yet.
    assert chosen(tmp_path, [one(NEW, fails="own")], before, at=100) == ({}, None)

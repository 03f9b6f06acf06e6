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


def one(address: str, *tags: str) -> dict[str, Any]:
    return {"Service": {"Address": address, "Port": 80, "Tags": list(tags)}, "Checks": [{"Status": "passing"}]}


def meant(folder: Path, answer: list[dict[str, Any]], before: dict[str, str], ports: str = "3 1") -> dict[str, str]:
    """The map of the one service there is, port by port."""
    (folder / "choose.jq").write_text(library("instances.jq"))
    (folder / "app.json").write_text(json.dumps(answer))
    (folder / "consul.json").write_text("[{}]")
    (folder / "before.json").write_text(json.dumps({"map": {HERE: {k: f"{v} . 80" for k, v in before.items()}}}))
    words = ["jq", "-n", "-c", "--arg", "declared", f"app app {HERE} {ports}", "--argjson", "now", "0"]
    words += ["--slurpfile", "before", str(folder / "before.json"), "-f", str(folder / "choose.jq")]
    words += [str(folder / "consul.json"), str(folder / "app.json")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return {port: at.removesuffix(" . 80") for port, at in json.loads(done.stdout)["map"][HERE].items()}


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

"""`fleet check` as a person meets it: what it prints, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import Ran
from tests.harness import ROOT
from tests.model.change import GONE, Changes, changed, facts, write

ZONE = "zones/fleet.example"
BROKEN: dict[str, Changes] = {
    "an unknown key": {"machines/a-ams-nl/regoin": "ams"},
    "two hosts with one fabric address": {"machines/a-bru-be/fabric/address": "10.99.0.11"},
    "two hosts with one public address": {
        "machines/b-bru-be": {
            "purpose": "x",
            "region": "bru",
            "source": {"kind": "metal", "provider": "x", "hardware": "x"},
            "os": "debian",
            "managed": False,
            "public": {"ipv4": "10.77.9.1"},
        }
    },
    "an alias to a machine that does not exist": {f"{ZONE}/aliases/repo": {"machine": "z-ams-nl"}},
    "an alias to a name that does not exist": {f"{ZONE}/aliases/repo": {"name": "nowhere"}},
    "a record for a machine that does not exist": {f"{ZONE}/mail/@/0/machine": "z-ams-nl"},
    "a CNAME beside other records": {f"{ZONE}/txt/repo": [{"value": "x"}]},
    "a stray trailing dot": {f"{ZONE}/txt/new.": [{"value": "x"}]},
    "a missing trailing dot": {f"{ZONE}/aliases/status/outside": "status.hoster.example"},
    "an MX to a CNAME": {f"{ZONE}/mail/@/1/outside": "repo.fleet.example."},
    "a host in no region": {"machines/a-bru-be/region": "nowhere"},
    "a fabric address outside the subnet": {"machines/a-bru-be/fabric/address": "10.98.0.31"},
    "a fabric peer that is no machine": {"fabric/scopes/sync/from": ["mirror", "laptop"]},
    "an even number of control servers": {"machines/a-fra-de/roles": []},
}


def _place(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _refused(ran: Ran) -> None:
    assert ran.code == 1
    assert ran.out == ""
    assert "Traceback" not in ran.err
    assert "nothing was changed" in ran.err
    assert "    rule: " in ran.err
    assert "    way out: " in ran.err


@pytest.mark.parametrize("changes", BROKEN.values(), ids=BROKEN)
def test_a1_10_bad_data_is_refused_with_line_rule_and_way_out(
    changes: Changes, tmp_path: Path, fleet: Callable[..., Ran]
) -> None:
    folder = write(tmp_path / "data", changed(facts("local"), changes))
    before = _place(folder)
    ran = fleet("check", str(folder))
    _refused(ran)
    first = ran.err.splitlines()[1]
    file, line = first.split(":")[:2]
    assert file.endswith("all.yaml")
    assert int(line) > 0
    assert _place(folder) == before


def _broken_yaml(folder: Path) -> None:
    (folder / "fleet.yaml").write_text("fleet: [void\nregions: {")


def _not_utf8(folder: Path) -> None:
    (folder / "fleet.yaml").write_bytes("fleet: prüfung".encode("latin-1"))


def _empty(folder: Path) -> None:
    assert not list(folder.iterdir())


@pytest.mark.parametrize("make", [_broken_yaml, _not_utf8, _empty])
def test_a1_10_files_that_cannot_be_read_are_refused(
    make: Callable[[Path], None], tmp_path: Path, fleet: Callable[..., Ran]
) -> None:
    make(tmp_path)
    ran = fleet("check", str(tmp_path))
    _refused(ran)
    assert str(tmp_path) in ran.err


def test_a1_10_all_problems_of_a_load_are_reported_together(tmp_path: Path, fleet: Callable[..., Ran]) -> None:
    everything: dict[str, Any] = {}
    for name, changes in BROKEN.items():
        if name not in {"a fabric address outside the subnet", "an alias to a name that does not exist"}:
            everything |= changes  # the two say another thing about a fact that is broken already
    ran = fleet("check", str(write(tmp_path / "data", changed(facts("local"), everything))))
    _refused(ran)
    rules = {line for line in ran.err.splitlines() if line.startswith("    rule: ")}
    assert len(rules) >= 10


def test_a1_10_a_problem_in_one_stack_does_not_hide_the_other(tmp_path: Path, fleet: Callable[..., Ran]) -> None:
    broken = write(tmp_path / "data", changed(facts("local"), {"regions": GONE}))
    ran = fleet("check", str(broken), "prod")
    assert ran.code == 1
    assert "stacks/prod: right" in ran.out
    assert "regions" in ran.err


def test_the_projects_own_data_are_right(fleet: Callable[..., Ran]) -> None:
    ran = fleet("check")
    assert (ran.code, ran.err) == (0, "")
    # A hazard, as of a certificate that ends soon, comes with the days and makes nothing wrong.
    said = [line for line in ran.out.splitlines() if ": hazard: " not in line]
    assert [line.split(":")[0] for line in said] == ["stacks/local", "stacks/prod"]


def test_a_stack_that_is_not_there_is_named(fleet: Callable[..., Ran]) -> None:
    ran = fleet("check", "prd")
    assert ran.code == 1
    assert "prd: no such stack" in ran.err
    assert "local, prod" in ran.err


def test_a1_10_the_command_ends_with_code_1_and_no_traceback(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", changed(facts("local"), BROKEN["an unknown key"]))
    environment = {**os.environ, "VIRTUAL_ENV": sys.prefix}
    done = subprocess.run(
        [ROOT / "bin" / "fleet", "check", str(folder)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 1
    assert "way out" in done.stderr
    assert "Traceback" not in done.stderr

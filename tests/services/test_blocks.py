"""What each block makes of its data, and that the driver changes nothing but what starts the program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components.blocks import job, jobs
from components.blocks.nginx import site
from components.blocks.registration import vhost_meta
from model import Fleet, load
from model.placement import driver_of, groups_of, node_meta
from model.registration import Vhost
from model.services import Webserver, cron_of
from tests.harness import ROOT
from tests.model.cases_services import PROBE, SYNC, TIMER, probe
from tests.model.change import Changes, bare, changed, write


def fleet_with(folder: Path, changes: Changes) -> Fleet:
    """Local's machines with one service of the test's own."""
    return load(write(folder, changed(bare("local"), changes)))


def built(folder: Path, changes: Changes) -> dict[str, Any]:
    """The job of the test's own service."""
    return job(fleet_with(folder, changes), "probe").body


@pytest.mark.parametrize("driver", ["docker", "podman"])
def test_a4_05_the_driver_changes_what_starts_the_program_and_nothing_else(driver: str, tmp_path: Path) -> None:
    changes = probe(command="/bin/prog", args=["-x"], templates={"local/a": {"text": "b"}})
    here = built(tmp_path / "exec", changes)
    there = built(tmp_path / driver, changes | {"roles/worker/nomad/drivers": [driver]})
    one, other = here["TaskGroups"][0]["Tasks"][0], there["TaskGroups"][0]["Tasks"][0]
    assert (one.pop("Driver"), other.pop("Driver")) == ("exec", driver)
    assert one.pop("Config") == {"command": "/bin/prog", "args": ["-x"]}
    started = {"image": "images.fleet.example/prog:1", "command": "/bin/prog", "args": ["-x"], "network_mode": "host"}
    assert other.pop("Config") == started
    assert here == there


def test_without_a_command_the_images_own_starts_where_no_container_runs(tmp_path: Path) -> None:
    task = built(tmp_path, probe(args=["-x"]))["TaskGroups"][0]["Tasks"][0]
    assert task["Config"] == {"command": "/bin/prog", "args": ["-x"]}


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, "service"),
        ({"everywhere": True}, "system"),
        ({"block": "webserver", "webserver": {}}, "service"),
        (TIMER, "batch"),
        (TIMER | {"everywhere": True}, "sysbatch"),
        (SYNC, "batch"),
        (SYNC | {"everywhere": True}, "sysbatch"),
    ],
)
def test_each_block_makes_its_kind_of_job(fields: dict[str, Any], kind: str, tmp_path: Path) -> None:
    body = built(tmp_path, probe(**fields))
    assert body["Type"] == kind
    assert ("Periodic" in body) == (kind in ("batch", "sysbatch"))
    assert body.get("Periodic", {"ProhibitOverlap": True})["ProhibitOverlap"]


def test_the_short_form_is_the_long_one(tmp_path: Path) -> None:
    task = {"image": "prog", "volumes": {}, "user": "x"}
    group = {key: PROBE[key] for key in ("network", "ports", "registers")}
    gone = {"image": None, **dict.fromkeys(group)}
    whole = {k: v for k, v in PROBE.items() if k not in gone} | {
        "groups": {"probe": {**group, "tasks": {"probe": task}}}
    }
    assert built(tmp_path / "a", probe(user="x")) == built(tmp_path / "b", probe() | {"services/probe": whole})


def test_a_machine_that_rests_is_left_out_by_its_meta(tmp_path: Path) -> None:
    resting = {"machines/a-nyc-us/resting": {"copying": "its disk is full"}}
    fleet = fleet_with(tmp_path, probe(resting, datacenters=["mirrors"], resting=["copying"], everywhere=True))
    assert node_meta(fleet, "a-nyc-us")["resting_copying"] == "true"
    assert "resting_copying" not in node_meta(fleet, "a-pdx-us")
    (group,) = job(fleet, "probe").body["TaskGroups"]
    assert group["Constraints"] == [{"LTarget": "${meta.resting_copying}", "Operand": "is_not_set"}]
    assert "a-nyc-us" not in job(fleet, "probe").to_json()


def test_a_vhost_is_told_to_consul_and_a_hidden_one_is_not() -> None:
    said = {"names": ("a.fleet.example", "b.fleet.example"), "login": "none", "paths": {"/ws": {"websocket": True}}}
    meta = vhost_meta(Vhost.model_validate(said | {"public": True}))
    assert meta["vhost_names"] == "a.fleet.example b.fleet.example"
    assert (meta["vhost_path_0"], meta["vhost_path_0_websocket"]) == ("/ws", "on")
    assert vhost_meta(Vhost.model_validate(said | {"public": False})) == {}


def test_consul_takes_every_vhost() -> None:
    """At most 64 pairs, 128 letters in a key and 512 in a value, and no other letters in keys."""
    for stack in ("local", "prod"):
        for it in jobs(load(ROOT / "stacks" / stack)).values():
            for service in (s for group in it.body["TaskGroups"] for s in group.get("Services", [])):
                meta = service.get("Meta", {})
                assert len(meta) <= 64
                assert all(key.replace("_", "").replace("-", "").isalnum() and len(key) <= 128 for key in meta)
                assert all(len(value) <= 512 for value in meta.values()), service["Name"]


def test_nothing_is_said_twice_about_caching() -> None:
    text = site(Webserver.model_validate({"root": "/srv/www", "cache": "1h", "locations": {"/a/": {"root": "/srv/a"}}}))
    assert text.count("Cache-Control") == 1
    assert "expires" not in text
    assert "alias /srv/a/;" in text


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_every_pull_is_plain_shell_that_nomad_fills_in_one_place(stack: str) -> None:
    fleet = load(ROOT / "stacks" / stack)
    tasks = [task for group in job(fleet, "sync").body["TaskGroups"] for task in group["Tasks"]]
    for task in tasks:
        (text,) = (it["EmbeddedTmpl"] for it in task["Templates"])
        (source,) = (line for line in text.splitlines() if "{{" in line)
        assert "shadow-rsyncd" in source
        told = text.replace(source, "from=rsync://192.0.2.1:873/m/")
        subprocess.run(["sh", "-n"], input=told, text=True, check=True)


@pytest.mark.parametrize(
    ("every", "cron"), [("1m", "* * * * *"), ("5m", "*/5 * * * *"), ("1h", "0 * * * *"), ("1d", "0 0 * * *")]
)
def test_a_period_is_a_cron_line(every: str, cron: str) -> None:
    assert cron_of(every) == cron


def test_a_period_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="7m does not divide"):
        cron_of("7m")


def test_no_group_is_without_a_driver() -> None:
    for stack in ("local", "prod"):
        fleet = load(ROOT / "stacks" / stack)
        for name, service in fleet.services.items():
            for placed in groups_of(name, service):
                assert driver_of(fleet, service, placed) is not None, name


def _printed(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "components.blocks", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_a4_04_a_job_is_printed_for_planning_by_hand() -> None:
    done = _printed("job", "man-cgi", "--stack", "prod")
    assert json.loads(done.stdout)["Job"]["ID"] == "man-cgi"
    assert done.returncode == 0


def test_a_job_that_is_not_there_is_told_by_a_near_name() -> None:
    done = _printed("job", "man-cig", "--stack", "prod")
    assert done.returncode == 1
    assert "did you mean man-cgi" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_wrong_is_said_with_its_place(tmp_path: Path) -> None:
    done = _printed("job", "probe", "--stack", str(write(tmp_path, changed(bare("local"), probe(image="porg")))))
    assert done.returncode == 1
    assert "all.yaml:" in done.stderr

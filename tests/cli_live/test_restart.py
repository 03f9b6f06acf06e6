"""`fleet restart` against a real Nomad and a real Consul."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from cli.restart import failing
from tests.cli.run import Ran, fleet
from tests.cli_live.plane import Plane, job, running
from tests.servers.real import free_ports, wait_for

__all__ = ["fleet"]
pytestmark = pytest.mark.rehearsal
Fleet = Callable[..., Ran]


def test_a_restart_goes_one_by_one_and_each_is_healthy_before_the_next(operator: Plane, fleet: Fleet) -> None:
    before = {one["ID"]: one["TaskStates"]["app"]["StartedAt"] for one in running(operator, "web")}
    least: list[int] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            least.append(sum(one["TaskStates"]["app"]["State"] == "running" for one in running(operator, "web")))
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    ran = fleet("restart", "web")
    ended.set()
    watcher.join()
    assert ran.code == 0, ran.err
    assert [line.split(": ")[1].split()[0] for line in ran.err.splitlines()] == ["restarting", "healthy"] * 3
    after = {one["ID"]: one["TaskStates"]["app"]["StartedAt"] for one in running(operator, "web")}
    assert set(after) == set(before)
    assert all(after[one] > before[one] for one in before)
    assert min(least) >= 2


def test_the_last_healthy_one_is_not_taken_away_unasked(operator: Plane, fleet: Fleet) -> None:
    before = running(operator, "one")[0]["TaskStates"]["app"]["StartedAt"]
    ran = fleet("restart", "one")
    assert ran.code == 1
    assert "--now" in ran.err
    assert running(operator, "one")[0]["TaskStates"]["app"]["StartedAt"] == before
    ran = fleet("restart", "one", "--now")
    assert ran.code == 0, ran.err
    assert running(operator, "one")[0]["TaskStates"]["app"]["StartedAt"] > before


def test_a_restart_waits_for_the_checks_that_nomad_keeps(operator: Plane, fleet: Fleet) -> None:
    (port,) = free_ports(1)
    serve = f"sleep 2; exec {sys.executable} -m http.server --bind 127.0.0.1 {port}"
    trial = job("checked", 1, serve)
    group = trial["Job"]["TaskGroups"][0]
    group["Networks"] = [{"Mode": "host", "ReservedPorts": [{"Label": "http", "Value": port}]}]
    check = {"Name": "answers", "Type": "http", "Path": "/", "Interval": 10**9, "Timeout": 10**9}
    group["Services"] = [{"Name": "checked", "Provider": "nomad", "PortLabel": "http", "Checks": [check]}]
    operator.nomad.api.post("/v1/jobs", trial)
    try:
        wait_for("the job", lambda: running(operator, "checked"))
        ran = fleet("restart", "checked", "--now", "--wait", "1")
        assert ran.code == 1
        assert "fleet log checked" in ran.err
        ran = fleet("restart", "checked", "--now", "--wait", "40")
        assert ran.code == 0, ran.err
        assert int(re.findall(r"healthy after (\d+) s", ran.err)[0]) >= 2
    finally:
        operator.nomad.api.delete("/v1/job/checked", purge=True)


def test_checks_that_consul_keeps_count_for_their_own_allocation(operator: Plane) -> None:
    identity = "11111111-2222-3333-4444-555555555555"
    service = {"Name": "kept", "Provider": "consul", "Checks": [{"Name": "alive"}]}
    whole = {"ID": identity, "TaskGroup": "app", "Job": {"TaskGroups": [{"Name": "app", "Services": [service]}]}}
    nomad_api, consul_api = operator.nomad.api, operator.consul.api
    assert failing(nomad_api, consul_api, whole) == "kept is not in Consul"
    for owner, state in ((identity, "passing"), ("another", "critical")):
        registered: dict[str, Any] = {"ID": f"_nomad-task-{owner}-group-app-kept-http", "Name": "kept"}
        registered["Check"] = {"Name": "alive", "TTL": "1h", "Status": state}
        consul_api.put("/v1/agent/service/register", registered)
    assert failing(nomad_api, consul_api, whole) == ""
    consul_api.put(f"/v1/agent/check/fail/service:_nomad-task-{identity}-group-app-kept-http", note="no answer")
    assert failing(nomad_api, consul_api, whole) == "check alive: no answer"

"""Every job of both stacks is taken by a real Nomad: parsed, valid, and planned without a warning."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.blocks import jobs
from model import load
from servers import Api, ApiError
from tests.servers.real import binary, free_ports
from toolchain.places import ROOT

pytestmark = pytest.mark.rehearsal

STACKS = {stack: load(ROOT / "stacks" / stack) for stack in ("local", "prod")}
JOBS = [(stack, name) for stack, fleet in STACKS.items() for name in sorted(fleet.services)]
AGENT = """\
data_dir = "{data}"
bind_addr = "127.0.0.1"
log_level = "WARN"
advertise {{
  http = "127.0.0.1"
  rpc = "127.0.0.1"
  serf = "127.0.0.1"
}}
ports {{
  http = {http}
  rpc = {rpc}
  serf = {serf}
}}
server {{
  enabled = true
  bootstrap_expect = 1
}}
"""


@pytest.fixture(scope="module")
def nomad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server of Nomad on loopback, with the namespaces of both stacks."""
    place = tmp_path_factory.mktemp("nomad")
    http, rpc, serf = free_ports(3)
    config = place / "agent.hcl"
    config.write_text(AGENT.format(data=place / "data", http=http, rpc=rpc, serf=serf))
    with open(place / "log", "wb") as log:
        agent = subprocess.Popen(
            [binary("nomad"), "agent", "-config", str(config)],
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"], "HOME": str(place)},
        )
    try:
        api = Api("nomad", f"http://127.0.0.1:{http}")
        _wait(api, place / "log")
        # Namespaces first, and the scheduler as the fleet's: a job may then take memory beyond its own.
        scheduler = {"SchedulerAlgorithm": "binpack", "MemoryOversubscriptionEnabled": True}
        api.put("/v1/operator/scheduler/configuration", scheduler)
        for fleet in STACKS.values():
            for name in sorted({service.namespace for service in fleet.services.values()}):
                api.put(f"/v1/namespace/{name}", {"Name": name})
        yield api
    finally:
        agent.send_signal(signal.SIGINT)
        agent.wait(30)


def _wait(api: Api, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if api.get("/v1/status/leader"):
                return
        except ApiError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"Nomad has no leader:\n{log.read_text()[-2000:]}")


def test_each_stack_has_its_jobs() -> None:
    # The forty that were found, and what came after them.
    prod = {name for stack, name in JOBS if stack == "prod"}
    assert len(prod - {"certificates", "front-certificate"}) == 40
    assert len([1 for stack, _ in JOBS if stack == "local"]) >= 12


@pytest.mark.parametrize(("stack", "name"), JOBS, ids=[f"{stack}-{name}" for stack, name in JOBS])
def test_a4_07_nomad_takes_and_plans_it_without_a_warning(nomad: Api, stack: str, name: str) -> None:
    body = jobs(STACKS[stack])[name].body
    valid = nomad.post("/v1/validate/job", {"Job": body})
    assert (valid["Error"], valid["ValidationErrors"] or [], valid["Warnings"]) == ("", [], "")
    plan = nomad.post(f"/v1/job/{name}/plan", {"Job": body, "Diff": True}, namespace=body["Namespace"])
    assert plan["Warnings"] == ""
    assert _groups(plan) == {group["Name"] for group in body["TaskGroups"]}


def _groups(plan: dict[str, Any]) -> set[str]:
    return {group["Name"] for group in plan["Diff"]["TaskGroups"]}


def test_a_job_that_nomad_refuses_is_seen(nomad: Api) -> None:
    body = jobs(STACKS["prod"])["man-cgi"].body
    broken = {**body, "Type": "sometimes"}
    assert nomad.post("/v1/validate/job", {"Job": broken})["ValidationErrors"]

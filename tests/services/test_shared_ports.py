"""A port that copies share: what Nomad is told of it, what tasks read, and what the machine has to do."""

from __future__ import annotations

import json

import pytest

from components.blocks import job
from components.ground import sysctl
from hostconfig import nomad
from model import Fleet, load
from model.placement import groups_of
from model.registration import seconds
from model.services import LONGEST_END
from rehearsal.alone.adapted import alone
from toolchain.places import ROOT

FLEETS = [load(ROOT / "stacks" / name) for name in ("local", "prod")]
MIGRATES = "net.ipv4.tcp_migrate_req"


@pytest.mark.parametrize("fleet", FLEETS)
def test_nomad_is_not_told_of_it_and_the_task_reads_it(fleet: Fleet) -> None:
    group = job(fleet, "devspace").body["TaskGroups"][0]
    assert [port["Label"] for port in group["Networks"][0]["DynamicPorts"]] == ["http"]
    assert "ReservedPorts" not in group["Networks"][0]
    assert group["Update"]["Canary"] == 1
    (task,) = group["Tasks"]
    assert task["Env"] == {"FLEET_PORT_sftp": "2022"}
    assert any('env "FLEET_PORT_sftp"' in template["EmbeddedTmpl"] for template in task["Templates"])


@pytest.mark.parametrize("fleet", FLEETS)
def test_a_machine_hands_waiting_connections_over_where_a_port_may_be_shared(fleet: Fleet) -> None:
    handing = [name for name in fleet.managed if sysctl(fleet, name).get(MIGRATES) == "1"]
    holding = [name for name in fleet.managed if "devspace_data" in _volumes(fleet, name)]
    assert handing == holding
    assert len(handing) == 1


def _volumes(fleet: Fleet, name: str) -> set[str]:
    machine = fleet.machines[name]
    return set(machine.nomad.volumes) if machine.nomad is not None else set()


@pytest.mark.parametrize("fleet", FLEETS)
def test_devspace_ends_its_drain_before_it_is_killed(fleet: Fleet) -> None:
    text = fleet.service_files["devspace"]["devspace.json"]
    drain = json.loads(text.replace('{{ env "FLEET_PORT_sftp" }}', "").replace('{{ env "NOMAD_ADDR_http" }}', ""))
    (_, _, task), *_ = next(iter(groups_of("devspace", fleet.services["devspace"]))).tasks
    assert task.kill_timeout is not None
    assert drain["drain_seconds"] + 15 <= seconds(task.kill_timeout)


def test_machines_grant_the_time_that_the_data_may_ask_for() -> None:
    assert nomad.LONGEST_END == LONGEST_END


def test_alone_it_is_a_port_of_the_moment() -> None:
    group = alone(FLEETS[0], "devspace").body["TaskGroups"][0]
    assert [port["Label"] for port in group["Networks"][0]["DynamicPorts"]] == ["http", "sftp"]
    assert group["Tasks"][0]["Env"] == {"FLEET_PORT_sftp": "${NOMAD_PORT_sftp}"}

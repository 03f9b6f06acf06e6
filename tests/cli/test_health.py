"""The one screen of `fleet status`, from what servers answer to the lines that a person reads. Asks nobody."""

from __future__ import annotations

from typing import Any

import pytest

from cli.health import Part, certificate_part, consul_part, screen, vault_part
from cli.jobs_health import deployed, nomad_part, unhealthy, unplaced
from cli.together import LateError
from cli.vault import State
from servers import ApiError

VOTERS = ("a-ams-nl", "a-fra-de", "a-grq-nl")
HOSTS = {"10.99.0.11": "a-ams-nl", "10.99.0.12": "a-fra-de", "10.99.0.13": "a-grq-nl"}
CLIENTS = ("a-bru-be", "a-nyc-us")


def job(name: str, kind: str = "service", **more: Any) -> dict[str, Any]:
    return {"ID": name, "Namespace": "apps", "Type": kind, "Status": "running", "Stop": False, **more}


def placed(job: str, status: str = "running", **more: Any) -> dict[str, Any]:
    return {
        "ID": f"{job}-1", "JobID": job, "Namespace": "apps", "TaskGroup": "app", "NodeName": "a-bru-be",
        "ClientStatus": status, "DesiredStatus": "run", "ModifyIndex": 1, "CreateIndex": 1,
        "TaskStates": {"app": {"State": "running", "Failed": False, "Restarts": 0, "Events": []}}, **more,
    }  # fmt: skip


def looping(message: str) -> dict[str, Any]:
    events = [
        {"Type": "Started", "DisplayMessage": "Task started by client"},
        {"Type": "Terminated", "DisplayMessage": message},
        {"Type": "Restarting", "DisplayMessage": "Task restarting in 15s"},
    ]
    return {"app": {"State": "pending", "Failed": False, "Restarts": 4, "Events": events}}


def nomad(**more: Any) -> Part:
    found = {
        "leader": "10.99.0.12:4647",
        "alive": list(VOTERS),
        "version": "1.11.0",
        "nodes": [{"Name": name, "Status": "ready"} for name in CLIENTS],
        "jobs": [job("web")],
        "allocations": [placed("web")],
        "blocked": [],
        "deployments": [],
    }
    return nomad_part(found | more, HOSTS, VOTERS, CLIENTS, now=10_000)


def test_all_well_is_short() -> None:
    assert nomad() == Part(
        "NOMAD 1.11.0", ("3 of 3 servers, a-fra-de leads", "2 of 2 nodes ready", "1 of 1 services healthy")
    )


def test_a_job_that_fails_says_its_last_reason() -> None:
    part = nomad(allocations=[placed("web", TaskStates=looping("Exit Code: 2"))])
    assert part.wrong == ("web: running on a-bru-be: Exit Code: 2",)
    assert "0 of 1 services healthy" in part.says


def test_what_runs_and_was_given_up_by_its_deployment_says_so() -> None:
    events = [{"Type": "Alloc Unhealthy", "DisplayMessage": "Task not running by deadline"}]
    running = {"app": {"State": "running", "Failed": False, "Restarts": 0, "Events": events}}
    part = nomad(allocations=[placed("web", TaskStates=running, DeploymentStatus={"Healthy": False})])
    assert part.wrong == ("web: running on a-bru-be: its deployment gave up: Task not running by deadline",)


def test_what_was_replaced_does_not_count() -> None:
    old = placed("web", "failed", ID="old", NextAllocation="new")
    stopped = placed("web", "complete", ID="older", DesiredStatus="stop")
    assert unhealthy([job("web")], [old, stopped, placed("web")], []) == {}


def test_a_job_that_is_not_placed_says_why() -> None:
    metric = {"NodesEvaluated": 2, "DimensionExhausted": {"memory": 2}, "ConstraintFiltered": {}}
    blocked = [{"JobID": "web", "Namespace": "apps", "FailedTGAllocs": {"app": metric}}]
    assert unhealthy([job("web")], [], blocked) == {("apps", "web"): "not placed: app: no memory left on 2"}
    assert unplaced({"FailedTGAllocs": {"app": {"NodesEvaluated": 0}}}) == "app: no node of its datacenters is ready"
    none = {"ConstraintFiltered": {"missing drivers": 3}}
    assert unplaced({"FailedTGAllocs": {"app": none}}) == "app: missing drivers on 3"


def test_a_service_without_any_allocation_is_wrong_and_a_batch_job_is_not() -> None:
    assert unhealthy([job("web")], [], []) == {("apps", "web"): "no allocation, it is running"}
    assert unhealthy([job("once", "batch", Status="dead")], [], []) == {}
    assert unhealthy([job("web", Stop=True, Status="dead")], [], []) == {}
    assert unhealthy([job("all", "system")], [], []) == {}


def test_of_a_periodic_job_the_last_run_counts() -> None:
    parent = job("sync", "batch", Periodic=True)
    runs = [job(f"sync/periodic-{n}", "batch", ParentID="sync", SubmitTime=n, Status="dead") for n in (1, 2)]
    failed = placed("sync/periodic-1", "failed", TaskStates=looping("Exit Code: 1"))
    good = placed("sync/periodic-2", "complete")
    assert unhealthy([parent, *runs], [failed, good], []) == {}
    assert unhealthy([parent, runs[0]], [failed], []) == {("apps", "sync"): "last run failed on a-bru-be: Exit Code: 1"}


def test_nodes_are_compared_with_the_data() -> None:
    nodes = [
        {"Name": "a-bru-be", "Status": "down"},
        {"Name": "a-bru-be", "Status": "ready", "Drain": True},
    ]
    part = nomad(nodes=nodes)
    assert part.wrong == ("no node on a-nyc-us", "a-bru-be: node takes no new jobs")


def test_without_a_leader_the_rest_is_still_shown() -> None:
    lost = ApiError(500, "No cluster leader")
    part = nomad(leader=lost, alive=["a-ams-nl"], jobs=lost, allocations=lost, blocked=lost, deployments=lost)
    assert part.wrong[:2] == ("no leader", "no server on a-fra-de, a-grq-nl")
    assert "1 of 3 servers" in part.says


def test_a_system_that_is_silent_says_so_once() -> None:
    late = LateError("no answer within 5 s")
    found = dict.fromkeys(("leader", "alive", "nodes", "jobs"), late)
    assert nomad_part(found, HOSTS, VOTERS, CLIENTS).wrong == ("no answer: no answer within 5 s",)


def test_what_a_token_may_not_see_is_no_fault_of_the_fleet() -> None:
    part = nomad(jobs=ApiError(403, "Permission denied"))
    assert part.wrong == ()
    assert part.says[-1] == "not shown without rights: jobs"


def test_the_last_deployments_come_newest_first() -> None:
    minute = 60 * 10**9
    rows = [
        {"JobID": name, "Status": "successful", "ModifyIndex": n, "ModifyTime": n * minute}
        for n, name in enumerate("abcd", 1)
    ]
    assert deployed(rows, 600) == ["d successful 6 min ago", "c successful 7 min ago", "b successful 8 min ago"]


def test_consul_names_failing_checks_and_missing_agents() -> None:
    checks = [
        {"Node": "a-bru-be", "CheckID": "serfHealth", "Status": "critical", "Output": "x"},
        {"Node": "a-nyc-us", "CheckID": "c1", "Status": "warning", "ServiceName": "web", "Output": "HTTP GET\n slow"},
        {"Node": "a-nyc-us", "CheckID": "serfHealth", "Status": "passing"},
    ]
    found = {
        "leader": "10.99.0.11:8300", "peers": [f"{ip}:8300" for ip in HOSTS], "checks": checks,
        "nodes": [{"Node": name} for name in (*VOTERS, "a-bru-be")],
    }  # fmt: skip
    part = consul_part(found, HOSTS, VOTERS, (*VOTERS, "a-bru-be", "a-nyc-us"))
    assert part.says == ("3 of 3 servers, a-ams-nl leads", "4 of 5 agents", "1 of 3 checks passing")
    assert part.wrong == (
        "no agent on a-nyc-us",
        "a-bru-be: its agent does not answer",
        "web on a-nyc-us: warning: HTTP GET slow",
    )


def test_vault_is_told_host_by_host() -> None:
    states = [
        State("a-ams-nl", initialised=True, sealed=False, active=True, version="1.21.2"),
        State("a-fra-de", initialised=True, sealed=True, threshold=2, given=1, version="1.21.2"),
        State("a-grq-nl", silent="connection refused"),
        State("a-ams-nl2", initialised=True, sealed=False, apart=True, version="1.21.2"),
    ]
    part = vault_part({one.host: one for one in states})
    assert part.title == "VAULT 1.21.2"
    assert part.says == ("2 of 4 open, a-ams-nl leads",)
    assert part.wrong == (
        "a-fra-de: sealed, 1 more share: fleet unseal",
        "a-grq-nl: connection refused",
        "a-ams-nl2: no contact to its leader",
    )


def test_certificates_count_the_days_of_the_worst() -> None:
    part = certificate_part({"nomad on a": 50, "vault on a": 9, "b": OSError("timed out")}, soon=14)
    assert part.says == ("9 days left",)
    assert part.wrong == ("vault on a: 9 days left", "b: timed out")


@pytest.mark.parametrize("width", [20, 40, 100])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    long = "a-very-long-name-without-any-place-to-break-it-into-two-lines: and words after it, many of them"
    text = screen("void-local Tue 19:42", [Part("NOMAD", (long,), (long,))], width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert text.splitlines()[-1] == "1 thing wrong"
    assert "".join(long.split()) in "".join(text.replace("!", "").split())


def test_the_screen_as_a_whole() -> None:
    parts = [nomad(), Part("VAULT", ("3 of 3 open",), ("a-fra-de: sealed, 1 more share: fleet unseal",))]
    assert screen("void-local Tue 19:42", parts).splitlines() == [
        "void-local Tue 19:42",
        "NOMAD 1.11.0",
        "  3 of 3 servers, a-fra-de leads",
        "  2 of 2 nodes ready",
        "  1 of 1 services healthy",
        "VAULT",
        "  3 of 3 open",
        "! a-fra-de: sealed, 1 more share: fleet",
        "  unseal",
        "1 thing wrong",
    ]

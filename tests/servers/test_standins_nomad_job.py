"""Jobs in front of a real Nomad: the scheduler's own plan, refusals in the preview, and others' edits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from providers.base.values import Bag
from tests.servers import real
from tests.servers.conftest import Passing

pytestmark = pytest.mark.servers
JOB = "nomad:index/job:Job"
VAX = {"LTarget": "${attr.cpu.arch}", "RTarget": "vax", "Operand": "="}


def job(name: str = "web", **changes: Any) -> Bag:
    """A job that runs for long and needs nothing."""
    task: Bag = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/sleep", "args": ["1000"]}}
    task["Resources"] = {"CPU": 20, "MemoryMB": 10}
    task["Env"] = {"A": "1"}
    group: Bag = {
        "Name": "web",
        "Count": 1,
        "Tasks": [task],
        "Update": {"MinHealthyTime": 0, "HealthyDeadline": 20_000_000_000},
    }
    group["Update"]["ProgressDeadline"] = 30_000_000_000
    group["Update"]["HealthCheck"] = "task_states"
    made = {"ID": name, "Name": name, "Type": "service", "Datacenters": ["*"], "TaskGroups": [group]}
    for key, value in changes.items():
        {"count": lambda v: group.update(Count=v), "env": task["Env"].update, "config": task["Config"].update}.get(
            key, lambda v, key=key: made.update({key: v})
        )(value)
    return made


def said(made: Bag, **more: Any) -> Bag:
    return {"jobspec": json.dumps({"Job": made}), "json": True, "purgeOnDestroy": True} | more


@pytest.fixture
def engine(passing: Callable[..., Passing], nomad: real.Server) -> Passing:
    return passing(nomad)


@pytest.fixture(autouse=True)
def _clean(nomad: real.Server) -> Iterator[None]:
    yield
    for one in nomad.api.get("/v1/jobs", namespace="*"):
        nomad.api.delete(f"/v1/job/{one['ID']}", purge=True, namespace=one["Namespace"])


def created(engine: Passing, inputs: Bag) -> tuple[str, Bag, Bag]:
    id_, outputs = engine.create(JOB, inputs)
    return id_, checked(engine, inputs, inputs), outputs


def checked(engine: Passing, inputs: Bag, olds: Bag | None = None) -> Bag:
    taken, failures = engine.check(JOB, inputs, olds=olds)
    assert failures == []
    return taken


def planned(engine: Passing, id_: str, inputs: Bag, outputs: Bag, edit: Bag) -> str:
    """What a preview of this edit says about the group `web`."""
    changed = checked(engine, said(edit, detach=False))
    assert set(engine.diff(JOB, id_, inputs, outputs, changed).detailedDiff) == {"plan.web"}
    return str(engine.update(JOB, id_, inputs, outputs, changed, preview=True)["plan"]["web"])


def test_a_job_through_its_life(engine: Passing, nomad: real.Server) -> None:
    _, told = engine.create(JOB, said(job()), preview=True)
    assert told["plan"] == {"web": "1 create"}
    assert ("info", "the scheduler's plan for job web: web: 1 create") in engine.said
    assert nomad.api.get("/v1/job/web", missing_ok=True) is None
    id_, inputs, outputs = created(engine, said(job(), detach=False))
    assert id_ == "web"
    assert outputs["namespace"] == "default"
    assert [one["Status"] for one in nomad.api.get("/v1/job/web/deployments")] == ["successful"]
    engine.kept(JOB, id_, inputs, outputs)
    # The same job written in another way is the same job.
    spaced = checked(engine, said(job(), detach=False, jobspec=json.dumps(job(), indent=2)), inputs)
    assert not engine.diff(JOB, id_, inputs, outputs, spaced).detailedDiff
    imported_id, seen, _ = engine.imported(JOB, "web@default")
    assert imported_id == "web"
    again = checked(engine, said(job(), detach=False), seen)
    assert set(engine.diff(JOB, id_, seen, outputs, again).detailedDiff) == {"detach", "purgeOnDestroy"}
    engine.remove(JOB, id_, inputs, outputs)
    assert engine.gone(JOB, id_, inputs)
    engine.remove(JOB, id_, inputs, outputs)


def test_the_preview_tells_what_the_scheduler_would_do(engine: Passing) -> None:
    id_, inputs, outputs = created(engine, said(job(count=2), detach=False))
    told = {}
    for word, edit in {
        "destructive": job(count=2, env={"A": "2"}),
        "in place": job(count=2, Priority=60),
        "stop": job(count=1),
        "create": job(count=3),
    }.items():
        told[word] = planned(engine, id_, inputs, outputs, edit)
    assert told == {
        "destructive": "1 destructive, 1 ignore",
        "in place": "2 in place",
        "stop": "1 stop, 1 in place",
        "create": "1 create, 2 in place",
    }
    canary = job(count=2, env={"A": "3"})
    canary["TaskGroups"][0]["Update"]["Canary"] = 1
    assert planned(engine, id_, inputs, outputs, canary) == "1 canary, 2 ignore"
    more = job(count=2)
    more["TaskGroups"].append({**more["TaskGroups"][0], "Name": "two", "Count": 1})
    difference = engine.diff(JOB, id_, inputs, outputs, checked(engine, said(more, detach=False)))
    kinds = {path: provider_pb2.PropertyDiff.Kind.Name(one.kind) for path, one in difference.detailedDiff.items()}
    assert kinds == {"plan.two": "ADD", "plan.web": "ADD"}


def test_applied_is_what_was_planned(engine: Passing, nomad: real.Server) -> None:
    id_, inputs, outputs = created(engine, said(job(), detach=False))
    changed = checked(engine, said(job(env={"A": "2"}), detach=False))
    after = engine.update(JOB, id_, inputs, outputs, changed)
    assert int(after["version"]) == 1
    assert "plan" not in after
    engine.kept(JOB, id_, changed, after)
    env = nomad.api.get("/v1/job/web")["TaskGroups"][0]["Tasks"][0]["Env"]
    assert env == {"A": "2"}


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (job(Type="servce"), "invalid job type"),
        (job("bad name"), "ID contains"),
    ],
)
def test_a_job_the_server_would_refuse_fails_the_preview(engine: Passing, broken: Bag, words: str) -> None:
    _, (told,) = engine.check(JOB, said(broken))
    assert told.startswith(f": Nomad would refuse job {broken['ID']} of namespace default: ")
    assert words.lower() in told.lower()
    assert "\n" not in told


def test_what_is_no_job_is_refused_without_a_server(engine: Passing) -> None:
    for inputs, words in (
        ({"jobspec": 'job "x" {}', "json": True}, "is no job in JSON"),
        ({"jobspec": "{}"}, "as JSON only"),
        ({"jobspec": '{"Job": {"Name": "x"}}', "json": True}, "has no ID"),
    ):
        _, failures = engine.check(JOB, inputs)
        assert any(words in one for one in failures), failures


def test_a_job_somebody_changed_is_not_written_over(engine: Passing, nomad: real.Server) -> None:
    id_, inputs, outputs = created(engine, said(job()))
    nomad.api.post("/v1/jobs", {"Job": job(env={"A": "by hand"})})
    changed = checked(engine, said(job(env={"A": "2"})))
    for act in (engine.diff, engine.update):
        with pytest.raises(grpc.RpcError) as caught:
            act(JOB, id_, inputs, outputs, changed)
        assert "was changed by somebody" in caught.value.details()
    # A look names it, and then it may be put back.
    _, fresh, told = engine.read(JOB, id_, inputs, outputs)
    assert "by hand" in fresh["jobspec"]
    back = checked(engine, said(job()), fresh)
    assert set(engine.diff(JOB, id_, fresh, told, back).detailedDiff) == {"plan.web"}
    after = engine.update(JOB, id_, fresh, told, inputs)
    engine.kept(JOB, id_, inputs, after)


def test_a_job_somebody_stopped_is_a_difference(engine: Passing, nomad: real.Server) -> None:
    id_, inputs, outputs = created(engine, said(job(), detach=False))
    nomad.api.delete("/v1/job/web")
    _, fresh, told = engine.read(JOB, id_, inputs, outputs)
    back = checked(engine, said(job(), detach=False), fresh)
    assert set(engine.diff(JOB, id_, fresh, told, back).detailedDiff) == {"plan.web"}
    after = engine.update(JOB, id_, fresh, told, inputs)
    assert nomad.api.get("/v1/job/web")["Stop"] is False
    engine.kept(JOB, id_, inputs, after)


def test_a_strangers_job_is_not_taken_over(engine: Passing, nomad: real.Server) -> None:
    nomad.api.post("/v1/jobs", {"Job": job(env={"A": "theirs"})})
    with pytest.raises(grpc.RpcError) as caught:
        created(engine, said(job()))
    assert "pulumi import nomad:index/job:Job <name> web@default" in caught.value.details()
    # What an interrupted `up` left is the very same job, and is ours.
    nomad.api.post("/v1/jobs", {"Job": job()})
    assert created(engine, said(job()))[0] == "web"


def test_another_name_or_namespace_is_another_job(engine: Passing) -> None:
    difference = engine.diff(JOB, "web", said(job()), {}, said(job("www")))
    assert list(difference.replaces) == ["jobspec"]
    difference = engine.diff(JOB, "web", said(job()), {}, said(job(Namespace="apps")))
    assert list(difference.replaces) == ["jobspec"]


def test_a_failed_deployment_fails_and_is_known(engine: Passing) -> None:
    broken = job(config={"command": "/bin/false", "args": []})
    broken["TaskGroups"][0]["Update"] |= {
        "MinHealthyTime": 2_000_000_000,
        "HealthyDeadline": 5_000_000_000,
        "ProgressDeadline": 6_000_000_000,
    }
    broken["TaskGroups"][0]["RestartPolicy"] = {"Attempts": 0, "Mode": "fail"}
    broken["TaskGroups"][0]["ReschedulePolicy"] = {"Attempts": 0, "Unlimited": False}
    with pytest.raises(grpc.RpcError) as caught:
        created(engine, said(broken, detach=False))
    assert "its deployment failed" in caught.value.details()


def test_what_cannot_be_planned_yet_is_said_and_planned_without_it(
    engine: Passing, passing: Callable[..., Passing], nomad: real.Server
) -> None:
    (port,) = real.free_ports(1)
    lost = passing(nomad, address=f"http://127.0.0.1:{port}")
    for someone, made, words in (
        (engine, job(Namespace="not-there-yet"), "once this exists there"),
        (engine, job(NodePool="not-there-yet"), "once this exists there"),
        (passing(nomad, ""), job(), "may not ask"),
        (lost, job(), "cannot connect"),
    ):
        someone.create(JOB, said(made), preview=True)
        assert any(words in text for _, text in someone.said), someone.said
    # That nobody answers is said once, and not for each job.
    heard = len(lost.said)
    lost.create(JOB, said(job("another")), preview=True)
    assert len(lost.said) == heard


def test_a_job_without_a_place_says_why(engine: Passing) -> None:
    engine.create(JOB, said(job(Constraints=[VAX])), preview=True)
    assert any("web cannot be placed now: 1 nodes lack" in text for _, text in engine.said), engine.said

"""Nomad's stand-in in front of a real Nomad, all but its jobs: made, looked at, changed, imported, taken away."""

from __future__ import annotations

from collections.abc import Callable

import grpc
import pytest

from providers.base.values import Bag, Secret
from tests.servers import real
from tests.servers.conftest import Passing

pytestmark = pytest.mark.servers
NAMESPACE = "nomad:index/namespace:Namespace"
POOL = "nomad:index/nodePool:NodePool"
POLICY = "nomad:index/aclPolicy:AclPolicy"
ROLE = "nomad:index/aclRole:AclRole"
TOKEN = "nomad:index/aclToken:AclToken"
VARIABLE = "nomad:index/variable:Variable"
SCHEDULER = "nomad:index/schedulerConfig:SchedulerConfig"
RULES = 'namespace "apps" {\n  policy = "read"\n}\n'


@pytest.fixture
def engine(passing: Callable[..., Passing], nomad: real.Server) -> Passing:
    return passing(nomad)


@pytest.mark.parametrize(
    ("token", "inputs", "changed"),
    [
        (
            NAMESPACE,
            {"name": "apps", "description": "applications", "meta": {"owner": "dante"}},
            {"name": "apps", "capabilities": {"enabledTaskDrivers": ["raw_exec", "docker"]}},
        ),
        (POOL, {"name": "mirrors", "description": "those with disks"}, {"name": "mirrors", "meta": {"disk": "big"}}),
        (
            POLICY,
            {"name": "apps-read", "rulesHcl": RULES},
            {"name": "apps-read", "rulesHcl": RULES, "description": "x"},
        ),
        (
            POLICY,
            {"name": "bound", "rulesHcl": RULES, "jobAcl": {"namespace": "default", "jobId": "web"}},
            {"name": "bound", "rulesHcl": RULES, "jobAcl": {"namespace": "default", "jobId": "web", "group": "g"}},
        ),
    ],
)
def test_a_named_thing_through_its_life(engine: Passing, token: str, inputs: Bag, changed: Bag) -> None:
    id_, outputs = engine.create(token, inputs)
    assert id_ == inputs["name"]
    engine.kept(token, id_, inputs, outputs)
    assert not engine.diff(token, id_, inputs, outputs, changed).replaces
    outputs = engine.update(token, id_, inputs, outputs, changed)
    engine.kept(token, id_, changed, outputs)
    assert changed.items() <= engine.imported(token, id_)[1].items()
    renamed = engine.diff(token, id_, changed, outputs, {**changed, "name": "another"})
    assert list(renamed.replaces) == ["name"]
    engine.remove(token, id_, changed, outputs)
    assert engine.gone(token, id_, changed)
    engine.remove(token, id_, changed, outputs)


def test_a_role_and_a_token(engine: Passing) -> None:
    policy: Bag = {"name": "for-role", "rulesHcl": RULES}
    engine.create(POLICY, policy)
    inputs: Bag = {"name": "readers", "policies": [{"name": "for-role"}]}
    role, outputs = engine.create(ROLE, inputs)
    engine.kept(ROLE, role, inputs, outputs)
    changed = {**inputs, "description": "they read"}
    outputs = engine.update(ROLE, role, inputs, outputs, changed)
    engine.kept(ROLE, role, changed, outputs)
    assert engine.imported(ROLE, role)[1] == changed
    asked: Bag = {"name": "t", "type": "client", "roles": [{"id": role}]}
    token, told = engine.create(TOKEN, asked)
    assert isinstance(told["secretId"], Secret)
    engine.kept(TOKEN, token, asked, told)
    more = {**asked, "policies": ["for-role"]}
    told = engine.update(TOKEN, token, asked, told, more)
    engine.kept(TOKEN, token, more, told)
    for kind, id_, bag in ((TOKEN, token, more), (ROLE, role, changed), (POLICY, "for-role", policy)):
        engine.remove(kind, id_, bag, {})
        assert engine.gone(kind, id_, bag)


def test_a_variable_whose_items_are_secret(engine: Passing, nomad: real.Server) -> None:
    inputs: Bag = {"path": "nomad/jobs/web", "items": {"password": "hush-hush"}}
    checked, _ = engine.check(VARIABLE, inputs)
    assert isinstance(checked["items"], Secret)
    id_, outputs = engine.create(VARIABLE, inputs)
    assert id_ == "nomad/jobs/web@default"
    assert isinstance(outputs["items"], Secret)
    engine.kept(VARIABLE, id_, inputs, outputs)
    changed = {**inputs, "items": {"password": "hush", "user": "x"}}
    outputs = engine.update(VARIABLE, id_, inputs, outputs, changed)
    assert nomad.api.get("/v1/var/nomad/jobs/web")["Items"] == changed["items"]
    engine.remove(VARIABLE, id_, changed, outputs)
    assert engine.gone(VARIABLE, id_, changed)


def test_the_scheduler_keeps_what_nobody_says(engine: Passing, nomad: real.Server) -> None:
    inputs: Bag = {
        "schedulerAlgorithm": "spread",
        "memoryOversubscriptionEnabled": True,
        "preemptionConfig": {"sysbatch_scheduler_enabled": True, "service_scheduler_enabled": False},
    }
    id_, outputs = engine.create(SCHEDULER, inputs)
    engine.kept(SCHEDULER, id_, inputs, outputs)
    told = nomad.api.get("/v1/operator/scheduler/configuration")["SchedulerConfig"]
    assert told["MemoryOversubscriptionEnabled"]
    # Nomad preempts for system jobs from the beginning, and nobody said otherwise.
    assert told["PreemptionConfig"]["SystemSchedulerEnabled"]
    changed = {**inputs, "schedulerAlgorithm": "binpack"}
    outputs = engine.update(SCHEDULER, id_, inputs, outputs, changed)
    engine.kept(SCHEDULER, id_, changed, outputs)
    engine.remove(SCHEDULER, id_, changed, outputs)
    assert not engine.gone(SCHEDULER, id_, changed)


def test_an_edit_by_hand_shows(engine: Passing, nomad: real.Server) -> None:
    inputs: Bag = {"name": "edited", "description": "ours"}
    id_, outputs = engine.create(NAMESPACE, inputs)
    nomad.api.post("/v1/namespace/edited", {"Name": "edited", "Description": "theirs", "Meta": {"by": "hand"}})
    _, fresh, _ = engine.read(NAMESPACE, id_, inputs, outputs)
    assert fresh == {"name": "edited", "description": "theirs", "meta": {"by": "hand"}}
    assert set(engine.diff(NAMESPACE, id_, fresh, outputs, inputs).detailedDiff) == {"description", "meta"}
    outputs = engine.update(NAMESPACE, id_, fresh, outputs, inputs)
    engine.kept(NAMESPACE, id_, inputs, outputs)
    engine.remove(NAMESPACE, id_, inputs, outputs)


def test_what_is_wrong_is_named(engine: Passing, passing: Callable[..., Passing], nomad: real.Server) -> None:
    for token, inputs, words in (
        (NAMESPACE, {"name": "x", "quota": "q"}, "enterprise edition"),
        (NAMESPACE, {"name": "x", "descripton": "q"}, "unknown property"),
        (POLICY, {"name": "x", "rulesHcl": RULES, "jobAcl": {"namespace": "a", "group": "g"}}, "needs jobId"),
        (POLICY, {"name": "x"}, "rulesHcl: required"),
        (TOKEN, {"type": "client"}, "needs policies or roles"),
        (SCHEDULER, {"preemptionConfig": {"system": True}}, "unknown kind of scheduler"),
        (SCHEDULER, {"schedulerAlgorithm": "random"}, "not one of binpack, spread"),
    ):
        _, failures = engine.check(token, inputs)
        assert any(words in one for one in failures), failures
    with pytest.raises(grpc.RpcError) as caught:
        engine.create(POLICY, {"name": "wrong", "rulesHcl": 'namespace "x" { policy = "wrote" }'})
    assert "nomad at http://127.0.0.1" in caught.value.details()
    with pytest.raises(grpc.RpcError) as caught:
        passing(nomad, "").create(NAMESPACE, {"name": "nobody"})
    assert "may not do this" in caught.value.details()
    (port,) = real.free_ports(1)
    lost = passing(nomad, address=f"http://127.0.0.1:{port}")
    assert lost.create(NAMESPACE, {"name": "planned"}, preview=True)
    with pytest.raises(grpc.RpcError) as caught:
        lost.create(NAMESPACE, {"name": "lost"})
    assert "cannot connect to nomad" in caught.value.details()

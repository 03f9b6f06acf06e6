"""Pass-through stand-ins without servers: a plan-only cloud contacts nobody, and a token has one way in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from providers.base.values import UNKNOWN, Bag
from rehearsal.cloud.home import write_home
from rehearsal.cloud.passthrough import PASSING
from rehearsal.cloud.rules import rules_of
from tests.cloud.conftest import Engine

NOWHERE = "https://nowhere.invalid"
JOB = "nomad:index/job:Job"


def jobspec(**more: object) -> str:
    groups = [{"Name": "web", "Tasks": [{"Name": "t", "Driver": "raw_exec"}]}]
    return json.dumps({"ID": "web", "TaskGroups": groups, **more})


@pytest.mark.parametrize(
    ("token", "inputs", "changes"),
    [
        ("nomad:index/namespace:Namespace", {"name": "apps"}, {"description": "x"}),
        (JOB, {"jobspec": jobspec(), "json": True}, {"jobspec": jobspec(Priority=60)}),
        ("consul:index/aclPolicy:AclPolicy", {"name": "p", "rules": "x"}, {"rules": "y"}),
        ("vault:index/policy:Policy", {"name": "p", "policy": "x"}, {"policy": "y"}),
        ("vault:consul/secretBackend:SecretBackend", {"address": "c:8501", "bootstrap": True}, {"address": "d:8501"}),
    ],
)
def test_a_plan_only_cloud_plans_and_keeps_and_asks_nobody(
    connect: Callable[..., Engine], token: str, inputs: Bag, changes: Bag
) -> None:
    engine = connect(token.partition(":")[0], address=NOWHERE)
    engine.create(token, inputs, preview=True)
    id_, outputs = engine.create(token, inputs)
    before, _ = engine.check(token, inputs)
    after, failures = engine.check(token, {**inputs, **changes}, olds=before)
    assert failures == []
    assert set(engine.diff(token, id_, before, outputs, after).detailedDiff) == set(changes)
    assert not engine.diff(token, id_, before, outputs, before).detailedDiff
    outputs = engine.update(token, id_, before, outputs, after)
    seen, fresh, _ = engine.read(token, id_, after, outputs)
    assert seen == id_
    assert not engine.diff(token, id_, fresh, outputs, after).detailedDiff
    engine.delete(token, id_)
    assert engine.read(token, id_, after, outputs)[0] == ""


def test_a_job_that_is_still_unknown_is_a_change(connect: Callable[..., Engine]) -> None:
    engine = connect("nomad", address=NOWHERE)
    known, _ = engine.check(JOB, {"jobspec": jobspec(), "json": True})
    unknown, failures = engine.check(JOB, {"jobspec": UNKNOWN, "json": True})
    assert failures == []
    assert set(engine.diff(JOB, "web", known, {}, unknown).detailedDiff) == {"jobspec"}


@pytest.mark.parametrize(
    ("package", "setting", "variable"),
    [
        ("vault", "token", "VAULT_TOKEN"),
        ("nomad", "secretId", "NOMAD_TOKEN"),
        ("consul", "token", "CONSUL_HTTP_TOKEN"),
    ],
)
def test_a_token_comes_from_the_environment_only(
    connect: Callable[..., Engine], tmp_path: Path, package: str, setting: str, variable: str
) -> None:
    (told,) = connect(package).configure(address=NOWHERE, **{setting: "hush-hush"})
    assert told.startswith(f"{setting}: ")
    assert variable in told
    assert "hush" not in told
    (script,) = write_home(tmp_path, (package,))
    others = {"VAULT_TOKEN", "NOMAD_TOKEN", "CONSUL_HTTP_TOKEN"} - {variable}
    text = script.read_text()
    # Each plugin hands over its own system's token and no other's.
    assert variable in text
    assert not [one for one in others if one in text]


def test_an_unknown_type_says_what_there_is(connect: Callable[..., Engine]) -> None:
    for package in PASSING:
        assert all(token.startswith(f"{package}:") for token in rules_of(package))
    with pytest.raises(Exception, match="does not know nomad:index/csiVolume:CsiVolume"):
        connect("nomad", address=NOWHERE).check("nomad:index/csiVolume:CsiVolume", {})

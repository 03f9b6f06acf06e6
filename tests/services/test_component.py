"""The jobs as resources: one for each service that is not held, after what it needs, with no token in sight."""

from __future__ import annotations

import json

import pulumi
import pulumi_nomad as nomad

from components.blocks import jobs
from components.services.component import Services, services_args, waited
from model import Fleet, load
from tests.harness import ROOT, Ledger, run_program

JOB = "nomad:index/job:Job"


def _program(fleet: Fleet) -> Ledger:
    def build() -> None:
        firsts: dict[str, pulumi.Resource] = {}

        def before(namespace: str, job: str) -> tuple[pulumi.Resource]:
            name = f"before-{namespace}-{job}"
            return (firsts.setdefault(name, nomad.Namespace(name, name=name)),)

        Services("services", services_args(fleet, before))

    return run_program(build)


def test_each_service_that_is_not_held_is_a_job() -> None:
    fleet = load(ROOT / "stacks" / "prod")
    made = _program(fleet).of(JOB)
    wanted = {f"service-{name.replace('_', '-')}" for name, it in fleet.services.items() if it.held is None}
    assert set(made) == wanted
    assert len(wanted) == 37


def test_a_job_is_the_text_that_is_printed_for_planning_by_hand() -> None:
    fleet = load(ROOT / "stacks" / "local")
    made = _program(fleet).of(JOB)
    for name, job in jobs(fleet).items():
        inputs = made[f"service-{name}"].inputs
        assert inputs["jobspec"] == job.to_json()
        assert json.loads(inputs["jobspec"])["Job"]["ID"] == name
        assert inputs["json"] is True


def test_who_says_how_a_change_rolls_out_is_waited_for() -> None:
    fleet = load(ROOT / "stacks" / "local")
    slow = fleet.services["infradocs"].model_copy(update={"update": {"canary": 1}})
    other = fleet.model_copy(update={"services": {**fleet.services, "infradocs": slow}})
    assert waited(other) - waited(fleet) == {"infradocs"}
    for name, asked in _program(fleet).of(JOB).items():
        assert asked.inputs["detach"] == (name.removeprefix("service-") not in waited(fleet))


def test_a_job_waits_for_what_it_names_and_for_nothing_else() -> None:
    fleet = load(ROOT / "stacks" / "local")
    for name, asked in _program(fleet).of(JOB).items():
        service = name.removeprefix("service-")
        assert asked.depends_on == (f"before-{fleet.services[service].namespace}-{service}",)


def test_the_provider_has_an_address_and_no_token() -> None:
    provider = _program(load(ROOT / "stacks" / "local"))["services-nomad"]
    assert provider.inputs["address"] == "https://nomad.fleet.example"
    assert not [key for key in provider.inputs if "token" in key.lower() or "secret" in key.lower()]


def test_a_fleet_without_services_asks_for_nothing() -> None:
    fleet = load(ROOT / "stacks" / "local").model_copy(update={"services": {}})
    assert _program(fleet).of("nomad:") == {}
    assert "services-nomad" not in {asked.name for asked in _program(fleet).asked}

"""A job for one agent alone: what changes, and that nothing else does."""

from __future__ import annotations

import pytest

from components.blocks import job
from model import Fleet, load
from rehearsal.alone.adapted import CannotRunAloneError, alone, companions
from toolchain.places import ROOT

LOCAL = load(ROOT / "stacks" / "local")


def test_every_service_of_the_rehearsal_can_run_alone() -> None:
    for name in LOCAL.services:
        body = alone(LOCAL, name).body
        assert (body["Datacenters"], body["Namespace"]) == (["alone"], "default")
        assert "NodePool" not in body


def test_the_program_and_its_files_stay_the_same() -> None:
    whole, mine = job(LOCAL, "prometheus").body, alone(LOCAL, "prometheus").body
    before, after = whole["TaskGroups"][0]["Tasks"][0], mine["TaskGroups"][0]["Tasks"][0]
    assert {k for k in before if before[k] != after[k]} == {"Templates"}
    texts = [t["EmbeddedTmpl"] for t in after["Templates"]]
    assert any('nomadService "alertmanager"' in text for text in texts)
    assert not any(' service "' in text for text in texts)


def test_a_fixed_port_becomes_one_of_the_moment() -> None:
    (network,) = alone(LOCAL, "rsyncd").body["TaskGroups"][0]["Networks"]
    assert "ReservedPorts" not in network
    assert [port["Label"] for port in network["DynamicPorts"]] == ["rsync"]
    assert "Value" not in network["DynamicPorts"][0]


def test_variables_that_a_job_reads_are_found_with_their_keys() -> None:
    assert alone(LOCAL, "report").variables == {"nomad/jobs/web": {"key"}}
    assert alone(LOCAL, "build-rsyncd").variables == {"nomad/jobs/buildsync": {"users"}}
    assert alone(LOCAL, "infradocs").variables == {}


def test_a_pull_brings_what_it_pulls_from() -> None:
    assert companions(LOCAL, "sync") == ["shadow-rsyncd"]
    assert companions(LOCAL, "infradocs") == []


def test_who_reads_what_is_pulled_has_it_made_and_pulled_first() -> None:
    assert companions(LOCAL, "man-site") == ["man-pages", "shadow-rsyncd", "sync"]
    assert companions(LOCAL, "man-pages") == []


def test_a_service_in_containers_is_refused_with_a_way_out() -> None:
    roles = {
        name: role.model_copy(update={"nomad": role.nomad.model_copy(update={"drivers": ("docker",)})})
        if role.nomad
        else role
        for name, role in LOCAL.roles.items()
    }
    contained: Fleet = LOCAL.model_copy(update={"roles": roles})
    with pytest.raises(CannotRunAloneError, match="runs in containers"):
        alone(contained, "infradocs")

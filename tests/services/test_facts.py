"""The forty jobs of prod are those that were found: field by field, but for what is meant."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.blocks import Job, jobs
from model import Fleet, load
from model.placement import all_groups, eligible
from model.templates import body, variables_in
from tests.harness import ROOT
from tests.services.built import of_job
from tests.services.differences import DIFFERENCES, NEW
from tests.services.flat import Flat, of_facts

FACTS: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "facts_services.yaml").read_text(encoding="utf-8"))
FOUND = {job["name"]: job for job in FACTS["jobs"]}


@pytest.fixture(scope="module")
def prod() -> Fleet:
    return load(ROOT / "stacks" / "prod")


@pytest.fixture(scope="module")
def built(prod: Fleet) -> dict[str, Job]:
    made = jobs(prod)
    assert set(NEW) <= {*made, *prod.images}
    return {name: job for name, job in made.items() if name not in NEW}


def _differing(name: str, theirs: Flat, ours: Flat) -> dict[str, str]:
    paths = sorted(p for p in {*theirs, *ours} if theirs.get(p) != ours.get(p))
    return {f"{name}/{path}": f"{theirs.get(path)!r} became {ours.get(path)!r}" for path in paths}


@pytest.fixture(scope="module")
def differing(built: dict[str, Job]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, job in FOUND.items():
        found |= _differing(name, of_facts(job), of_job(built[name].body))
    return found


def test_a4_07_the_jobs_are_those_that_were_found(built: dict[str, Job]) -> None:
    assert set(built) == set(FOUND)
    counts = FACTS["counts"]
    groups = [group for job in built.values() for group in job.body["TaskGroups"]]
    assert (len(built), len(groups), sum(len(g["Tasks"]) for g in groups)) == (40, 48, 53)
    assert (counts["job_files"], counts["groups_expanded"], counts["tasks_expanded"]) == (40, 48, 53)
    assert Counter(job.kind for job in built.values()) == counts["by_type"]
    assert Counter(job.body["Namespace"] for job in built.values()) == counts["by_namespace"]
    assert len([1 for job in built.values() if "Periodic" in job.body]) == counts["periodic"]


def test_a4_07_every_field_is_as_found_or_differs_for_a_reason(differing: dict[str, str]) -> None:
    patterns = [pattern for pattern, _ in DIFFERENCES]
    unmeant = [f"{path}: {what}" for path, what in differing.items() if not any(fnmatchcase(path, p) for p in patterns)]
    assert unmeant == []


def test_every_reason_is_used_and_said_once(differing: dict[str, str]) -> None:
    idle = [p for p, _ in DIFFERENCES if not any(fnmatchcase(path, p) for path in differing)]
    assert idle == []
    assert len({p for p, _ in DIFFERENCES}) == len(DIFFERENCES)
    assert all(reason for _, reason in DIFFERENCES)


def test_a_field_that_differs_is_seen(built: dict[str, Job]) -> None:
    theirs = of_facts(FOUND["grafana"])
    theirs["groups/app/tasks/grafana/env/GF_AUTH_LDAP_ENABLED"] = "false"
    seen = _differing("grafana", theirs, of_job(built["grafana"].body))
    assert "grafana/groups/app/tasks/grafana/env/GF_AUTH_LDAP_ENABLED" in seen
    assert len(of_facts(FOUND["buildbot-worker"])) > 100


def test_the_compared_fields_are_many() -> None:
    assert sum(len(of_facts(job)) for job in FOUND.values()) > 900


def test_the_variables_read_are_those_that_were_found(prod: Fleet) -> None:
    read: dict[str, set[str]] = {name: set() for name in {*prod.services} - {*NEW}}
    for _, placed in all_groups(prod):
        for _, _, task in placed.tasks:
            for template in task.templates.values() if placed.service in read else ():
                read[placed.service] |= set(variables_in(body(prod, placed.service, template)))
    assert read == {name: set(job.get("nomad_variables_read", [])) for name, job in FOUND.items()}


def test_the_public_names_are_those_that_were_found(prod: Fleet) -> None:
    said: dict[str, set[str]] = {name: set() for name in {*prod.services} - {*NEW}}
    for _, placed in all_groups(prod):
        for it in placed.group.registers.values() if placed.service in said else ():
            said[placed.service] |= set(it.vhost.names) if it.vhost else set()
    # Before, it stood in the proxies' own files and not with what serves it. The mirrors' own names are the front's.
    fixed = {"buildbot": {"build.voidlinux.org"}}
    assert said == {name: set(job.get("public_names", [])) | fixed.get(name, set()) for name, job in FOUND.items()}
    hidden = {
        name
        for _, placed in all_groups(prod)
        for it in placed.group.registers.values()
        if it.vhost and not it.vhost.public
        for name in it.vhost.names
    }
    held = {"debuginfod.voidlinux.org", "debuginfod.s.voidlinux.org"}
    assert hidden == {"promtail-tmp.voidlinux.org", "vector-tmp.voidlinux.org", *held}


def test_images_are_built_for_what_was_found(prod: Fleet) -> None:
    words = {"amd64": "x86_64", "arm64": "aarch64"}
    own = {name: image for name, image in prod.images.items() if image.own and name not in NEW}
    for name, image in own.items():
        assert set(image.architectures) == {words[p] for p in FACTS["images"][name] if p in words}, name
    folders = {path.parent.name for path in (ROOT / "images").glob("*/Containerfile")}
    assert set(own) <= folders
    assert folders - {*NEW} == set(FACTS["images"])


def test_no_job_knows_a_hosts_name(prod: Fleet, built: dict[str, Job]) -> None:
    for name, job in built.items():
        assert not [host for host in prod.machines if host in job.to_json()], name


def test_every_job_that_is_not_held_finds_a_machine(prod: Fleet) -> None:
    nowhere = {s.service for it, s in all_groups(prod) if not eligible(prod, it, s)}
    held = {name for name, it in prod.services.items() if it.held}
    assert nowhere == {"debuginfod"}
    assert held == {"cert-renew", "debuginfod", "nginx", "nginx-control", "promtail"}


def test_at_least_twelve_run_in_the_rehearsal_and_each_other_says_why_not(prod: Fleet) -> None:
    runs = {name for name, it in prod.services.items() if it.runs_in_rehearsal}
    assert len(runs) >= 12
    assert runs <= set(load(ROOT / "stacks" / "local").services)
    assert all(it.not_in_rehearsal for name, it in prod.services.items() if name not in runs)

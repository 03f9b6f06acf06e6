"""Every rule fires where it should, alone, with a place and a way out, and stays silent beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model.checks import RULES, sentence
from tests.model import (
    cases_access,
    cases_control,
    cases_front,
    cases_github,
    cases_hosts,
    cases_machines,
    cases_ports,
    cases_roster,
    cases_roster_teams,
    cases_services,
    cases_vhosts,
    cases_zone,
)
from tests.model.case import Case
from tests.model.change import bare, changed, facts, problems, write

CASES = (
    *cases_machines.CASES,
    *cases_hosts.CASES,
    *cases_zone.CASES,
    *cases_control.CASES,
    *cases_access.CASES,
    *cases_services.CASES,
    *cases_ports.CASES,
    *cases_vhosts.CASES,
    *cases_front.CASES,
    *cases_github.CASES,
)
# Shown in test_roster.py: a stack without an organisation has no repositories.
ELSEWHERE = {"repositories_are_declared"}
# Services hang on much of the rest: one changed fact would be told by the rules about them too.
LOCAL = bare("local")
PEOPLED = LOCAL | {"roster": facts("local")["roster"]}
OF_PEOPLE = (*cases_roster.CASES, *cases_roster_teams.CASES)
BASES = [*((LOCAL, case) for case in CASES), *((PEOPLED, case) for case in OF_PEOPLE)]
IDS = [f"{case.rule.__name__}-{i}" for i, (_, case) in enumerate(BASES)]


def test_every_rule_is_shown_to_fire() -> None:
    assert {rule.__name__ for rule in RULES} == {case.rule.__name__ for _, case in BASES} | ELSEWHERE


def test_every_rule_is_one_sentence() -> None:
    sentences = [sentence(rule) for rule in RULES]
    assert len(set(sentences)) == len(sentences)
    for said in sentences:
        assert said.endswith(".")
        assert ". " not in said


@pytest.mark.parametrize(("base", "case"), BASES, ids=IDS)
def test_a_broken_rule_is_reported(base: dict[str, Any], case: Case, tmp_path: Path) -> None:
    found = problems(write(tmp_path, changed(base, case.broken)))
    assert {p.rule for p in found} == {sentence(rule) for rule in (case.rule, *case.also)}
    for problem in found:
        assert problem.file.endswith("all.yaml")
        assert problem.line > 0
        assert problem.field
        assert problem.what
        assert problem.way_out


@pytest.mark.parametrize(("base", "case"), BASES, ids=IDS)
def test_its_harmless_twin_is_not(base: dict[str, Any], case: Case, tmp_path: Path) -> None:
    assert problems(write(tmp_path, changed(base, case.twin))) == []

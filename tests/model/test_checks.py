"""Every rule fires where it should, alone, with a place and a way out, and stays silent beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.checks import RULES, sentence
from tests.model import (
    cases_access,
    cases_control,
    cases_front,
    cases_hosts,
    cases_machines,
    cases_services,
    cases_vhosts,
    cases_zone,
)
from tests.model.case import Case
from tests.model.change import bare, changed, problems, write

CASES = (
    *cases_machines.CASES,
    *cases_hosts.CASES,
    *cases_zone.CASES,
    *cases_control.CASES,
    *cases_access.CASES,
    *cases_services.CASES,
    *cases_vhosts.CASES,
    *cases_front.CASES,
)
# Services hang on much of the rest: one changed fact would be told by the rules about them too.
LOCAL = bare("local")
IDS = [f"{case.rule.__name__}-{i}" for i, case in enumerate(CASES)]


def test_every_rule_is_shown_to_fire() -> None:
    assert {rule.__name__ for rule in RULES} == {case.rule.__name__ for case in CASES}


def test_every_rule_is_one_sentence() -> None:
    sentences = [sentence(rule) for rule in RULES]
    assert len(set(sentences)) == len(sentences)
    for said in sentences:
        assert said.endswith(".")
        assert ". " not in said


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_broken_rule_is_reported(case: Case, tmp_path: Path) -> None:
    found = problems(write(tmp_path, changed(LOCAL, case.broken)))
    assert {p.rule for p in found} == {sentence(rule) for rule in (case.rule, *case.also)}
    for problem in found:
        assert problem.file.endswith("all.yaml")
        assert problem.line > 0
        assert problem.field
        assert problem.what
        assert problem.way_out


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_its_harmless_twin_is_not(case: Case, tmp_path: Path) -> None:
    assert problems(write(tmp_path, changed(LOCAL, case.twin))) == []

"""Every job as text: the difference is the review. `BLESS=1` takes what is there now."""

from __future__ import annotations

import json
import os

import pytest

from components.blocks import jobs
from model import load
from tests.harness import ROOT

GOLDEN = ROOT / "tests" / "golden" / "jobs"


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_a4_04_the_jobs_are_those_last_reviewed(stack: str) -> None:
    folder = GOLDEN / stack
    texts = {f"{name}.json": job.to_json() for name, job in jobs(load(ROOT / "stacks" / stack)).items()}
    if os.environ.get("BLESS"):
        folder.mkdir(parents=True, exist_ok=True)
        for page in folder.glob("*.json"):
            page.unlink()
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    assert {page.name for page in folder.glob("*.json")} == set(texts), "run again with BLESS=1 if you meant it"
    changed = [name for name, text in texts.items() if (folder / name).read_text(encoding="utf-8") != text]
    assert changed == [], "if you meant it, run again with BLESS=1"


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_a_job_is_the_same_every_time(stack: str) -> None:
    folder = ROOT / "stacks" / stack
    first, second = ({n: j.to_json() for n, j in jobs(load(folder)).items()} for _ in range(2))
    assert first == second
    for text in first.values():
        assert json.loads(text)["Job"]["ID"]

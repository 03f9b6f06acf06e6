"""The facts of the organisation at GitHub, as a plan or a program has to hold them: undeclared values filled in, and
the deliberate differences made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

FACTS: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "facts_github.yaml").read_text(encoding="utf-8"))


def found() -> dict[str, dict[str, Any]]:
    """Every repository with its settings as they were found."""
    return {
        name: {**FACTS["undeclared"], **{k: v for k, v in fact.items() if k != "teams"}, "topics": set(fact["topics"])}
        for name, fact in FACTS["repositories"].items()
    }


def expected() -> dict[str, dict[str, Any]]:
    """Every repository with its settings as stacks/prod is to hold them."""
    whole = found()
    for it in FACTS["differences"]:
        if it["repository"] is not None:
            whole[it["repository"]][it["field"]] = it["here"]
    return whole


def links() -> set[tuple[str, str, str]]:
    """Every team's level on a repository."""
    return {(team, name, "push") for name, fact in FACTS["repositories"].items() for team in fact["teams"]}

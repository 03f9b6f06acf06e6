"""An organisation of 3,000 resources: its preview with nothing changed and with ten things, beside the floor."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.bench import floor
from tests.bench.cloud import Bench, project, serving
from tests.bench.fleets import generate
from tests.bench.measure import Measured, median, run

REPOSITORIES = 500
TEAMS = 20
PEOPLE = 120
EACH_IN = 3
CHANGED = 10
# A repository with its warnings, a grant and two labels; a membership and three teams each; a team.
RESOURCES = 5 * REPOSITORIES + (1 + EACH_IN) * PEOPLE + TEAMS
RUNS = 3
MOST = 900.0
PROGRAM = """\
import os
from datetime import date
from pathlib import Path

from components.roster.github_component import organisation
from model import load

organisation(load(Path(os.environ["BENCH_DATA"])), date(2026, 11, 27))
"""


@dataclass
class Row:
    """One preview. A `note` says why the rest is missing."""

    name: str
    resources: int = 0
    changed: int = 0
    ours: float = 0.0
    floor: float = 0.0
    note: str = ""


def organisation(folder: Path) -> None:
    """A stack's folder with an organisation of that size, in which everybody is a founder."""
    generate(folder, 1)
    teams = [f"team-{number:02}" for number in range(TEAMS)]
    people = [f"p{number:03}" for number in range(PEOPLE)]
    member_of = {who: [teams[(at + step) % TEAMS] for step in range(EACH_IN)] for at, who in enumerate(people)}
    settings = {
        "founded": "2024-02-01",
        "owners_at_least": 2,
        "token_user": people[0],
        "numbers": {"people": "2001-2999", "groups": "3001-3999"},
        "welcome": {"repository": "r000", "channel": "#bench"},
    }
    _write(folder / "roster" / "settings.yaml", {"roster": settings})
    granted: dict[str, dict[str, str]] = {team: {} for team in teams}
    for number in range(REPOSITORIES):
        granted[teams[number % TEAMS]][f"r{number:03}"] = "push"
    _write(
        folder / "roster" / "teams.yaml", {"teams": {team: _team(team, people, member_of, granted) for team in teams}}
    )
    for at, who in enumerate(people):
        person: dict[str, Any] = {"github": 900_001_000 + at, "since": "2024-02-01", "owner": at < 2}
        person["teams"] = dict.fromkeys(member_of[who], "member")
        _write(folder / "roster" / "people" / f"{who}.yaml", person)
    change(folder, 0)


def _team(
    team: str, people: list[str], member_of: Mapping[str, list[str]], granted: Mapping[str, dict[str, str]]
) -> dict[str, Any]:
    owner = next(who for who in people if team in member_of[who])
    github = {"team": team, "description": "A team", "repositories": granted[team]}
    return {"purpose": "be measured", "owners": [owner], "grants": {"github": github}}


def change(folder: Path, count: int) -> None:
    """Write the repositories, so many of them with another description."""
    hub = {
        "organisation": {"name": "bench", "adopted": True},
        "merge_profiles": {"anyhow": {}},
        "labels": {"tickets": {"join": {"color": "0e8a16"}, "leave": {"color": "b60205"}}},
        "defaults": {
            "visibility": "public",
            "features": {"issues": True, "wiki": False, "projects": False, "discussions": False},
            "merge": "anyhow",
            "alerts": "on",
            "labels": ["tickets"],
            "unprotected": "a bench",
        },
        "repositories": {
            f"r{number:03}": {"description": "Changed" if number < count else "As it was"}
            for number in range(REPOSITORIES)
        },
    }
    _write(folder / "roster" / "github.yaml", {"github": hub})


def _write(file: Path, said: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # Days are bare words to the model's reader, and quoted texts to this writer.
    file.write_text(yaml.safe_dump(dict(said), sort_keys=False), encoding="utf-8")


def measure(place: Path, say: Callable[[str], None]) -> list[Row]:
    """Make the organisation, then preview it as it is and with ten changes; the floor likewise with none."""
    rows = [Row("nothing changed"), Row(f"{CHANGED} repositories changed")]
    try:
        with serving(place / "github", plan_only=True) as bench:
            _measure(rows, bench, place, say)
    except Exception as error:
        for row in rows:
            row.note = row.note or f"{type(error).__name__}: {error}"
    return rows


def _measure(rows: list[Row], bench: Bench, place: Path, say: Callable[[str], None]) -> None:
    data = place / "data"
    data.mkdir()
    organisation(data)
    # Making is not what is measured: without a state at each step it takes a minute, with it many.
    env = bench.env | {"BENCH_DATA": str(data), "PULUMI_SKIP_CHECKPOINTS": "true"}
    folder = project(place / "program", "bench", PROGRAM)
    words = bench.stack("github", folder)
    say(f"GitHub: making an organisation of {RESOURCES:,} resources")
    _raise(run(["pulumi", "up", "--yes", "--skip-preview", *words], env=env, cwd=folder, most=MOST), "ours")
    bare = floor.project(place / "floor-github", 1, RESOURCES, sys.executable)
    bare_words = bench.stack("floor-github", bare)
    say("GitHub: making the floor's")
    _raise(run(["pulumi", "up", "--yes", "--skip-preview", *bare_words], env=env, cwd=bare, most=MOST), "floor")
    least = median(
        ["pulumi", "preview", *bare_words], env=env, cwd=bare, runs=RUNS, most=MOST, heard=lambda t: say(f"floor: {t}")
    )
    _raise(least, "floor")
    for row, count in zip(rows, (0, CHANGED), strict=True):
        change(data, count)
        _preview(row, count, words, env, folder, say)
        row.floor = least.seconds


def _preview(
    row: Row, count: int, words: list[str], env: dict[str, str], folder: Path, say: Callable[[str], None]
) -> None:
    whole = run(["pulumi", "preview", *words[:3], "--json", "--show-sames"], env=env, cwd=folder, most=MOST)
    _raise(whole, "ours")
    row.resources, row.changed = counted(json.loads(whole.out)["steps"])
    if (row.resources, row.changed) != (RESOURCES, count):
        row.note = f"{row.resources:,} resources, {row.changed} changed: not what is to be measured"
    ours = median(
        ["pulumi", "preview", *words],
        env=env,
        cwd=folder,
        runs=RUNS,
        most=MOST,
        heard=lambda t: say(f"{row.name}: {t}"),
    )
    _raise(ours, "ours")
    row.ours = ours.seconds


def counted(steps: list[dict[str, Any]]) -> tuple[int, int]:
    """How many of GitHub's resources a preview looked at, and how many of them it would change."""
    ours = [step for step in steps if "$github:" in step["urn"]]
    return len(ours), sum(step["op"] != "same" for step in ours)


def _raise(one: Measured, whose: str) -> None:
    if one.failed:
        raise RuntimeError(f"{whose}: {one.failed}")


def lines(place: Path, say: Callable[[str], None]) -> list[str]:
    """Measure, and tell it as a table."""
    return previewed(measure(place, say))


def previewed(rows: list[Row]) -> list[str]:
    """The table."""
    found = [
        f"Preview of an organisation at GitHub that is there (medians of {RUNS}; the floor is a bare program with"
        " as many resources of a provider that does nothing, none of them changed)",
        "",
        "| what | resources | changed | preview | floor | ratio |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        if row.note or not row.floor:
            found.append(f"| {row.name} | {row.note or 'not measured'} | | | | |")
            continue
        ratio = f"{row.ours / row.floor:.2f}"
        found.append(
            f"| {row.name} | {row.resources:,} | {row.changed} | {row.ours:.2f} s | {row.floor:.2f} s | {ratio} |"
        )
    return found

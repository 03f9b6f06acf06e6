"""The documents say what is true: each link, command, target and list in them is held against the project."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs import reading
from tests.docs.reading import ROOT, Block, Known

DOCUMENTS = reading.documents()
FENCED = [block for file, text in DOCUMENTS.items() for block in reading.blocks(file, text)]
# The Python of this run first, so that `python -m cli` in a document is the project's.
SURROUNDINGS = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_COLOR": "1"}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the project's folder."""
    return subprocess.run(command, cwd=ROOT, env=SURROUNDINGS, capture_output=True, text=True, timeout=120)


@functools.cache
def fleet_verbs() -> set[str]:
    """What the help of `fleet` lists."""
    said = run(sys.executable, "-m", "cli", "--help").stdout
    return set(re.findall(r"^\W*([a-z][a-z-]*)\s{2,}\S", said.split("Commands", 1)[1], flags=re.M))


@functools.cache
def engine_help(verb: str) -> str | None:
    """The engine's help of a verb, or None where it has no such verb."""
    assert shutil.which("pulumi"), "the engine is not on PATH: run `make check`, or `. ./activate` first"
    said = run("pulumi", *verb.split(), "--help").stdout
    return said if re.search(rf"^\s+pulumi {verb}\b", said, flags=re.M) else None


def known_to(commands: list[str]) -> Known:
    """What the project and the engine have, as far as these commands name it."""
    verbs = {reading.verb_of(command.split()[1:]) for command in commands if command.startswith("pulumi ")}
    found = {verb: text for verb in sorted(verbs) if (text := engine_help(verb)) is not None}
    return Known(reading.make_targets(), fleet_verbs(), found)


def named() -> list[tuple[str, str]]:
    """Each command in the documents with its place: in blocks of shell, and between backquotes."""
    shell = [(f"{b.file}:{b.line}", c) for b in FENCED if b.info.split()[:1] == ["sh"] for c in b.commands]
    spans = [(file, span) for file, text in DOCUMENTS.items() for span in reading.spans(text)]
    tools = ("make ", "fleet ", "pulumi ", "pyinfra ", "python -m ", ". ./")
    return shell + [(file, span) for file, span in spans if span.startswith(tools)]


def test_every_relative_link_leads_somewhere() -> None:
    broken = {file: reading.broken_links((ROOT / file).parent, text) for file, text in DOCUMENTS.items()}
    assert {file: links for file, links in broken.items() if links} == {}


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").touch()
    text = "[a](there.md#part) [b](gone.md) [c](https://example.org) [d](#here)\n```\n[e](in-a-block.md)\n```\n"
    assert reading.broken_links(tmp_path, text) == ["gone.md"]


def test_every_command_names_what_is_there() -> None:
    commands = named()
    known = known_to([command for _, command in commands])
    wrong = [
        f"{where}: {command}: {what}" for where, command in commands if (what := reading.wrong_with(command, known))
    ]
    assert wrong == []
    # What the documents are for: without these the test above looked at nothing.
    said = {command for _, command in commands}
    assert {"make rehearsal", "make test", "make preview", "make clean-rehearsal", "fleet check"} <= said
    assert len([command for command in said if command.startswith("pulumi ")]) > 5


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("make rehersal", "no target rehersal"),
        ("fleet recrod -s prod", "no verb recrod of fleet"),
        ("python -m clu", "no clu"),
        ("python -m cli chekc", "no verb chekc of fleet"),
        ("pulumi preveiw", "no verb preveiw of pulumi"),
        ("pulumi preview --refersh", "pulumi preview has no --refersh"),
        ("pulumi preview -s lcoal", "no stack lcoal"),
        ("pyinfra hostconfig/inventroy.py", "no file hostconfig/inventroy.py"),
        (". ./activate pord", "no stack pord"),
        ("teraform apply", "no tool teraform"),
        ('eval "$(fleet loggin)"', "no verb loggin of fleet"),
    ],
)
def test_a_command_that_names_nothing_is_found(command: str, what: str) -> None:
    assert reading.wrong_with(command, known_to([command])) == what


@pytest.mark.parametrize(
    "block",
    [b for b in FENCED if b.info == "sh test"],
    ids=lambda b: f"{b.file}:{b.line}" if isinstance(b, Block) else "",
)
def test_a_block_marked_as_a_test_runs(block: Block) -> None:
    done = run("bash", "-euo", "pipefail", "-c", block.text)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tour_has_a_block_that_runs() -> None:
    assert [b.file for b in FENCED if b.info == "sh test"] == ["docs/tour.md"]


def test_the_verticals_of_the_tour_are_the_folders_of_components() -> None:
    tour = DOCUMENTS["docs/tour.md"]
    (line,) = [line for line in tour.splitlines() if line.startswith("The verticals today:")]
    there = {path.parent.name for path in ROOT.glob("components/*/*component.py")}
    assert set(reading.spans(line)) == there
    (row,) = [line for line in tour.splitlines() if line.startswith("| `components/")]
    assert {span.removeprefix("components/") for span in reading.spans(row)} == there
    assert {path.parent.name for path in ROOT.glob("components/*/README.md")} == there


def test_every_folder_of_the_tour_is_there() -> None:
    rows = re.findall(r"^\| `([a-z_]+/[a-z_]*)`", DOCUMENTS["docs/tour.md"], flags=re.M)
    assert len(rows) > 5
    assert [row for row in rows if not (ROOT / row).is_dir()] == []


def test_the_list_of_decisions_is_whole() -> None:
    listed = re.findall(r"^\| \[\d{4}\]\(([^)]+)\)", DOCUMENTS["docs/decisions/README.md"], flags=re.M)
    there = sorted(path.name for path in ROOT.glob("docs/decisions/[0-9]*.md"))
    assert listed == there
    assert there


def test_every_decision_says_its_downside() -> None:
    silent = [p.name for p in ROOT.glob("docs/decisions/[0-9]*.md") if not re.search(r"\bDownsides?\b", p.read_text())]
    assert silent == []


# Where an image comes from is a fact of the fleet, which stands in its data and in what is made of that.
IMAGES = ("stacks/prod/images.yaml", "images/", "tests/services/facts_services.yaml", "tests/golden/jobs/prod/")


def test_no_file_names_a_registry_or_a_place_of_one_machine() -> None:
    words = reading.REGISTRIES + reading.PLACES
    found = [
        f"{file}:{line}: {word}"
        for file, text in reading.tracked()
        for line, word in reading.strangers(text, words)
        if not (file.startswith(IMAGES) and word in reading.CONTAINERS)
    ]
    assert found == []


def test_a_registry_and_a_place_are_found() -> None:
    names = [file for file, _ in reading.tracked()]
    assert {"README.md", "Makefile", "requirements.txt"} <= set(names)
    for word in reading.REGISTRIES + reading.PLACES:
        made_up = f"first line\nfetched from {'https://' if '.' in word and '/' not in word else ''}{word}x\n"
        assert (2, word) in reading.strangers(made_up, reading.REGISTRIES + reading.PLACES)

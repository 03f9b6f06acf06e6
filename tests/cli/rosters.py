"""A project of a test's own with the rehearsal's people, whose keys are in the data like anybody's."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli import places
from tests.harness import ROOT

# What was done in the data up to a day has happened by then, so none is earlier than the last day that they name.
DAY = max(
    "2026-11-20",
    *(
        day
        for file in (ROOT / "stacks" / "local" / "roster").rglob("*.yaml")
        for day in re.findall(r"\b20[0-9]{2}-[01][0-9]-[0-3][0-9]\b", file.read_text())
        if day <= f"{datetime.now(UTC):%Y-%m-%d}"
    ),
)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8rKMrrVxoXDhqfI5TkLloV9CUbz881rgFvlXogEDqu"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in it, so that the real data stays as it is."""
    shutil.copy(ROOT / "Pulumi.local.yaml", tmp_path)
    shutil.copytree(ROOT / "stacks" / "local", tmp_path / "stacks" / "local")
    monkeypatch.setattr(places, "ROOT", tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "kit.pub").write_text(f"{KEY} kit@home\n")
    return tmp_path


def text(project: Path, file: str) -> str:
    """A file of the roster."""
    return (project / "stacks" / "local" / "roster" / file).read_text()


def everything(project: Path) -> dict[str, str]:
    """All files of the data."""
    folder = project / "stacks" / "local"
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*.yaml"))}


def edit(project: Path, file: str, old: str, new: str) -> None:
    """Change a file of the roster by hand."""
    said = text(project, file)
    assert old in said, f"{old!r} is not in {file}"
    (project / "stacks" / "local" / "roster" / file).write_text(said.replace(old, new))

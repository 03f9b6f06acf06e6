"""The engine's whole round on the organisation: made, unchanged, drifted, left, renamed, and no token in the state."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rehearsal import engine
from rehearsal.cloud.daemon import ask
from tests.bench.cloud import project, serving
from toolchain.places import ROOT

LEFT = "left: {on: 2026-03-02, why: wish}\n"
PROGRAM = """\
import os
from datetime import date
from pathlib import Path

from components.roster.github_component import organisation
from model import load

organisation(load(Path(os.environ["TRIAL_DATA"])), date(2026, 11, 27))
"""
ORG = "/orgs/fleet-rehearsal"


@dataclass
class Round:
    """The stack local's people, alone, on a cloud that boots nothing."""

    env: dict[str, str]
    folder: Path
    data: Path

    def pulumi(self, *words: str, code: int = 0) -> str:
        """Run a command; what it printed."""
        done = engine.pulumi(self.env, *words, "--stack", "t", cwd=self.folder)
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def hub(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the rehearsal's GitHub."""
        question = {"cmd": "github", "method": method, "path": path, "body": body}
        return ask(Path(self.env["FLEET_CLOUD_SOCKET"]), question)["body"]

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a file of the roster."""
        at = self.data / "roster" / file
        assert old in at.read_text(), f"{old!r} is not in {file}"
        at.write_text(at.read_text().replace(old, new))


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Round]:
    if shutil.which("pulumi") is None:
        pytest.fail("pulumi is not on PATH: run the tests with `make test`, or after `. ./activate`")
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_never_handed_on")
    data = Path(shutil.copytree(ROOT / "stacks" / "local", tmp_path / "data"))
    with serving(tmp_path / "run", plan_only=True) as bench:
        assert "GITHUB_TOKEN" not in bench.env, "what could reach the real GitHub is not handed on"
        # Here the program gets one all the same, as it does outside a rehearsal.
        env = bench.env | {"GITHUB_TOKEN": "ghp_in_the_environment", "TRIAL_DATA": str(data)}
        folder = project(tmp_path / "program", "trial", PROGRAM)
        bench.stack("t", folder)
        yield Round(env, folder, data)


def test_the_organisation_is_made_kept_and_left(local: Round) -> None:
    local.pulumi("up", "--yes", "--skip-preview")
    repositories = local.hub("GET", f"{ORG}/repos")
    assert len(repositories) == 6
    owners, invited = local.hub("GET", f"{ORG}/members?role=admin"), local.hub("GET", f"{ORG}/invitations")
    assert len(owners) + len(invited) == 6
    exported = local.pulumi("stack", "export")
    assert "github:index/membership:Membership" in exported
    assert "ghp_" not in exported
    local.pulumi("preview", "--expect-no-changes")
    local.pulumi("preview", "--refresh", "--expect-no-changes")

    grant = f"{ORG}/teams/packagers/repos/fleet-rehearsal/docs"
    local.hub("PUT", grant, {"permission": "admin"})
    assert "github-grant-packagers-docs" in local.pulumi("preview", "--refresh", "--diff")
    local.pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert local.hub("GET", grant)["role_name"] == "push"


def test_one_line_takes_whoever_leaves_out_of_everything(local: Round) -> None:
    local.pulumi("up", "--yes", "--skip-preview")
    local.edit("people/fay.yaml", "teams: {mirror-keepers: member}\n", LEFT)
    steps = json.loads(local.pulumi("preview", "--json"))["steps"]
    gone = {step["urn"].rpartition("::")[2] for step in steps if step["op"] == "delete"}
    assert gone == {"github-member-fay", "github-in-mirror-keepers-fay"}
    assert {step["op"] for step in steps} == {"delete", "same"}
    local.pulumi("up", "--yes", "--skip-preview")
    assert "fay" not in [one["login"] for one in local.hub("GET", f"{ORG}/invitations")]
    assert local.hub("GET", f"{ORG}/teams/mirror-keepers/memberships/fay")["message"] == "Not Found"
    local.pulumi("preview", "--refresh", "--expect-no-changes")


def test_a_repository_leaves_only_when_it_is_said_twice_and_takes_a_new_name_in_place(local: Round) -> None:
    local.pulumi("up", "--yes", "--skip-preview")
    before = {one["name"]: one["id"] for one in local.hub("GET", f"{ORG}/repos")}
    local.edit("teams.yaml", "docs: push", "handbook: push")
    local.edit("github.yaml", "    docs:\n", "    handbook:\n")
    assert "github-repository-docs" in local.pulumi("preview", code=1)
    local.edit("github.yaml", "    handbook:\n", "    handbook:\n      formerly: docs\n")
    local.pulumi("up", "--yes", "--skip-preview")
    after = {one["name"]: one["id"] for one in local.hub("GET", f"{ORG}/repos")}
    assert after["handbook"] == before["docs"]
    assert "docs" not in after
    assert len(after) == 6
    local.pulumi("preview", "--refresh", "--expect-no-changes")

    local.edit("github.yaml", "      formerly: docs\n", "      released: it is written elsewhere now\n")
    local.pulumi("up", "--yes", "--skip-preview")
    local.edit("teams.yaml", ", handbook: push", "")
    whole = (local.data / "roster" / "github.yaml").read_text()
    at = whole.index("    handbook:\n")
    (local.data / "roster" / "github.yaml").write_text(whole[:at] + whole[whole.index("    sites:\n") :])
    local.pulumi("up", "--yes", "--skip-preview")
    assert local.hub("GET", "/repos/fleet-rehearsal/handbook")["archived"], "it is archived and not deleted"

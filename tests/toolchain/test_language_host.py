"""One program under our language host and under the official one: the same plan, the same errors, nothing left over.

Needs the built engine: without it these tests fail, since `make check` builds it first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain import engine

PROGRAM = """
import os, pulumi, beside
c = pulumi.Config()
mode = os.environ.get("MODE", "")
class Thing(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("fleet:test:Thing", name)
        self.register_outputs({})
Thing("one")
print("dry run", pulumi.runtime.is_dry_run(), pulumi.get_organization())
pulumi.export("word", c.require("word"))
pulumi.export("hidden", c.require_secret("hidden"))
pulumi.export("beside", beside.VALUE)
if mode == "raise":
    raise ValueError("broken data")
if mode == "refuse":
    raise pulumi.RunError("said already")
if mode == "exit":
    raise SystemExit(3)
"""


class Project:
    """A tiny project with one stack in a file backend."""

    def __init__(self, folder: Path, host: str) -> None:
        self.folder = folder
        (folder / "state").mkdir()
        (folder / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
        (folder / "__main__.py").write_text(PROGRAM)
        (folder / "beside.py").write_text("VALUE = 'seen'\n")
        tools = engine.engine_folder() / "bin"
        assert (tools / "pulumi").exists(), "the engine is not built: run 'make tools tools-official'"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PULUMI")},
            "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "FLEET_LANGUAGE_HOST": host,
        }
        self.pulumi("stack", "init", "dev")
        self.pulumi("config", "set", "word", "plain")
        self.pulumi("config", "set", "--secret", "hidden", "hush-hush")

    def pulumi(self, *words: str, mode: str = "", fails: bool = False) -> str:
        """Run the CLI; what it says, after a look at whether it failed as expected."""
        done = subprocess.run(
            ["pulumi", *words, "--non-interactive"],
            cwd=self.folder,
            env={**self.environment, "MODE": mode},
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) is fails, said
        return said


@pytest.fixture(params=["own", "official"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    return Project(tmp_path, request.param)


def test_a_program_is_planned_applied_and_planned_again(project: Project) -> None:
    said = project.pulumi("preview")
    assert "+ 2 to create" in said
    assert "dry run True organization" in said
    assert "dry run False" in project.pulumi("up", "--yes", "--skip-preview")
    outputs = json.loads(project.pulumi("stack", "output", "--json"))
    assert outputs == {"word": "plain", "hidden": "[secret]", "beside": "seen"}
    assert "2 unchanged" in project.pulumi("preview", "--expect-no-changes")
    state = "".join(path.read_text() for path in (project.folder / "state").rglob("*.json"))
    assert "hush-hush" not in state
    assert "plain" in state


def test_an_exception_is_shown_once_from_the_program_on(project: Project) -> None:
    said = project.pulumi("preview", mode="raise", fails=True)
    assert "ValueError: broken data" in said
    assert "__main__.py" in said
    assert "exit code" not in said
    assert "runner.py" not in said
    assert "runpy" not in said


def test_a_refusal_and_an_exit_code_end_the_preview_with_their_words(project: Project) -> None:
    assert "said already" in project.pulumi("preview", mode="refuse", fails=True)
    assert "code 3" in project.pulumi("preview", mode="exit", fails=True).replace("code: 3", "code 3")


def test_without_the_sdk_the_host_says_what_to_do() -> None:
    host = engine.OWN_HOST / "host.py"
    done = subprocess.run(
        [sys.executable, "-S", "-E", str(host), "127.0.0.1:1"], capture_output=True, text=True, timeout=30
    )
    assert done.returncode != 0
    assert "make tools" in done.stderr

"""`. ./activate` in a real shell: what it sets, what it refuses, and that `deactivate` leaves no trace."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.executable import executable

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with two stacks and a ready toolchain, made of empty programs."""
    root = tmp_path / "check out"
    shutil.copytree(ROOT / "toolchain", root / "toolchain", symlinks=True)
    for name in ("activate", "requirements.txt"):
        shutil.copy(ROOT / name, root / name)
    (root / "Pulumi.local.yaml").write_text("config: {}\n")
    (root / "Pulumi.prod.yaml").write_text("config:\n  fleet:backend: 's3://state-bucket?region=x'\n")
    (root / "Pulumi.bare.yaml").write_text("config: {}\n")
    return root


def shell(root: Path, text: str, cache: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run lines in bash with nothing of ours in the environment."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {"FLEET_CACHE": str(cache or root / "cache"), "FLEET_RUN": str(root / "run")}
    return subprocess.run(
        ["bash", "--norc", "-c", text], cwd=root, env=environment, capture_output=True, text=True, timeout=60
    )


def ready(root: Path) -> None:
    """Put stand-ins where the engine and the environment would be."""
    said = shell(
        root,
        'python3 toolchain/install.py paths; eval "$(python3 toolchain/install.py paths)"; '
        'mkdir -p "$_fleet_at_engine" "$_fleet_at_venv/bin"; touch "$_fleet_at_venv/.complete"; '
        "printf '#!/bin/sh\\necho the engine $*\\n' > \"$_fleet_at_engine/pulumi\"; "
        'chmod +x "$_fleet_at_engine/pulumi"',
    )
    assert said.returncode == 0, said.stderr


def test_the_local_stack_gets_the_rehearsals_places_and_nothing_stays(checkout: Path) -> None:
    ready(checkout)
    done = shell(
        checkout,
        "env | grep -v ^_= | sort > before; . ./activate; env | sort > during; pulumi hello; command -v fleet; "
        "deactivate; env | grep -v ^_= | sort > after; set | grep ^_fleet; declare -F deactivate",
    )
    during = (checkout / "during").read_text()
    for wanted in (
        f"PULUMI_HOME={checkout}/run/pulumi-home",
        f"FLEET_CLOUD_SOCKET={checkout}/run/cloud.sock",
        f"PULUMI_BACKEND_URL=file://{checkout}/run/backend",
        "PULUMI_CONTINUE_ON_ERROR=true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true",
        f"FLEET_ACME_CA={checkout}/run/acme/trust.pem",
        "FLEET_STACK=local",
    ):
        assert wanted in during.splitlines()
    assert done.stdout.splitlines() == ["the engine hello", f"{checkout}/toolchain/shims/fleet"]
    assert (checkout / "before").read_text() == (checkout / "after").read_text()


def test_a1_11_another_stack_meets_nothing_of_the_rehearsal(checkout: Path) -> None:
    ready(checkout)
    shell(checkout, ". ./activate; . ./activate prod; env | sort > during")
    during = (checkout / "during").read_text()
    assert "PULUMI_BACKEND_URL=s3://state-bucket?region=x" in during
    assert "FLEET_STACK=prod" in during
    for absent in (
        "PULUMI_HOME=",
        "FLEET_CLOUD_SOCKET=",
        "FLEET_ACME_CA=",
        "/check out/cache/tools/servers-",
        "ACQUISITION",
        "/toolchain/shims:",
        "PULUMI_CONFIG_PASSPHRASE=",
    ):
        assert absent not in during


@pytest.mark.parametrize(
    ("words", "said"),
    [("nosuch", "no stack 'nosuch'"), ("bare", "names no state backend"), ("local", "not there yet")],
)
def test_what_cannot_be_activated_says_why_and_changes_nothing(checkout: Path, words: str, said: str) -> None:
    if words != "local":
        ready(checkout)
    done = shell(
        checkout, f"env | sort > before; . ./activate {words}; echo $?; env | sort > after; set | grep ^_fleet"
    )
    assert done.stdout.splitlines() == ["1"]
    assert said in done.stderr
    assert "way out:" in done.stderr
    ignored = {"_"}
    before, after = (
        [line for line in (checkout / name).read_text().splitlines() if line.split("=")[0] not in ignored]
        for name in ("before", "after")
    )
    assert before == after


def test_a_shim_runs_the_real_program_without_itself_on_path(tmp_path: Path) -> None:
    real = executable(tmp_path / "real" / "dig", '#!/bin/sh\necho "$PATH $*"\n').parent
    shims = ROOT / "toolchain" / "shims"
    path = f"{shims}:{real}:/usr/sbin:/usr/bin:/sbin:/bin"
    done = subprocess.run([shims / "dig", "a b"], env={"PATH": path}, capture_output=True, text=True, timeout=30)
    assert done.stdout == f"{real}:/usr/sbin:/usr/bin:/sbin:/bin a b\n"
    bare = {"PATH": f"{shims}:{tmp_path / 'none'}:/usr/bin:/bin"}
    gone = subprocess.run([shims / "pyinfra"], env=bare, capture_output=True, text=True, timeout=30)
    assert gone.returncode == 127
    assert "not installed" in gone.stderr


def test_every_make_target_has_a_line_of_help() -> None:
    text = (ROOT / "Makefile").read_text()
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    phony = text.split(".PHONY:")[1].splitlines()[0].split()
    assert set(phony) == {line.split()[1] for line in done.stdout.splitlines()}

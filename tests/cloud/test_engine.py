"""The engine's whole round on the embedded cloud, with the real command line: preview, up, up again, destroy."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rehearsal.cloud.daemon import PACKAGES, ask
from rehearsal.cloud.home import write_home

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import pulumi
import pulumi_digitalocean as do

zone = do.Domain("zone", name="a.example")
machine = do.Droplet("m", name="m.a.example", image="{image}", size="s-1vcpu-1gb", region="fra1", ipv6=True)
for name in ("m", "www"):
    do.DnsRecord(name, domain=zone.id, type="A", name=name, value=machine.ipv4_address)
do.DnsRecord("text", domain=zone.id, type="TXT", name="@", value=pulumi.Output.secret("hush-hush"))
pulumi.export("address", machine.ipv4_address)
"""


@dataclass
class Project:
    """A program in a folder, with a file backend and the rehearsal's PULUMI_HOME."""

    folder: Path
    env: dict[str, str]

    def write(self, image: str = "debian-12-x64") -> None:
        (self.folder / "__main__.py").write_text(textwrap.dedent(PROGRAM.replace("{image}", image)))

    def pulumi(self, *words: str, code: int = 0) -> str:
        command = ["pulumi", *words, "--non-interactive", "--stack", "t"]
        done = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    if shutil.which("pulumi") is None:
        pytest.fail("pulumi is not on PATH: run the tests with `make test`, or after `. ./activate`")
    run = tmp_path / "run"
    write_home(run / "pulumi-home", PACKAGES)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "FLEET_"))}
    env |= {
        "PULUMI_BACKEND_URL": f"file://{tmp_path}",
        "PULUMI_CONFIG_PASSPHRASE": "x",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_HOME": str(run / "pulumi-home"),
        "FLEET_CLOUD_SOCKET": str(run / "cloud.sock"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    if "FLEET_CACHE" in os.environ:
        env["FLEET_CACHE"] = os.environ["FLEET_CACHE"]
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: trial\nruntime: python\n")
    command = [sys.executable, "-m", "rehearsal.cloud", "serve", "--run", str(run), "--plan-only"]
    daemon = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    made = Project(folder, env)
    made.write()
    try:
        deadline = time.monotonic() + 60
        while not (run / "cloud.sock").exists():
            assert daemon.poll() is None, "the daemon ended"
            assert time.monotonic() < deadline, "the daemon does not serve"
            time.sleep(0.05)
        made.pulumi("stack", "init")
        yield made
    finally:
        daemon.terminate()
        daemon.wait(10)


def state(project: Project) -> dict[str, Any]:
    return ask(Path(project.env["FLEET_CLOUD_SOCKET"]), {"cmd": "state"})


def test_preview_up_up_again_and_destroy(project: Project) -> None:
    assert "6 to create" in project.pulumi("preview")
    assert state(project) == {}
    assert "6 created" in project.pulumi("up", "--yes", "--skip-preview")
    assert len(state(project)["digitalocean"]["DnsRecord"]) == 3
    assert "6 unchanged" in project.pulumi("up", "--yes", "--skip-preview")
    told = project.pulumi("preview", "--refresh", "--expect-no-changes")
    assert "6 unchanged" in told
    exported = project.pulumi("stack", "export")
    assert "hush-hush" not in exported
    (droplet,) = (one for one in json.loads(exported)["deployment"]["resources"] if one["type"].endswith(":Droplet"))
    assert droplet["outputs"]["ipv4Address"] == "10.77.1.1"
    project.write("debian-13-x64")
    assert "1 to replace" in project.pulumi("preview")
    project.write("debian-99-x64")
    refused = project.pulumi("preview", code=1)
    assert "digitalocean has no image 'debian-99-x64'" in refused
    assert "Traceback" not in refused
    project.write()
    assert "6 deleted" in project.pulumi("destroy", "--yes", "--skip-preview")
    assert state(project) == {}


def test_a_plugin_ends_at_once_when_the_engine_asks(project: Project) -> None:
    (script,) = Path(project.env["PULUMI_HOME"]).glob("plugins/resource-aws-*/pulumi-resource-aws")
    with subprocess.Popen([script], env=project.env, stdout=subprocess.PIPE, text=True) as plugin:
        assert plugin.stdout is not None
        assert plugin.stdout.readline().strip().isdecimal()
        # The engine interrupts its plugins at the end, and waits five seconds for one that does not go.
        plugin.send_signal(signal.SIGINT)
        assert plugin.wait(4) == 0


def test_a_preview_without_the_cloud_says_how_to_start_one(project: Project) -> None:
    project.env["FLEET_CLOUD_SOCKET"] = str(project.folder / "none.sock")
    told = project.pulumi("preview", code=1)
    assert "make rehearsal" in told


def test_a1_11_without_its_home_the_engine_asks_for_the_official_plugin(project: Project, tmp_path: Path) -> None:
    control = project.pulumi("preview")
    assert "6 to create" in control
    project.env["PULUMI_HOME"] = str(tmp_path / "another-home")
    told = project.pulumi("preview", code=1)
    assert "no resource plugin 'pulumi-resource-digitalocean' found" in told
    assert "Droplet" not in told
    assert state(project) == {}

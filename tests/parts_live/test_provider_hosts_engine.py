"""The hosts provider under the real engine, on test hosts of its own: silence, drift, another machine, a kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal import engine
from rehearsal.testhosts import hosts, network, packages, settings
from rehearsal.testhosts.hosts import Spec
from tests.hostconfig.samples import sample
from tests.own_rehearsal import own_rehearsal
from toolchain.places import ROOT

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux"),
]
NAMES = ("one", "two", "three")
EDITED = "/etc/ssh/sshd_config"
PROGRAM = f"""
import json, sys
import pulumi
sys.path.insert(0, {str(ROOT)!r})
from providers.hosts.sdk import Identity, Metal, State
fleet = json.load(open("fleet.json"))
document = pulumi.FileAsset("fabric.json")
born = {{}}
for name, it in fleet.items():
    machine = Metal(f"metal-{{name}}", host=name, address=it["connection"]["address"], provider="a donor")
    way = {{**it["connection"], "host_key": machine.ssh_host_key}}
    born[name] = Identity(f"identity-{{name}}", host=name, connection=way, fabric_interface="fabric0",
        opts=pulumi.ResourceOptions(deleted_with=machine))
for name, it in fleet.items():
    it["desired"]["fabric"] |= {{"document": document, "joining": {{
        other: {{"key": born[other].wireguard_public_key, **fleet[other]["peer"]}} for other in fleet}}}}
    State(f"ground-{{name}}", host=name, layer="ground", members=len(fleet),
        connection={{**it["connection"], "host_key": born[name].ssh_host_key}}, desired=it["desired"])
"""


class Project:
    """A small program on the provider, and its engine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = settings.run()
        self.key = self.run / "operator" / "id_ed25519"
        self.key.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        self.public = self.key.with_suffix(".pub").read_text().strip()
        self.fleet = {name: self._host(name) for name in NAMES}
        self.env = engine.environment(self.run, key=self.key) | {"FLEET_CONTACT_SECONDS": "4"}
        (self.run / "backend").mkdir()
        plugins = {"providers": [{"name": "hosts", "path": str(ROOT / "providers" / "hosts")}]}
        project = {"name": "fleet", "runtime": {"name": "python"}, "plugins": plugins}
        (folder / "Pulumi.yaml").write_text(json.dumps(project))
        (folder / "__main__.py").write_text(PROGRAM)
        (folder / "fabric.json").write_text('{"peers": {}}')
        assert self.pulumi("stack", "init", engine.STACK).returncode == 0

    def address(self, name: str) -> str:
        return f"10.83.1.{NAMES.index(name) + 1}"

    def start(self, name: str) -> None:
        """The machine as a cloud would start it; still there if it runs already."""
        number = NAMES.index(name) + 1
        hosts.start(Spec(name, self.address(name), f"fd83::1:{number}", {"root": [self.public]}))

    def _host(self, name: str) -> dict[str, Any]:
        data = sample(hostname=name, fqdn=f"{name}.m.fleet.example", hosts_file={}, packages={"tree": "a look around"})
        data["users"]["deploy"]["keys"] = [self.public]
        data["resolver"]["forward"] = [settings.dns4()]
        data["time"]["servers"] = [settings.gateway4()]
        fabric = f"10.99.0.{NAMES.index(name) + 1}"
        data["fabric"] |= {"address": fabric}
        way = {"address": self.address(name), "port": 22, "users": ["deploy", "root"], "become": True}
        peer = {"address": fabric, "endpoint": f"{self.address(name)}:51820"}
        return {"connection": way, "peer": peer, "desired": data}

    def pulumi(self, *words: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "fleet.json").write_text(json.dumps(self.fleet))
        done = engine.pulumi(self.env, *words, namespace=settings.internet(), cwd=self.folder)
        assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done

    def up(self, *words: str) -> tuple[int, dict[str, str], str]:
        """Exit code, what happened to each resource that is not the same, and all that was said."""
        done = self.pulumi("up", "--stack", engine.STACK, "--yes", "--skip-preview", "--json", *words)
        outcome = engine.Outcome()
        for line in done.stdout.splitlines():
            if line.startswith("{"):
                outcome.hear(json.loads(line))
        said = "\n".join([*outcome.said, *outcome.failures.values(), done.stderr])
        return done.returncode, outcome.changed, said

    def preview(self, *words: str) -> tuple[dict[str, set[str]], str]:
        """Paths that would change by resource, and what was said beside."""
        done = self.pulumi("preview", "--stack", engine.STACK, "--json", *words)
        steps = [s for s in json.loads(done.stdout)["steps"] if s["op"] in engine.CHANGES]
        return {engine.name_of(s["urn"]): set(s.get("detailedDiff") or {}) for s in steps}, done.stdout + done.stderr

    def inside(self, name: str, script: str) -> str:
        done = hosts.execute_in(name, "sh", "-c", script, check=False)
        return (done.stdout + done.stderr).strip()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Three hosts, one of them silent at first, then all configured."""
    with own_rehearsal("provider", "fp", "10.83"):
        network.up()
        made = Project(tmp_path_factory.mktemp("project"))
        for name in NAMES[:2]:
            made.start(name)
        server = packages.serve()
        try:
            _first_runs(made)
            yield made
        finally:
            server.shutdown()


def _first_runs(project: Project) -> None:
    """A machine that never boots: the two others converge. Then it boots: the next `up` does what is left."""
    code, changed, said = project.up()
    assert code != 0
    assert {"identity-three", "metal-three", "ground-one", "ground-two"} <= changed.keys(), said
    assert "ground-three" not in changed
    assert "three: unreachable" in said or "three: login" in said, said
    project.start("three")
    code, changed, said = project.up()
    assert code == 0, said
    assert changed.keys() >= {"metal-three", "identity-three", "ground-three"}
    assert not {"metal-one", "identity-one", "metal-two", "identity-two"} & changed.keys()


def test_a1_04_the_same_data_again_changes_nothing(project: Project) -> None:
    code, changed, said = project.up()
    assert (code, changed) == (0, {}), said
    assert project.preview("--refresh")[0] == {}


def test_a1_05_an_opening_touches_just_its_host(project: Project) -> None:
    openings = project.fleet["two"]["desired"]["firewall"]["openings"]
    openings["gemini"] = {"proto": "tcp", "ports": "1965", "from": ["world"], "why": "a capsule"}
    assert project.preview()[0] == {"ground-two": {"desired.firewall.openings.gemini"}}
    assert project.up()[1] == {"ground-two": "update"}
    assert "1965" in project.inside("two", "nft list ruleset")
    del openings["gemini"]
    assert project.up()[1] == {"ground-two": "update"}
    assert "1965" not in project.inside("two", "nft list ruleset")


def test_a_recorded_peer_shows_by_its_name(project: Project) -> None:
    before = (project.folder / "fabric.json").read_text()
    peer = {"key": "0" * 43 + "=", "address": "10.99.0.77", "endpoint": None}
    (project.folder / "fabric.json").write_text(json.dumps({"peers": {"seventh": peer}}))
    path = "desired.fabric.document.peers.seventh"
    assert project.preview()[0] == {f"ground-{name}": {path} for name in NAMES}
    (project.folder / "fabric.json").write_text(before)
    assert project.preview()[0] == {}


def test_a1_06_an_edit_by_hand_is_named_stops_its_host_and_is_mended_after_it_was_seen(project: Project) -> None:
    project.inside("one", f"echo '# by hand' >> {EDITED}")
    hosts.link("two", up=False)
    try:
        changes, said = project.preview("--refresh")
    finally:
        hosts.link("two", up=True)
    assert changes == {"ground-one": {f'drift["{EDITED}"]'}}
    assert f"one: {EDITED}" in said
    assert "two: " in said
    project.fleet["one"]["desired"]["ssh"]["banner"] = "Another one."
    code, changed, said = project.up()
    assert (code != 0, "ground-one" in changed) == (True, False)
    assert f"one: {EDITED}" in said or ("one: " in said and EDITED in said)
    assert "by hand" in project.inside("one", f"tail -1 {EDITED}"), "nothing was overwritten"
    code, changed, said = project.up("--refresh")
    assert (code, changed) == (0, {"ground-one": "update"}), said
    assert "by hand" not in project.inside("one", f"cat {EDITED}")


def test_a1_07_a_stopped_host_fails_alone_and_the_next_up_does_only_the_rest(project: Project) -> None:
    for it in project.fleet.values():
        it["desired"]["packages"]["htop"] = "who eats the processor"
    hosts.stop("three")
    code, changed, said = project.up()
    assert code != 0
    assert changed == {"ground-one": "update", "ground-two": "update"}, said
    assert "three: unreachable" in said
    project.start("three")
    code, changed, said = project.up()
    assert (code, changed) == (0, {"ground-three": "update"}), said
    assert "htop" in project.inside("three", "command -v htop")


def test_a1_09_the_private_key_is_nowhere_but_on_its_host(project: Project) -> None:
    private = project.inside("one", "cat /etc/wireguard/fabric0.key")
    public = project.inside("one", "wg pubkey < /etc/wireguard/fabric0.key")
    assert project.inside("one", "stat -c '%a %U' /etc/wireguard/fabric0.key") == "600 root"
    told = "".join(p.read_text() for p in (project.run / "backend").rglob("*.json"))
    assert public in told
    assert len(private) == 44
    assert private not in told


def test_a_rebuilt_machine_is_refused_by_name_until_it_is_replaced_on_purpose(project: Project) -> None:
    public = project.inside("two", "wg pubkey < /etc/wireguard/fabric0.key")
    hosts.stop("two", wipe=True)
    project.start("two")
    project.fleet["two"]["desired"]["packages"]["lsof"] = "who holds the file"
    code, changed, said = project.up()
    assert code != 0
    assert changed == {}
    assert "two: host key of 10.83.1.2 is not the recorded one" in said
    where = "urn:pulumi:local::fleet::hosts:index"
    targets = [f"{where}:Metal::metal-two", f"{where}:Identity::identity-two"]
    code, changed, said = project.up(*[f"--replace={urn}" for urn in targets])
    assert code == 0, said
    told = project.inside("two", "wg pubkey < /etc/wireguard/fabric0.key")
    assert told != public
    assert "command not found" not in told, "the old identity's end left the key of the new one alone"
    assert told in project.inside("one", "wg show fabric0 peers")


def test_a_killed_engine_leaves_a_fleet_that_the_next_up_completes(project: Project) -> None:
    for it in project.fleet.values():
        it["desired"]["packages"]["ncdu"] = "what fills the disk"
    (project.folder / "fleet.json").write_text(json.dumps(project.fleet))
    argv = ["pulumi", "up", "--stack", engine.STACK, "--yes", "--skip-preview", "--non-interactive"]
    child = subprocess.Popen(
        engine.inside_network(argv, settings.internet()),
        cwd=project.folder, env=project.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list((project.run / "locks").glob("*.lock")) or not _worker_runs(project.run):
        assert time.monotonic() < deadline, "no worker ever started"
        time.sleep(0.1)
    child.kill()
    child.wait()
    project.pulumi("cancel", "--yes", "--stack", engine.STACK)
    code, _, said = project.up()
    assert code == 0, said
    for name in NAMES:
        assert project.inside(name, "command -v ncdu").endswith("ncdu")
    assert project.up()[1] == {}


def _worker_runs(run: Path) -> bool:
    for lock in (run / "locks").glob("*.lock"):
        pid = lock.read_text().strip()
        command = Path("/proc") / pid / "cmdline"
        if pid and command.exists() and b"providers.hosts.worker" in command.read_bytes():
            return True
    return False

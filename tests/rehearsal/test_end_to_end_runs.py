"""A second run changes nothing, nor does one after a power cut; outside the rehearsal no stand-in is met."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rehearsal import engine
from rehearsal.testhosts import hosts, network, processes, settings
from rehearsal.testhosts.commands import execute, netns_path
from tests.rehearsal.support import SIX, Rehearsed
from toolchain.places import ROOT

pytestmark = pytest.mark.rehearsal


def test_a1_04_second_run_changes_nothing(rehearsed: Rehearsed) -> None:
    before = {str(r["urn"]) for r in rehearsed.at.resources()}
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal", "up"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    print(f"second run: {time.monotonic() - begun:.1f} s, checks included\n{done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(rehearsed.at.summary.read_text())
    assert found["changed"] == {}
    assert found["contacted"] == sorted(SIX)
    names = {engine.name_of(urn) for urn in before if "pulumi:providers" not in urn}
    assert names - set(found["same"]) == set(), "not seen as same in the event log"


def test_a1_04_after_a_power_cut_everything_comes_back_as_it_was(rehearsed: Rehearsed) -> None:
    """This machine goes off with all that runs on it: what is left is what lay on its disk."""
    before = {str(r["urn"]): r.get("id") for r in rehearsed.at.resources()}
    assert hosts.running().keys() == set(SIX)
    # With the process that holds a host together everything in the host ends.
    ended = processes.survivors()
    for one in ended:
        processes.send(one, signal.SIGKILL)
    assert processes.wait_gone(ended, 60.0) == []
    for namespace in network.namespaces():
        # The file stays: a name of nothing. Those that the cloud made were mounted for the cloud alone.
        execute(["umount", str(netns_path(namespace))], accept=(0, 32))
        assert not network.exists(namespace)
    assert not hosts.running()
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal", "up"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert hosts.running().keys() == set(SIX)
    assert {str(r["urn"]): r.get("id") for r in rehearsed.at.resources()} == before
    assert json.loads(rehearsed.at.summary.read_text())["changed"] == {}


def test_a1_04_an_edit_is_no_same() -> None:
    """The control: the same reading of the event log does find a change."""
    outcome = engine.Outcome()
    urn = "urn:pulumi:local::fleet::a$hosts:index:State::ground-x"
    state = {"outputs": {"host": "x", "observed": "ok"}}
    outcome.hear({"resOutputsEvent": {"metadata": {"op": "refresh", "urn": urn, "new": state}}})
    outcome.hear({"resOutputsEvent": {"metadata": {"op": "update", "urn": urn, "new": state}}})
    outcome.hear({"resOutputsEvent": {"metadata": {"op": "same", "urn": urn, "new": state}}})
    assert outcome.changed == {"ground-x": "update"}
    assert outcome.contacted == {"x"}


def test_a1_11_no_stand_in_outside_the_rehearsal(rehearsed: Rehearsed, tmp_path: Path) -> None:
    env = dict(rehearsed.env)
    with_home = engine.pulumi(env, "preview", "--stack", engine.STACK, namespace=settings.internet())
    assert with_home.returncode == 0, with_home.stdout + with_home.stderr
    del env["PULUMI_HOME"]
    # The default home is below HOME: an empty one, so that what this machine has installed does not decide.
    env["HOME"] = str(tmp_path)
    without = engine.pulumi(env, "preview", "--stack", engine.STACK)
    said = without.stdout + without.stderr
    assert without.returncode != 0
    packages = ("digitalocean", "aws", "gcp", "github", "nomad", "vault", "consul")
    asked = [name for name in packages if f"pulumi-resource-{name}" in said or f"{name} v" in said]
    assert asked, said

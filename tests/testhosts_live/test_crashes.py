"""Hosts and whole runs that end early: what was written stays, what is left is found, and it goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rehearsal.testhosts import clean, commands, dns, hosts, network, processes, settings
from rehearsal.testhosts.hosts import Spec
from tests.testhosts_live.near import ALPHA, BETA, REPOSITORY, spec, ssh

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux"),
]


@pytest.mark.usefixtures("pair")
def test_starting_what_runs_changes_nothing(key: Path) -> None:
    before = hosts.running()
    started = time.monotonic()
    network.up()
    hosts.start(spec(*ALPHA, key))
    assert hosts.running() == before
    assert time.monotonic() - started < hosts.READY_SECONDS / 2


@pytest.mark.usefixtures("pair")
def test_a_host_whose_sshd_went_silent_still_counts_as_started(key: Path) -> None:
    ssh(key, "root@10.78.1.1", "sv force-stop /etc/service/sshd || true", check=False)
    assert hosts.banner("10.78.1.1", 0.5) == ""
    started = time.monotonic()
    hosts.start(spec(*ALPHA, key))
    assert time.monotonic() - started < hosts.READY_SECONDS / 2
    hosts.reboot("alpha")
    assert hosts.banner("10.78.1.1", 10.0).startswith("SSH-")


@pytest.mark.usefixtures("pair")
def test_a_killed_host_comes_back_with_what_it_wrote_and_its_host_key(key: Path) -> None:
    identity = "cat /etc/ssh/ssh_host_ed25519_key.pub"
    before = ssh(key, "root@10.78.1.1", f"echo kept >/root/note; sync; {identity}").stdout
    hosts.kill("alpha")
    assert "alpha" not in hosts.running()
    assert ssh(key, "root@10.78.1.1", "true", check=False).returncode == 255
    hosts.start(hosts.spec_of("alpha"))
    assert ssh(key, "root@10.78.1.1", f"cat /root/note; {identity}").stdout == f"kept\n{before}"


@pytest.mark.usefixtures("pair")
def test_a_wiped_host_is_a_new_one(key: Path) -> None:
    identity = "cat /etc/ssh/ssh_host_ed25519_key.pub"
    before = ssh(key, "root@10.78.1.2", identity).stdout
    hosts.stop("beta", wipe=True)
    hosts.start(spec(*BETA, key))
    assert ssh(key, "root@10.78.1.2", identity).stdout != before


@pytest.mark.usefixtures("pair")
def test_a_disk_whose_base_is_gone_is_named_and_makes_way_for_a_new_one(key: Path) -> None:
    identity = "cat /etc/ssh/ssh_host_ed25519_key.pub"
    before = ssh(key, "root@10.78.1.2", identity).stdout
    hosts.stop("beta")
    assert hosts.baseless() == []
    note = hosts.folder("beta") / "base"
    # As after the folder of what was downloaded was emptied.
    note.write_text("base-of-another-day\n")
    assert hosts.baseless() == ["beta"]
    hosts.start(spec(*BETA, key))
    assert hosts.baseless() == []
    assert ssh(key, "root@10.78.1.2", identity).stdout != before


CRASH = """
import os, sys, threading
from rehearsal.testhosts import dns, hosts, network
network.up()
threading.Timer(float(sys.argv[1]), lambda: os.kill(os.getpid(), 9)).start()
dns.serve()
for number in range(5, 60):
    hosts.start(hosts.Spec(f"crash-{number}", f"10.78.2.{number}", f"fd78::2:{number}", {"root": []}))
"""


@pytest.mark.parametrize("seconds", ["0.01", "0.05", "0.15", "0.3", "0.6", "1.1"])
def test_after_a_crash_at_any_moment_a_cleaning_leaves_nothing(seconds: str) -> None:
    crashed = subprocess.run([sys.executable, "-c", CRASH, seconds], cwd=REPOSITORY, check=False, capture_output=True)
    assert crashed.returncode == -signal.SIGKILL
    left = clean.traces()
    assert left.namespaces
    assert left.mounts
    assert left.routes
    assert left.files
    clean.all()
    assert clean.traces() == clean.Traces((), (), (), (), (), (), ())
    clean.all()


def test_who_runs_inside_the_internet_can_start_and_clean_too() -> None:
    network.up()
    work = (
        "from rehearsal.testhosts import clean, hosts, network; network.up();"
        "hosts.start(hosts.Spec('delta', '10.78.1.4', 'fd78::1:4', {'root': []}));"
        "print(*hosts.running()); clean.all()"
    )
    enter = ["nsenter", f"--net={commands.netns_path(settings.internet())}", "--", sys.executable, "-c", work]
    assert subprocess.run(enter, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout == "delta\n"
    assert not clean.traces()


def test_an_interrupted_start_goes_on(key: Path) -> None:
    for seconds in ("0.02", "0.1", "0.2"):
        subprocess.run([sys.executable, "-c", CRASH, seconds], cwd=REPOSITORY, check=False, capture_output=True)
    network.up()
    hosts.start(Spec("crash-5", "10.78.2.5", "fd78::2:5", {"root": [key.with_suffix(".pub").read_text()]}))
    dns.serve()
    assert hosts.banner("10.78.2.5", 10.0).startswith("SSH-2.0")


def test_the_look_for_traces_sees_each_kind(key: Path) -> None:
    network.up()
    for name, ipv4, ipv6 in (ALPHA, BETA):
        hosts.start(spec(name, ipv4, ipv6, key))
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(settings.folder("mounted"))], check=True)
    subprocess.run(["ip", "link", "add", settings.bridge(), "type", "bridge"], check=True)
    found = clean.traces()
    assert all(getattr(found, kind) for kind in vars(found)), found
    assert any("runsvdir" in one for one in found.processes)
    assert str(settings.folder("mounted")) in found.mounts
    subprocess.run(["ip", "link", "del", settings.bridge()], check=True)
    clean.all()
    assert not clean.traces()
    assert processes.survivors() == []

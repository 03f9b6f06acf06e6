"""The ground of real test hosts, over ssh: applied, found unchanged, drifted, emptied again, cut off, rebooted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.testhosts import commands, hosts, packages, settings
from rehearsal.testhosts.hosts import Spec
from tests.hostconfig.samples import sample
from tests.own_rehearsal import own_rehearsal

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux"),
]
ROOT = Path(__file__).resolve().parents[2]
NAMES = ("one", "two", "three")


class Fleet:
    """Three hosts, the operator's key, and what is wanted of each."""

    def __init__(self, folder: Path) -> None:
        self.key = folder / "id_ed25519"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        self.public = self.key.with_suffix(".pub").read_text().strip()
        self.keys: dict[str, str | None] = dict.fromkeys(NAMES)

    def spec(self, name: str) -> Spec:
        """The machine as a cloud would start it."""
        number = NAMES.index(name) + 1
        return Spec(name, f"10.80.1.{number}", f"fd80::1:{number}", {"root": [self.public]})

    def target(self, name: str, **changes: Any) -> dict[str, Any]:
        """A target of the runner, with the named fields of the desired state replaced."""
        number = NAMES.index(name) + 1
        data = sample(hostname=name, fqdn=f"{name}.m.fleet.example", hosts_file={}, packages={"tree": "a look around"})
        data["users"]["deploy"]["keys"] = [self.public]
        data["resolver"]["forward"] = [settings.dns4()]
        data["time"]["servers"] = [settings.gateway4()]
        others = {
            peer: {"key": key, "address": f"10.99.0.{i}", "endpoint": f"10.80.1.{i}:51820"}
            for i, (peer, key) in enumerate(self.keys.items(), 1)
            if peer != name
        }
        data["fabric"] |= {"address": f"10.99.0.{number}", "document": {"peers": {}}, "joining": others}
        return {
            "host": name,
            "address": f"10.80.1.{number}",
            "users": ["deploy", "root"],
            "key_path": str(self.key),
            "desired": data | changes,
        }

    def run(self, mode: str, *targets: dict[str, Any]) -> dict[str, Any]:
        """The runner, from the internet's namespace, as the operator has it."""
        enter = [commands.tool("nsenter"), f"--net={commands.netns_path(settings.internet())}", "--"]
        request = json.dumps({"mode": mode, "targets": targets or [self.target(name) for name in NAMES]})
        command = [*enter, sys.executable, "-m", "hostconfig.run"]
        done = subprocess.run(command, input=request, text=True, capture_output=True, cwd=ROOT, check=True, timeout=300)
        assert "Traceback" not in done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def inside(self, name: str, script: str) -> str:
        """What a script says inside a host."""
        done = hosts.execute_in(name, "sh", "-c", script, check=False)
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Three hosts, configured once; each test leaves them as they should be."""
    with own_rehearsal("ground", "fg", "10.80"):
        made = Fleet(tmp_path_factory.mktemp("operator"))
        for name in NAMES:
            hosts.start(made.spec(name))
        server = packages.serve()
        first = made.run("apply")
        assert [(result["error"], result["user"]) for result in first.values()] == [(None, "root")] * 3
        for name in NAMES:
            made.keys[name] = made.inside(name, "wg show fabric0 public-key").strip()
        second = made.run("apply")
        assert [result["error"] for result in second.values()] == [None] * 3
        yield made
        server.shutdown()


def test_a1_04_a_second_apply_changes_nothing(fleet: Fleet) -> None:
    for result in fleet.run("apply").values():
        assert (result["ok"], result["operations"], result["changed"], result["user"]) == (True, 0, [], "deploy")


def test_every_service_does_its_work(fleet: Fleet) -> None:
    assert "1 received" in fleet.inside("one", "ping -c 1 -w 20 10.99.0.3")
    assert "version" in fleet.inside("two", "unbound-control status")
    assert fleet.inside("three", "cat /proc/sys/net/ipv4/ip_forward").strip() == "1"
    offered = fleet.inside("one", "/usr/sbin/sshd -T")
    assert "permitrootlogin no" in offered
    assert "ripemd" not in offered


def test_a1_05_what_leaves_the_data_leaves_the_host_and_no_other_host_is_touched(fleet: Fleet) -> None:
    opened = fleet.target("one")["desired"]["firewall"]
    opened = {**opened, "openings": {**opened["openings"], "web": {"proto": "tcp", "ports": "8443", "from": ["world"]}}}
    people = fleet.target("one")["desired"]["users"]
    people = {**people, "alice": {"groups": ["ops"], "keys": [fleet.public]}}
    more = fleet.target(
        "one", firewall=opened, users=people, packages={"tree": "x", "jq": "y"}, sysctl={"net.ipv4.tcp_syncookies": "0"}
    )
    look = (
        "id -nG alice; command -v jq; nft list table inet fleet | grep -c 8443; cat /proc/sys/net/ipv4/tcp_syncookies"
    )
    done = fleet.run("apply", more, fleet.target("two"))
    assert (done["one"]["error"], done["two"]["operations"]) == (None, 0)
    assert fleet.inside("one", look).split() == ["alice", "ops", "/usr/bin/jq", "1", "0"]
    done = fleet.run("apply", fleet.target("one"))
    assert done["one"]["error"] is None
    assert fleet.inside("one", look).splitlines()[:2] == ["0", "1"], "alice, jq, the rule and the setting are gone"
    assert "deploy" in fleet.inside("one", "ls /etc/ssh/authorized_keys.d")
    assert "alice" not in fleet.inside("one", "ls /etc/ssh/authorized_keys.d; cat /etc/group")


def test_a1_06_drift_is_named_and_a_hand_edit_stops_only_its_host(fleet: Fleet) -> None:
    fleet.inside("one", "echo '# by hand' >> /etc/ssh/sshd_config; sv down unbound")
    fleet.inside("two", "nft add rule inet fleet input tcp dport 999 accept")
    hosts.stop("three")
    found = fleet.run("read")
    assert found["one"]["drift"] == {"/etc/ssh/sshd_config": "edited by hand", "service unbound": "down"}
    assert found["two"]["drift"] == {"firewall": "rules differ from what was applied"}
    assert found["three"]["error"].startswith("unreachable: 10.80.1.3")
    hosts.start(fleet.spec("three"))
    done = fleet.run("apply")
    assert "/etc/ssh/sshd_config: edited by hand" in done["one"]["error"]
    assert "firewall: rules changed by hand" in done["two"]["error"]
    assert done["three"]["ok"]
    assert "# by hand" in fleet.inside("one", "cat /etc/ssh/sshd_config")
    names = {"acknowledged": ["/etc/ssh/sshd_config", "firewall"]}
    done = fleet.run("apply", *({**fleet.target(name), **names} for name in NAMES))
    assert [result["error"] for result in done.values()] == [None] * 3
    assert all(result["drift"] == {} for result in fleet.run("read").values())


def test_a1_07_a_host_that_is_cut_off_fails_alone_and_the_next_apply_does_only_the_rest(fleet: Fleet) -> None:
    hosts.link("two", up=False)
    wider = [fleet.target(name, packages={"tree": "x", "jq": "y"}) for name in NAMES]
    done = fleet.run("apply", *wider)
    hosts.link("two", up=True)
    assert [done[name]["ok"] for name in NAMES] == [True, False, True]
    assert done["two"]["error"].startswith("unreachable: 10.80.1.2")
    done = fleet.run("apply", *wider)
    assert [bool(done[name]["operations"]) for name in NAMES] == [False, True, False]
    assert all(result["ok"] for result in fleet.run("apply").values())


def test_a1_07_a_host_that_falls_silent_in_mid_run_fails_alone_and_soon(fleet: Fleet) -> None:
    wider = [fleet.target(name, packages={"tree": "x", "git": "takes a while"}) for name in NAMES]

    def cut() -> None:
        """Cuts the host off once it is at work."""
        end = time.monotonic() + 60
        while hosts.execute_in("two", "pgrep", "-x", "apt-get|dpkg", check=False).returncode and time.monotonic() < end:
            time.sleep(0.05)
        hosts.link("two", up=False)

    cutting = threading.Thread(target=cut)
    cutting.start()
    done = fleet.run("apply", *wider)
    cutting.join()
    hosts.link("two", up=True)
    assert [done[name]["ok"] for name in NAMES] == [True, False, True]
    assert "broke off" in done["two"]["error"]
    assert done["two"]["seconds"] < 60
    # The host may still be busy with the packages; the next apply waits for it.
    assert all(result["ok"] for result in fleet.run("apply", *wider).values())
    assert all(result["ok"] for result in fleet.run("apply").values())


def test_a1_09_the_private_key_is_nowhere_but_in_its_file(fleet: Fleet) -> None:
    key = fleet.inside("one", "cat /etc/wireguard/fabric0.key").strip()
    public = fleet.inside("one", "wg show fabric0 public-key").strip()
    search = "grep -rlF -e '{0}' /etc /tmp /run /var /usr/local /root /home 2>/dev/null"
    assert fleet.inside("one", search.format(key)).split() == ["/etc/wireguard/fabric0.key"]
    assert fleet.inside("two", search.format(public)).split(), "the search finds what is there"
    assert key not in json.dumps(fleet.run("read"))


def test_a_reboot_brings_everything_back(fleet: Fleet) -> None:
    hosts.reboot("three")
    found = fleet.run("apply", fleet.target("three"))["three"]
    assert (found["error"], found["changed"]) == (None, [])
    assert "1 received" in fleet.inside("three", "ping -c 1 -w 20 10.99.0.1")


def test_another_machine_at_the_address_is_not_trusted(fleet: Fleet) -> None:
    right = " ".join(fleet.inside("one", "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2])
    wrong = " ".join(fleet.inside("two", "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2])
    assert fleet.run("read", {**fleet.target("one"), "host_key": right})["one"]["ok"]
    found = fleet.run("read", {**fleet.target("one"), "host_key": wrong})["one"]
    assert found["error"].startswith("host key of 10.80.1.1 is not the recorded one")


def test_a_config_that_fails_its_test_is_not_put_in_place(fleet: Fleet) -> None:
    before = fleet.inside("one", "sha256sum /etc/unbound/unbound.conf")
    fleet.inside(
        "one", "printf '#!/bin/sh\\nexit 1\\n' > /usr/local/sbin/unbound-checkconf; chmod 755 /usr/local/sbin/*"
    )
    resolver = {**fleet.target("one")["desired"]["resolver"], "stubs": {}}
    found = fleet.run("apply", fleet.target("one", resolver=resolver))["one"]
    fleet.inside("one", "rm /usr/local/sbin/unbound-checkconf")
    assert "/etc/unbound/unbound.conf: the new text failed its test on the host, the old file stays" in found["error"]
    assert fleet.inside("one", "sha256sum /etc/unbound/unbound.conf") == before
    assert fleet.run("apply", fleet.target("one"))["one"]["error"] is None

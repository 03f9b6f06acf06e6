"""Three control hosts and another one: enrolled over ssh by any authority, renewed, refused; https certified."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import pytest

from rehearsal.testhosts import commands, hosts, packages, settings
from tests.own_rehearsal import own_rehearsal
from tests.parts_live.certified import HOSTS, LEAF, LOG, NAMES, ROOT, VOTERS, Fleet, inner
from tests.servers.real import wait_for

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux"),
]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Four hosts, configured once. No agent of Nomad, Consul or Vault is anywhere."""
    with own_rehearsal("certificates", "fc", "10.86"):
        made = Fleet(tmp_path_factory.mktemp("operator"))
        for name in HOSTS:
            hosts.start(made.spec(name))
        server = packages.serve()
        made.born()
        made.run("apply")
        for name in HOSTS:
            made.keys[name] = made.inside(name, "wg show fabric0 public-key").strip()
        made.run("apply")
        yield made
        made.directory.stop()
        server.shutdown()


def test_every_host_is_enrolled_and_has_the_gossip_keys(fleet: Fleet) -> None:
    for name in HOSTS:
        fleet.until("a leaf and the gossip key", name, f"[ -s {LEAF} ] && [ -s /etc/fleet/gossip/consul ]", 90)
        said = fleet.inside(
            name, f"openssl verify -no-CApath -CAfile /etc/fleet/pki/ca.pem {LEAF}; sv status fleet-renew"
        )
        assert f"{LEAF}: OK" in said
    assert [fleet.issuer(name) for name in VOTERS] == [*VOTERS], "each by itself"
    assert fleet.issuer("four") in VOTERS, "by whichever answered first"
    assert len({fleet.inside(name, "cat /etc/fleet/gossip/consul") for name in HOSTS}) == 1
    assert "stat" in fleet.inside("four", "stat /etc/fleet/gossip/nomad")
    modes = fleet.inside("two", "stat -c '%a %U:%G' /etc/fleet/authority/ca.key /etc/fleet/pki/leaf.key")
    assert modes.split("\n")[:2] == ["600 fleet-ca:root", "640 root:fleet-pki"]


def test_a_second_apply_changes_nothing(fleet: Fleet) -> None:
    for result in fleet.run("apply").values():
        assert (result["operations"], result["changed"]) == (0, [])
    assert all(result["drift"] == {} for result in fleet.run("read").values())


def test_with_an_authority_dead_another_enrols(fleet: Fleet) -> None:
    hosts.kill("one")
    fleet.inside("four", f"rm {LEAF}; sv restart /etc/service/fleet-renew")
    took = fleet.until("a leaf by another authority", "four", f"[ -s {LEAF} ]", 30)
    said = fleet.inside("four", "tail -n 12 /var/log/fleet-renew/current")
    assert fleet.issuer("four") == "three", said
    print(f"enrolled in {took:.1f} s with the first authority dead")
    hosts.start(fleet.spec("one"))
    fleet.until("the first authority again", "four", f"ping -c 1 -W 1 {inner('one')}", 30)


def test_another_s_names_a_shell_and_a_forward_are_refused(fleet: Fleet) -> None:
    ssh = (
        "ssh -T -F /dev/null -i /etc/ssh/ssh_host_ed25519_key -o BatchMode=yes -o StrictHostKeyChecking=yes "
        f"-o UserKnownHostsFile=/etc/fleet/pki/known_hosts fleet-ca@{inner('three')}"
    )
    new = "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj"
    said = fleet.inside("four", f"{new} /CN=one.m.fleet.example 2>/dev/null | {ssh} sign")
    assert said.strip().endswith("three refuses four: the request is for another name than four.m.fleet.example")
    assert "refuses four: the one thing to ask for is" in fleet.inside("four", f"{ssh} id")
    assert "refuses four: the one thing to ask for is" in fleet.inside("four", f"{ssh} </dev/null")
    tunnel = f"timeout 5 {ssh} -W {inner('three')}:22 </dev/null; echo ended $?"
    assert "ended 255" in fleet.inside("four", tunnel), "forwarding is prohibited"
    stranger = "ssh-keygen -q -t ed25519 -N '' -f /root/other; " + ssh.replace(
        "/etc/ssh/ssh_host_ed25519_key", "/root/other"
    )
    assert "Permission denied" in fleet.inside("four", f"{stranger} sign -o IdentitiesOnly=yes")
    log = fleet.inside("three", f"cat {LOG}")
    assert "four refused: the request is for another name" in log
    assert "four signed serial" in log


def test_leaves_are_renewed_by_the_loop_and_agents_are_told(fleet: Fleet) -> None:
    run = "#!/bin/sh\ntrap 'echo hup >> /root/heard' HUP\nwhile :; do sleep 0.1; done\n"
    fleet.inside("four", f"mkdir -p /etc/sv/agent; rm -f /root/heard; cat > /etc/sv/agent/run <<'END'\n{run}END")
    fleet.inside("four", "chmod 755 /etc/sv/agent/run; ln -s /etc/sv/agent /etc/service/agent")
    fleet.until("the agent", "four", "sv status /etc/service/agent | grep -q ^run", 30)
    before = {name: fleet.serial(name) for name in HOSTS}
    fleet.pki = {"leaf_days": 2, "renew_days": 40, "wakes": ["agent"]}
    fleet.run("apply")
    for name in HOSTS:
        fleet.until("another leaf", name, f'[ "$(openssl x509 -in {LEAF} -noout -serial)" != {before[name].strip()} ]')
    fleet.until("the agent hears of it", "four", "grep -q hup /root/heard", 10)
    seen = {fleet.serial("four")}
    for _ in range(2):
        fleet.inside("four", "/usr/local/sbin/fleet-renew")
        seen.add(fleet.serial("four"))
    assert len(seen) == 3, "each round renews while fewer days than wanted are left"
    fleet.inside("four", "rm /etc/service/agent; rm -rf /etc/sv/agent")
    fleet.pki = {}
    fleet.run("apply")
    for name in HOSTS:
        fleet.until("a month again", name, f"openssl x509 -in {LEAF} -noout -checkend $((20 * 86400))")


def test_no_private_key_is_anywhere_but_in_its_file(fleet: Fleet) -> None:
    for key in ("/etc/fleet/authority/ca.key", "/etc/fleet/pki/leaf.key"):
        line = fleet.inside("two", f"sed -n 2p {key}").strip()
        assert len(line) == 64
        search = f"grep -rlF -e '{line}' /etc /tmp /run /var /usr/local /root /home 2>/dev/null"
        assert fleet.inside("two", search).split() == [key]
    line = fleet.inside("two", "cat /etc/fleet/gossip/consul").strip()
    search = f"grep -rlF -e '{line}' /etc /tmp /run /var /usr/local /root /home 2>/dev/null"
    assert fleet.inside("two", search).split() == ["/etc/fleet/gossip/consul"]


def test_the_way_in_is_there_before_any_certificate_and_with_no_agent(fleet: Fleet) -> None:
    for name in VOTERS:
        said = fleet.client(name, "/v1/jobs", NAMES["nomad"], "-k")
        assert said.stdout == "Nomad does not answer on any control host\n"
        assert "self-signed certificate" in fleet.client(name, "/", NAMES["vault"]).stderr


def convinced(fleet: Fleet, name: str, host: str) -> subprocess.CompletedProcess[str] | None:
    """What a client hears that trusts the certificate."""
    said = fleet.client(name, "/v1/x", host, "-i")
    return said if said.stdout else None


def test_a_certificate_comes_by_itself_and_a_client_is_convinced(fleet: Fleet) -> None:
    fleet.directory.start()
    for name in VOTERS:
        # Every name leads to "one": the others' challenges are found over the fabric.
        fleet.inside(name, "sv restart /etc/service/fleet-acme")
    for name in VOTERS:
        took = fleet.until("a certificate", name, "[ -e /var/lib/fleet/acme/live.pem.before ]", 120)
        print(f"{name}: certificate after {took:.0f} s more")
        for system, host in NAMES.items():
            # It is there a moment before the door shows it.
            said = wait_for("a client that is convinced", partial(convinced, fleet, name, host))
            assert f"{system.capitalize()} does not answer on any control host" in said.stdout, said.stderr
            assert "strict-transport-security: max-age=31536000" in said.stdout.lower()
    fleet.directory.stop()


def test_after_a_reboot_the_last_good_certificate_is_served_at_once(fleet: Fleet) -> None:
    hosts.reboot("three")
    fleet.until("nginx", "three", "kill -0 $(cat /run/fleet-ways-in.pid)", 30)
    assert "does not answer" in fleet.client("three", "/v1/x", NAMES["vault"]).stdout
    assert fleet.run("apply", "three")["three"]["changed"] == []


def test_what_leaves_the_data_leaves_the_host(fleet: Fleet) -> None:
    target = fleet.target("four")
    bare = {**target, "desired": {key: value for key, value in target["desired"].items() if key != "pki"}}
    request = json.dumps({"mode": "apply", "targets": [bare]})
    enter = [commands.tool("nsenter"), f"--net={commands.netns_path(settings.internet())}", "--"]
    command = [*enter, sys.executable, "-m", "hostconfig.run"]
    done = subprocess.run(command, input=request, text=True, capture_output=True, cwd=ROOT, check=True, timeout=300)
    assert json.loads(done.stdout)["four"]["error"] is None
    left = fleet.inside("four", "ls /usr/local/sbin /etc/sv /etc/service; getent group fleet-pki")
    assert "fleet-renew" not in left
    assert "fleet-pki" not in left
    fleet.run("apply", "four")

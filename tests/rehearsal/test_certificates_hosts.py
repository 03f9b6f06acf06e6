"""Three control hosts and another one: enrolled over ssh by any authority, renewed, refused; https certified."""

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

from providers.hosts.identity import _MAKE_AUTHORITY, _script
from rehearsal.testhosts import base, clean, commands, hosts, packages, settings
from rehearsal.testhosts.hosts import Spec
from tests.hostconfig.samples import sample

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux"),
]
ROOT = Path(__file__).resolve().parents[2]
VOTERS = ("one", "two", "three")
HOSTS = (*VOTERS, "four")
NAMES = {"nomad": "nomad.fleet.example", "consul": "consul.fleet.example", "vault": "vault.fleet.example"}
LEAF, LOG = "/etc/fleet/pki/leaf.pem", "/var/lib/fleet/authority.log"


class Directory:
    """Pebble and its names, in the internet's namespace at the bridge's address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = settings.gateway4()
        folder.mkdir()
        new = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        words = ["openssl", "req", *new, "-subj", "/CN=pebble", "-addext", f"subjectAltName=IP:{self.address}"]
        out = ["-keyout", str(folder / "key"), "-out", str(folder / "trust.pem")]
        subprocess.run([*words, *out], check=True, capture_output=True)
        listens = {"listenAddress": f"{self.address}:14000", "managementListenAddress": f"{self.address}:15000"}
        keys = {"certificate": str(folder / "trust.pem"), "privateKey": str(folder / "key")}
        (folder / "config").write_text(json.dumps({"pebble": {**listens, **keys, "httpPort": 80, "tlsPort": 443}}))
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def trust(self) -> str:
        """Whom to trust for the directory itself."""
        return (self.folder / "trust.pem").read_text()

    def start(self) -> None:
        """Both, with an empty memory. Every name is at one of the control hosts, whoever asks."""
        enter = [commands.tool("nsenter"), f"--net={commands.netns_path(settings.internet())}", "--"]
        off = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-management", "127.0.0.1:8055"]
        names = ["pebble-challtestsrv", "-dns01", "127.0.0.1:8053", *off, "-defaultIPv4", at("one"), "-defaultIPv6", ""]
        directory = ["pebble", "-config", str(self.folder / "config"), "-dnsserver", "127.0.0.1:8053"]
        env = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PATH": "/usr/bin:/bin"}
        with (self.folder / "log").open("ab") as log:
            for command in (names, directory):
                self.processes.append(subprocess.Popen([*enter, *command], env=env, stdout=log, stderr=log))

    def stop(self) -> None:
        """End both."""
        for process in self.processes:
            process.terminate()
            process.wait(10)
        self.processes = []


def at(name: str) -> str:
    """A host's public address."""
    return f"{settings.subnet()}.1.{HOSTS.index(name) + 1}"


def inner(name: str) -> str:
    """A host's address on the fabric."""
    return f"10.99.0.{HOSTS.index(name) + 1}"


class Fleet:
    """Four hosts, the operator's key, and what is wanted of each."""

    def __init__(self, folder: Path) -> None:
        self.key = folder / "id_ed25519"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        self.public = self.key.with_suffix(".pub").read_text().strip()
        self.keys: dict[str, str | None] = dict.fromkeys(HOSTS)
        self.shown: dict[str, str] = {}
        self.certificates: dict[str, str] = {}
        self.pki: dict[str, Any] = {}
        self.directory = Directory(folder / "pebble")

    def spec(self, name: str) -> Spec:
        """The machine as a cloud would start it."""
        return Spec(name, at(name), users={"root": [self.public]})

    def born(self) -> None:
        """What Identity would have made and told."""
        for name in HOSTS:
            self.shown[name] = " ".join(self.inside(name, "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2])
        for name in VOTERS:
            script = _script("umask 077\n" + _MAKE_AUTHORITY, {"fabric_interface": "x", "host": name}, "mark")
            self.inside(name, script)
            self.certificates[name] = self.inside(name, "cat /etc/fleet/authority/ca.pem")

    def enrolled(self, name: str) -> dict[str, Any]:
        """A host and its names, as the plan gives them."""
        names = [name, f"{name}.m.fleet.example", inner(name), "127.0.0.1", "localhost", "client.global.nomad"]
        if name in VOTERS:
            names += ["server.global.nomad", "server.dc1.consul", "vault.service.consul"]
        fqdn = f"{name}.m.fleet.example"
        return {"address": inner(name), "fqdn": fqdn, "ssh_host_key": self.shown[name], "names": names}

    def target(self, name: str) -> dict[str, Any]:
        """A target of the runner."""
        data = sample(hostname=name, fqdn=f"{name}.m.fleet.example", hosts_file={}, packages={})
        data["users"]["deploy"]["keys"] = [self.public]
        data["resolver"]["forward"] = [settings.dns4()]
        data["time"]["servers"] = [settings.gateway4()]
        others = {
            peer: {"key": key, "address": inner(peer), "endpoint": f"{at(peer)}:51820"}
            for peer, key in self.keys.items()
            if peer != name
        }
        data["fabric"] |= {"address": inner(name), "document": {"peers": {}}, "joining": others}
        voter = name in VOTERS
        authorities = {
            it: {"address": inner(it), "ssh_host_key": self.shown[it], "certificate": self.certificates[it]}
            for it in VOTERS
        }
        enrolled = {it: self.enrolled(it) for it in (HOSTS if voter else (name,))}
        data["pki"] = {"authorities": authorities, "hosts": enrolled, "authority": voter, **self.pki}
        if voter:
            data["ssh"] = {**data["ssh"], "allow_groups": ["fleet-ca", *data["ssh"]["allow_groups"]]}
            for port in ("80", "443"):
                data["firewall"]["openings"][f"web-{port}"] = {"proto": "tcp", "ports": port, "from": ["world"]}
            data["ways_in"] = {
                "names": NAMES,
                "acme": {
                    "directory": f"https://{settings.gateway4()}:14000/dir",
                    "contact": "mailto:root@fleet.example",
                    "trust": self.directory.trust,
                },
                "servers": {it: inner(it) for it in VOTERS},
                "own": name,
                "region": "global",
                "datacenter": "dc1",
            }
        users = ["deploy", "root"]
        return {"host": name, "address": at(name), "users": users, "key_path": str(self.key), "desired": data}

    def run(self, mode: str, *names: str) -> dict[str, Any]:
        """The runner, from the internet's namespace, as the operator has it."""
        enter = [commands.tool("nsenter"), f"--net={commands.netns_path(settings.internet())}", "--"]
        request = json.dumps({"mode": mode, "targets": [self.target(name) for name in names or HOSTS]})
        command = [*enter, sys.executable, "-m", "hostconfig.run"]
        done = subprocess.run(command, input=request, text=True, capture_output=True, cwd=ROOT, check=True, timeout=300)
        found: dict[str, Any] = json.loads(done.stdout)
        assert [result["error"] for result in found.values()] == [None] * len(found), done.stderr
        return found

    def inside(self, name: str, script: str) -> str:
        """What a script says inside a host."""
        done = hosts.execute_in(name, "sh", "-c", script, check=False)
        return done.stdout + done.stderr

    def until(self, what: str, name: str, condition: str, seconds: float = 60.0) -> float:
        """Wait for a condition inside a host; how long it took."""
        started = time.monotonic()
        while hosts.execute_in(name, "sh", "-c", condition, check=False).returncode != 0:
            if time.monotonic() - started > seconds:
                said = self.inside(name, "tail -n 30 /var/log/fleet-*/current; sv status /etc/service/*")
                raise AssertionError(f"{name}: {what} not within {seconds:.0f} s\n{said}")
            time.sleep(0.2)
        return time.monotonic() - started

    def issuer(self, name: str) -> str:
        """Who signed a host's leaf."""
        return self.inside(name, f"openssl x509 -in {LEAF} -noout -issuer").split("CN = ")[1].split()[0]

    def serial(self, name: str) -> str:
        """A host's present leaf."""
        return self.inside(name, f"openssl x509 -in {LEAF} -noout -serial")

    def client(self, name: str, path: str, host: str, *more: str) -> subprocess.CompletedProcess[str]:
        """curl in the internet, at one control host, believing only pebble's root."""
        enter = [commands.tool("nsenter"), f"--net={commands.netns_path(settings.internet())}", "--"]
        root = self.directory.folder / "root"
        roots = [*enter, "curl", "-s", "--cacert", str(self.directory.folder / "trust.pem")]
        said = subprocess.run([*roots, f"https://{settings.gateway4()}:15000/roots/0"], text=True, capture_output=True)
        if said.returncode == 0 or not root.exists():
            root.write_text(said.stdout or self.directory.trust)
        words = ["curl", "-sS", "--cacert", str(root), "--resolve", f"{host}:443:{at(name)}", *more]
        return subprocess.run([*enter, *words, f"https://{host}{path}"], text=True, capture_output=True, timeout=30)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Four hosts, configured once. No agent of Nomad, Consul or Vault is anywhere."""
    with pytest.MonkeyPatch.context() as patch:
        if "FLEET_NET_SUBNET" not in os.environ:
            patch.setenv("FLEET_RUN", f"{settings.run()}-certificates")
            patch.setenv("FLEET_NET_PREFIX", "fc")
            patch.setenv("FLEET_NET_SUBNET", "10.86")
        base.ensure()
        clean.all()
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
        clean.all()


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


def test_a_certificate_comes_by_itself_and_a_client_is_convinced(fleet: Fleet) -> None:
    fleet.directory.start()
    for name in VOTERS:
        # Every name leads to "one": the others' challenges are found over the fabric.
        fleet.inside(name, "sv restart /etc/service/fleet-acme")
    for name in VOTERS:
        took = fleet.until("a certificate", name, "[ -e /var/lib/fleet/acme/live.pem.before ]", 120)
        print(f"{name}: certificate after {took:.0f} s more")
        time.sleep(1)
        for system, host in NAMES.items():
            said = fleet.client(name, "/v1/x", host, "-i")
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

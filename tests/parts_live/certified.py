"""Four hosts with authorities of their own, and a way in over HTTPS."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from providers.hosts.identity import _MAKE_AUTHORITY, _script
from rehearsal.testhosts import commands, hosts, settings
from rehearsal.testhosts.hosts import Spec
from tests.hostconfig.samples import sample

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

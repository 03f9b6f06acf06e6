"""One mirror's front in a network of its own, with clients in another: real nginx, real packet filter, our own scripts.

Needs root. Everything is below a folder of the test's, and is gone when the plant is closed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hostconfig import front
from hostconfig.desired_front import Front
from hostconfig.front_places import SLOTS, Places
from tests.executable import executable
from tests.hostconfig.front_namespaces import clear_dead, remove

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "tests" / "load" / "client.py"
INSTANCE = ROOT / "tests" / "load" / "instance.py"
HOST, GUEST = "192.0.2.1", "192.0.2.2"
HOST_6, GUEST_6 = "2001:db8:1::1", "2001:db8:1::2"
FABRIC, FAR = "10.66.0.1", "10.66.0.2"
CONSUL = "http://127.0.0.1:8500"
FILES, SERVICE, OLD_NAME = "mirror.fleet.example", "app.fleet.example", "files.fleet.example"
TEXT = "a package\n" * 1000


def record(root: Path, **changes: Any) -> dict[str, Any]:
    """The desired front of the plant."""
    data: dict[str, Any] = {
        "hostname": "a-nyc-us",
        "fqdn": "a-nyc-us.m.fleet.example",
        "os": "debian",
        "interface": "fabric0",
        "address": FABRIC,
        "workers": 2,
        "keepalive": 5,
        "trees": {
            "mirror": {
                "names": [FILES],
                "root": str(root),
                "listing": True,
                "kinds": [{"endings": ["repodata"], "keep": 0}, {"endings": ["xbps", "xbps.sig"], "keep": 3600}],
            }
        },
        "services": {
            "app": {
                "names": [SERVICE],
                "consul": "app",
                "address": "198.18.0.1",
                "instances": 4,
                "timeout": 3,
                "below": [{"path": "/metrics", "closed": True}],
            }
        },
        "redirects": {OLD_NAME: FILES},
        "swap": {
            "share": 50,
            "watch": 2,
            "probes": [{"name": FILES, "path": "/package.xbps"}, {"name": SERVICE, "path": "/same"}],
            "longest_drain": 60,
        },
    }
    return data | changes


def health(*instances: tuple[str, int], failing: tuple[tuple[str, int], ...] = (), lost: bool = False) -> str:
    """What Consul says of a service."""
    node = {"CheckID": "serfHealth", "Status": "critical" if lost else "passing"}
    every = [(it, "passing") for it in instances] + [(it, "critical") for it in failing]
    return json.dumps(
        [
            {
                "Node": {"Address": address},
                "Service": {"Address": address, "Port": port},
                "Checks": [node, {"CheckID": "http", "Status": status}],
            }
            for (address, port), status in every
        ]
    )


@contextlib.contextmanager
def planted(**changes: Any) -> Iterator[Plant]:
    """A plant in a folder of its own; not in pytest's, for nginx's workers are nobody, and must come in."""
    clear_dead()
    with tempfile.TemporaryDirectory(prefix="front-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        made = Plant(folder, **changes)
        try:
            yield made
        finally:
            made.close()


class Plant:
    """The mirror and its client."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.running: list[subprocess.Popen[bytes]] = []
        self.mirror, self.client = (f"front-{os.getpid()}-{part}" for part in ("m", "c"))
        self.folder = folder
        self.place = Places.below(folder, CONSUL)
        self.tree = folder / "tree"
        self.tree.mkdir()
        (self.tree / "package.xbps").write_text(TEXT)
        self.catalog = folder / "catalog"
        self.catalog.mkdir()
        self.say("consul", health((FABRIC, 8300)))
        try:
            self._network()
        except BaseException:
            self.close()
            raise
        self.want(**changes)

    def _network(self) -> None:
        for name in (self.mirror, self.client):
            subprocess.run(["ip", "netns", "add", name], check=True)
        for ours, theirs in (("outside", "eth0"), ("fabric0", "far0")):
            words = ["link", "add", ours, "netns", self.mirror, "type", "veth", "peer", theirs, "netns", self.client]
            subprocess.run(["ip", *words], check=True)
        for name, device, address in (
            (self.mirror, "lo", ""),
            (self.client, "lo", ""),
            (self.mirror, "outside", f"{HOST}/24"),
            (self.client, "eth0", f"{GUEST}/24"),
            (self.mirror, "fabric0", f"{FABRIC}/24"),
            (self.client, "far0", f"{FAR}/24"),
            (self.mirror, "outside", f"{HOST_6}/64"),
            (self.client, "eth0", f"{GUEST_6}/64"),
        ):
            subprocess.run(["ip", "-n", name, "link", "set", device, "up"], check=True)
            nodad = ["nodad"] if ":" in address else []
            if address:
                subprocess.run(["ip", "-n", name, "address", "add", address, "dev", device, *nodad], check=True)

    def want(self, **changes: Any) -> Front:
        """Write what hostconfig would write."""
        wish = Front.model_validate(record(self.tree, **changes))
        files = {self.place.script(verb): front.program(verb, self.place) for verb in front.PROGRAMS}
        files |= {f"{self.place.lib}/{name}": front.library(name, self.place) for name in front.LIBRARY}
        for path, text in (files | front.texts(wish, self.place)).items():
            executable(Path(f"{path}.fleet-new"), text).replace(path)
        return wish

    def run(self, *command: str, check: bool = True, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """A command on the mirror."""
        words = ["ip", "netns", "exec", self.mirror, *command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def begin(self, *command: str, where: str | None = None) -> subprocess.Popen[bytes]:
        """A process on the mirror that stays, with all that it starts."""
        words = ["ip", "netns", "exec", where or self.mirror, *command]
        log = (self.folder / "log").open("ab")
        made = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
        self.running.append(made)
        return made

    def end(self, process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGKILL) -> None:
        """End a process, with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        process.wait(10)
        self.running.remove(process)

    def supervise(self, *, follow: bool = True) -> None:
        """What the init does: the packet filter at the boot, a keeper for each slot, the loop."""
        self.run(self.place.script(), "restore")
        keep = 'while :; do "$@"; sleep 0.2; done'
        for slot in SLOTS:
            self.begin("sh", "-c", keep, "sh", self.place.script("slot"), str(slot))
        if follow:
            self.begin(self.place.script("follow"))

    def first(self) -> None:
        """Wait for the first front. It answers a moment before it is written down as what serves."""
        current = Path(f"{self.place.state}/current")
        self.until(lambda: current.exists() and self.ask(FILES, "/package.xbps")[0] == 200, what="the first front")

    def reboot(self) -> None:
        """All processes end, and the kernel forgets."""
        for process in list(self.running):
            self.end(process)
        self.run("nft", "flush", "ruleset")
        self.run("ip", "route", "flush", "198.18.0.0/16", check=False)
        subprocess.run(["rm", "-rf", self.place.run], check=True)

    def swap(self, verb: str = "swap", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Ask for what is wanted, and wait for the verdict."""
        return self.run(self.place.script(), verb, check=check)

    def say(self, service: str, text: str | None) -> None:
        """What Consul says of a service from now on; None: nothing at all."""
        file = self.catalog / f"{service}.json"
        if text is None:
            file.unlink(missing_ok=True)
        else:
            new = file.with_suffix(".new")
            new.write_text(text)
            new.replace(file)

    def consul(self) -> subprocess.Popen[bytes]:
        """Start the pretended Consul."""
        return self.begin(sys.executable, str(INSTANCE), "consul", "127.0.0.1", "8500", str(self.catalog))

    def instance(self, port: int, name: str) -> subprocess.Popen[bytes]:
        """Start an instance of the service on the fabric."""
        made = self.begin(sys.executable, str(INSTANCE), "service", FABRIC, str(port), name)
        self.until(lambda: f":{port} " in self.run("ss", "-Hltn").stdout)
        return made

    def load(self, *words: str, seconds: float = 5, connections: int = 50) -> subprocess.Popen[str]:
        """Start a client that does not retry; `came_of` waits for what came of it."""
        command = ["ip", "netns", "exec", self.client, sys.executable, str(CLIENT), HOST, *words]
        command += ["--seconds", str(seconds), "--connections", str(connections)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def ask(self, name: str, path: str, *words: str, scheme: str = "https", host: str = HOST) -> tuple[int, str]:
        """One question from outside: status and the answer with its head; status 0 where there is none."""
        port = "443" if scheme == "https" else "80"
        command = ["curl", "-sk", "-i", "-m", "10", "--noproxy", "*", "--connect-to", f"::{host}:{port}"]
        command += ["-w", "%{stderr}%{http_code}", *words, f"{scheme}://{name}{path}"]
        done = subprocess.run(
            ["ip", "netns", "exec", self.client, *command], capture_output=True, text=True, check=False
        )
        return int(done.stderr or "0"), done.stdout

    def until(self, condition: Any, seconds: float = 60, what: str = "") -> None:
        """Wait for something."""
        limit = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < limit, f"{what or 'it'} did not come about: {self.log()}"
            time.sleep(0.1)

    def log(self) -> str:
        """The last that was said on the mirror."""
        file = self.folder / "log"
        return file.read_text()[-3000:] if file.exists() else ""

    def serving(self) -> str:
        """The slot that serves."""
        return Path(f"{self.place.state}/current").read_text().strip()

    def slots(self) -> list[str]:
        """Slots in use."""
        return sorted(path.name for path in Path(f"{self.place.state}/slots").glob("*"))

    def close(self) -> None:
        """Nothing is left."""
        for process in list(self.running):
            self.end(process)
        for name in (self.mirror, self.client):
            remove(name)


def came_of(client: subprocess.Popen[str]) -> dict[str, Any]:
    """What a client counted."""
    text, _ = client.communicate(timeout=120)
    report: dict[str, Any] = json.loads(text)
    return report


def wrapper(folder: Path, name: str, change: str) -> str:
    """A version of nginx that serves otherwise than its configuration says."""
    file = executable(
        folder / name,
        f'#!/bin/sh\nfor last; do :; done\nsed "{change}" "$last" >"$last.changed"\n'
        'case $1 in -t) exec nginx -t -q -e stderr -c "$last.changed" ;; esac\n'
        'exec nginx -e stderr -c "$last.changed"\n',
    )
    return str(file)


def right(path: str, text: str = TEXT) -> str:
    """A path with the digest of its right text, as the client takes it."""
    return f"{path}={hashlib.sha256(text.encode()).hexdigest()}"

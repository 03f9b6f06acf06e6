"""A front, a bare nginx beside it and what both pass questions on to, each in a network of its own.

The mirror and its client are the plant of the front's own tests. The bare nginx has a namespace without a packet
filter, with the same wires to the client: one outside, one as a fabric, and wireguard-go over that one. The same bare
nginx once more is on the mirror itself, so that what the packet filter costs is told apart from what our configuration
costs. The instance of the service is an nginx of a few lines at the client's end of the fabric.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hostconfig.front_nginx import nginx_conf
from tests.bench.front_wrk import Way
from tests.hostconfig.front_namespaces import remove
from tests.hostconfig.front_plant import FAR, FILES, HOST, SERVICE, Plant, health, planted

SIZES = {"1 KB": ("/1k.xbps", 2**10), "10 KB": ("/10k.xbps", 10 * 2**10), "1 MB": ("/1m.xbps", 2**20)}
TUNNELLED = "tunnelled.fleet.example"
BARE, BARE_FABRIC, BARE_FAR = "198.51.100.1", "10.68.0.1", "10.68.0.2"
CLIENT = "198.51.100.2"
TUNNEL = {"m": "10.67.0.1", "f": "10.67.0.2", "b": "10.67.0.3"}
WATCH = 8
PLAIN, NEAR, STRAIGHT = 9080, 9443, 9444
TLS = "ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {pem}; ssl_certificate_key {pem};"
# One worker, on a processor of its own where there is one to spare: then it is the server that is measured.
BASE = (
    "daemon off; pid {folder}/{name}.pid; user {user}; worker_processes 1; error_log {folder}/{name}.log;\n"
    "events {{ worker_connections 4096; }}\n"
    "http {{ access_log off; sendfile on; keepalive_requests 1000000;\n"
    "client_body_temp_path {folder}/{name}-body; proxy_temp_path {folder}/{name}-proxy;\n{inside}}}\n"
)


def service(name: str, consul: str, address: str) -> dict[str, Any]:
    """A service of the front as the data would have it."""
    return {"names": [name], "consul": consul, "address": address, "instances": 4}


WISH: dict[str, Any] = {
    "workers": 1,
    "keepalive": 60,
    "services": {"app": service(SERVICE, "app", "198.18.0.1"), "far": service(TUNNELLED, "far", "198.18.0.2")},
    "swap": {"share": 50, "watch": WATCH, "probes": [{"name": FILES, "path": "/1k.xbps"}], "longest_drain": 60},
}


def cores() -> tuple[set[int], set[int]]:
    """Which processors the servers get, and which all others."""
    every = sorted(os.sched_getaffinity(0))
    return (set(every[:1]), set(every[1:])) if len(every) > 1 else (set(every), set(every))


@contextlib.contextmanager
def on(chosen: set[int]) -> Iterator[None]:
    """Whatever is started meanwhile stays on these processors."""
    kept = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, kept)


class Rig:
    """All of it, running."""

    def __init__(self, plant: Plant) -> None:
        self.plant, self.folder = plant, plant.folder
        self.bare = f"front-{os.getpid()}-b"
        self.pem = str(self.folder / "certificate.pem")
        self.servers, self.others = cores()

    def start(self) -> None:
        """Networks, tunnels, servers; returns when all answer."""
        plant = self.plant
        for path, size in SIZES.values():
            (plant.tree / path[1:]).write_text(os.urandom(size // 2).hex())
        self._certificate()
        self._wires()
        self._tunnels()
        here = f"listen 9000; root {plant.tree};"
        with on(self.others):
            self.nginx("instance", f"server {{ {here} }}", plant.client)
            plant.say("app", health((FAR, 9000)))
            plant.say("far", health((TUNNEL["f"], 9000)))
            plant.consul()
        plant.want(**WISH)
        with on(self.servers):
            plant.supervise(follow=False)
            plant.swap()
            self.bare_pid = self.nginx("bare", self._bare(), self.bare).pid
            near = self._bare().replace("listen 80; ", "").replace("listen 443", f"listen {NEAR}")
            self.near_pid = self.nginx("near", near.replace(BARE_FAR, FAR), plant.mirror).pid
            self.plain_pid = self._without_tls()
            self.straight_pid = self._without_addresses()
        with on(self.others):
            plant.begin(plant.place.script("follow"))
        # The second service's instance is at the other end of the tunnel.
        way = ["dev", self.device("m"), "src", TUNNEL["m"]]
        plant.run("ip", "route", "replace", "198.18.0.2/32", *way)
        for name in (FILES, SERVICE, TUNNELLED):
            plant.until(lambda name=name: plant.ask(name, "/1k.xbps")[0] == 200, what=f"{name} at our front")
            plant.until(lambda name=name: plant.ask(name, "/1k.xbps", host=BARE)[0] == 200, what=f"{name} at the bare")

    def _certificate(self) -> None:
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=fleet.example"]
        out = [
            "-keyout",
            f"{self.pem}.key",
            "-out",
            f"{self.pem}.cert",
            "-addext",
            "subjectAltName=DNS:*.fleet.example",
        ]
        subprocess.run(["openssl", "req", "-x509", *key, *out], check=True, capture_output=True)
        Path(self.pem).write_text(Path(f"{self.pem}.cert").read_text() + Path(f"{self.pem}.key").read_text())

    def _wires(self) -> None:
        client = self.plant.client
        _ip("netns", "add", self.bare)
        _ip("-n", self.bare, "link", "set", "lo", "up")
        for ours, our_address, theirs, their_address in (
            ("outside", BARE, "eth1", CLIENT),
            ("fabric0", BARE_FABRIC, "far1", BARE_FAR),
        ):
            _ip("link", "add", ours, "netns", self.bare, "type", "veth", "peer", theirs, "netns", client)
            for where, device, address in ((self.bare, ours, our_address), (client, theirs, their_address)):
                _ip("-n", where, "address", "add", f"{address}/24", "dev", device)
                _ip("-n", where, "link", "set", device, "up")

    def device(self, end: str) -> str:
        """The tunnel's interface at one end. Its control socket is in a folder that all namespaces share."""
        return f"fb{os.getpid()}{end}"

    def _tunnels(self) -> None:
        """wireguard-go at the mirror, at the bare one and at the instance, over the wires of the fabric."""
        plant = self.plant
        where = {"m": plant.mirror, "b": self.bare, "f": plant.client}
        public = {}
        for end, name in where.items():
            with on(self.others if end == "f" else self.servers):
                plant.begin("wireguard-go", "-f", self.device(end), where=name)
            secret = _said("wg", "genkey")
            public[end] = _said("wg", "pubkey", told=secret)
            key = self.folder / f"tunnel.{end}"
            key.write_text(secret)
            socket = Path(f"/var/run/wireguard/{self.device(end)}.sock")
            plant.until(socket.exists, what="wireguard-go")
            _said("wg", "set", self.device(end), "private-key", str(key), "listen-port", "51820")
            _ip("-n", name, "address", "add", f"{TUNNEL[end]}/24", "dev", self.device(end))
            _ip("-n", name, "link", "set", self.device(end), "up", "mtu", "1420")
        for one, other, endpoint in (
            ("m", "f", FAR),
            ("b", "f", BARE_FAR),
            ("f", "m", "10.66.0.1"),
            ("f", "b", BARE_FABRIC),
        ):
            words = ["peer", public[other], "allowed-ips", f"{TUNNEL[other]}/32", "endpoint", f"{endpoint}:51820"]
            _said("wg", "set", self.device(one), *words)

    def _bare(self) -> str:
        """The least that serves the same files, and the least that passes on and keeps its connections."""
        tls = TLS.format(pem=self.pem)
        text = (
            f"{tls}\nserver {{ listen 80; listen 443 ssl http2; server_name {FILES}; root {self.plant.tree}; }}\n"
            'proxy_http_version 1.1; proxy_set_header Connection "";\n'
        )
        for name, label, address in ((SERVICE, "app", BARE_FAR), (TUNNELLED, "far", TUNNEL["f"])):
            text += f"upstream {label} {{ server {address}:9000; keepalive 64; }}\n"
            text += (
                f"server {{ listen 443 ssl http2; server_name {name}; location / {{ proxy_pass http://{label}; }} }}\n"
            )
        return text

    def _without_tls(self) -> int:
        """Our own configuration without TLS: in the clear our front says nothing but where to go."""
        text = nginx_conf(self.plant.want(**WISH), self.plant.place).replace("@https@ ssl http2", "@https@")
        # The last has no meaning under TLS, and slows small answers in the clear down.
        left_out = ("ssl_certificate", "ssl_reject_handshake", "tcp_nopush")
        lines = [line for line in text.splitlines() if not line.strip().startswith(left_out)]
        return self._beside("plain", "\n".join(lines), PLAIN, 9081, 9180)

    def _without_addresses(self) -> int:
        """Our own configuration at a port of its own, its service where it really is: nothing is addressed anew."""
        text = nginx_conf(self.plant.want(**WISH), self.plant.place)
        generation = Path(self.plant.place.state, "generations")
        newest = max(generation.iterdir(), key=lambda folder: folder.stat().st_mtime)
        text = re.sub(r"server 198\.18\.0\.1:\d+", f"server {FAR}:9000", text.replace("@generation@", str(newest)))
        return self._beside("straight", text, STRAIGHT, 9082, 9181)

    def _beside(self, name: str, text: str, https: int, http: int, status: int) -> int:
        """A configuration of ours in no slot."""
        place = self.plant.place
        filled: dict[str, object] = {"generation": place.state, "id": name, "slot": name}
        for word, value in (filled | {"status": status, "http": http, "https": https}).items():
            text = text.replace(f"@{word}@", str(value))
        for folder in (f"{place.state}/temp/{name}", f"{place.logs}/{name}"):
            Path(folder).mkdir(parents=True)
        return self._started(name, text, self.plant.mirror).pid

    def nginx(self, name: str, inside: str, where: str) -> subprocess.Popen[bytes]:
        """A small nginx in a namespace."""
        return self._started(name, BASE.format(folder=self.folder, name=name, user="www-data", inside=inside), where)

    def _started(self, name: str, text: str, where: str) -> subprocess.Popen[bytes]:
        conf = self.folder / f"{name}.conf"
        conf.write_text(text)
        return self.plant.begin("nginx", "-e", "stderr", "-c", str(conf), where=where)

    def slots(self) -> list[int]:
        """The processes of our front, in all slots."""
        files = Path(self.plant.place.run).glob("pid.[0-9]")
        return [int(text) for text in (file.read_text().strip() for file in files) if text]

    def ways(self) -> dict[str, Way]:
        """Every way that is measured, by a short name."""

        def bare() -> list[int]:
            return [self.bare_pid]

        def near() -> list[int]:
            return [self.near_pid]

        return {
            "files": Way("our front", "https", FILES, HOST, 443, self.slots),
            "near": Way("bare nginx, on the mirror itself", "https", FILES, HOST, NEAR, near),
            "bare files": Way("bare nginx", "https", FILES, BARE, 443, bare),
            "again": Way("bare nginx, once more", "https", FILES, BARE, 443, bare),
            "clear": Way("our front's configuration without TLS", "http", FILES, HOST, PLAIN, lambda: [self.plain_pid]),
            "bare clear": Way("bare nginx, HTTP", "http", FILES, BARE, 80, bare),
            "wire": Way("our front to a service, veth", "https", SERVICE, HOST, 443, self.slots),
            "near wire": Way("smallest proxy, on the mirror itself, veth", "https", SERVICE, HOST, NEAR, near),
            "straight": Way(
                "our front's configuration alone, veth", "https", SERVICE, HOST, STRAIGHT, lambda: [self.straight_pid]
            ),
            "bare wire": Way("smallest proxy, veth", "https", SERVICE, BARE, 443, bare),
            "tunnel": Way("our front to a service, wireguard-go", "https", TUNNELLED, HOST, 443, self.slots),
            "bare tunnel": Way("smallest proxy, wireguard-go", "https", TUNNELLED, BARE, 443, bare),
            "alone": Way("our front alone", "https", FILES, HOST, 443, self.slots),
            "pair": Way("a canary pair, half each", "https", FILES, HOST, 443, self.slots),
        }

    @contextlib.contextmanager
    def swap(self, hsts: int) -> Iterator[subprocess.Popen[str]]:
        """A swap to another generation, from the moment that both get new connections until it is over."""
        plant = self.plant
        plant.want(**WISH, hsts=hsts)
        words = ["ip", "netns", "exec", plant.mirror, plant.place.script(), "swap"]
        share = Path(plant.place.run, "share")
        with on(self.others):
            begun = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            plant.until(lambda: len(share.read_text().split()) == 2 or begun.poll() is not None, what="a pair")
            yield begun
        finally:
            begun.kill()
            begun.wait()

    def close(self) -> None:
        """What the plant does not know of."""
        remove(self.bare)
        for end in TUNNEL:
            Path(f"/var/run/wireguard/{self.device(end)}.sock").unlink(missing_ok=True)


@contextlib.contextmanager
def rigged() -> Iterator[Rig]:
    """A rig that answers; nothing of it stays."""
    with planted(**WISH) as plant:
        rig = Rig(plant)
        try:
            rig.start()
            yield rig
        finally:
            rig.close()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def _said(*words: str, told: str = "") -> str:
    return subprocess.run(words, input=told, capture_output=True, text=True, check=True).stdout.strip()

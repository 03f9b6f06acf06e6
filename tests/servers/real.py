"""Real servers for tests: Nomad, Consul and Vault on free ports of the loopback, with ACLs on."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from servers import Api, ApiError, System
from tests.servers import leftovers
from toolchain.servers import servers_folder

# What the surroundings say about clouds and proxies is no business of a test's servers.
_ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent"}


def binary(name: str) -> str:
    """The server's program, as the toolchain built it."""
    if os.access(built := servers_folder() / "bin" / name, os.X_OK):
        return str(built)
    if on_path := shutil.which(name):
        return on_path
    pytest.fail(f"{name} is not built yet: python3 toolchain/install.py servers")


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on. Below the kernel's own range, so that no connection takes one meanwhile."""
    found: list[int] = []
    # A range for each process of a run, below the ports that tests name themselves; another start for each run.
    worker = _worker()
    for number in range(2 * 1450):
        if number == 1450:
            # All were given once; what is free again may be given again.
            _GIVEN.intersection_update(found)
        port = 21000 + worker * 1450 + (os.getpid() * 37 + number) % 1450
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _GIVEN:
            _GIVEN.add(port)
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no free ports")


_GIVEN: set[int] = set()


@contextmanager
def nobody() -> Iterator[int]:
    """A port that refuses everybody: taken meanwhile, so that nobody else comes to listen there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def _worker() -> int:
    """Which of two processes of a run this is."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 2


def wait_for(what: str, ready: Callable[[], Any], seconds: float = 40.0, pause: float = 0.1) -> Any:
    """Ask until the answer is yes."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            if found := ready():
                return found
        except ApiError as error:
            last = error
        time.sleep(pause)
    raise AssertionError(f"{what}: not within {seconds:.0f} s ({last})")


@dataclass
class Server:
    """A running server process."""

    system: System
    folder: Path
    address: str
    command: list[str]
    token: str | None = None
    process: subprocess.Popen[bytes] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    scratch: Path = Path()

    def start(self) -> None:
        # Short, for the sockets below it; what a server leaves in it goes with it.
        self.scratch = Path(tempfile.mkdtemp(prefix="n-"))
        env = _ENV | {"TMPDIR": str(self.scratch)}
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command, cwd=self.folder, env=env, stdout=log, stderr=log)

    def stop(self) -> None:
        if self.process is not None:
            # Nomad's tasks and their executors live on without it.
            left = leftovers.below(self.process.pid)
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
            leftovers.end(left)
            leftovers.remove(self.scratch)

    @property
    def api(self) -> Api:
        return Api(self.system, self.address, self.token)

    @property
    def open(self) -> Api:
        """The same, as somebody without a token."""
        return Api(self.system, self.address)


@contextmanager
def nomad(folder: Path, *, expect: int = 0, bootstrap: bool = True) -> Iterator[Server]:
    """A Nomad agent: in dev mode server and client at once; with `expect`, a lone server that waits for others."""
    http, rpc, serf = free_ports(3)
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "bind_addr": "127.0.0.1",
        "ports": {"http": http, "rpc": rpc, "serf": serf},
        "advertise": {"http": "127.0.0.1", "rpc": "127.0.0.1", "serf": "127.0.0.1"},
        "acl": {"enabled": True},
        "disable_update_check": True,
        "log_level": "WARN",
        "plugin": [{"raw_exec": [{"config": [{"enabled": True}]}]}],
        "client": {
            "options": {"fingerprint.denylist": "env_aws,env_gce,env_azure,env_digitalocean"},
            # Nomad does not look who listens already: below is what tests take, above is the kernel's.
            "min_dynamic_port": 26000 + 3000 * _worker(),
            "max_dynamic_port": 28999 + 3000 * _worker(),
        },
    }
    words = ["-dev"]
    if expect:
        config["server"] = {"enabled": True, "bootstrap_expect": expect}
        config["data_dir"] = str(folder / "data")
        words = []
    (folder / "agent.json").write_text(json.dumps(config))
    command = [binary("nomad"), "agent", *words, "-config", str(folder / "agent.json")]
    server = Server("nomad", folder, f"http://127.0.0.1:{http}", command)
    with _running(server):
        if not expect and bootstrap:
            server.token = wait_for("nomad", lambda: server.open.post("/v1/acl/bootstrap"))["SecretID"]
            wait_for("nomad's node", lambda: [one for one in server.api.get("/v1/nodes") if one["Status"] == "ready"])
        yield server


@contextmanager
def consul(folder: Path, *, expect: int = 0, join: int = 0, bootstrap: bool = True) -> Iterator[Server]:
    """A Consul agent: in dev mode, or one server of several."""
    http, serf, rpc, wan, grpc, tls = free_ports(6)
    folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = {
        "bind_addr": "127.0.0.1",
        "client_addr": "127.0.0.1",
        "ports": {
            "http": http,
            "dns": -1,
            "serf_lan": serf,
            "serf_wan": wan,
            "server": rpc,
            "grpc": grpc,
            "grpc_tls": tls,
        },
        "acl": {"enabled": True, "default_policy": "deny"},
        "performance": {"raft_multiplier": 1},
        "log_level": "WARN",
    }
    words = ["-dev"]
    if expect:
        config |= {
            "server": True,
            "bootstrap_expect": expect,
            "data_dir": str(folder / "data"),
            "node_name": folder.name,
        }
        config |= {"retry_join": [f"127.0.0.1:{join}"] if join else [], "retry_interval": "1s"}
        words = []
    (folder / "agent.json").write_text(json.dumps(config))
    command = [binary("consul"), "agent", *words, "-config-file", str(folder / "agent.json")]
    server = Server("consul", folder, f"http://127.0.0.1:{http}", command, facts={"serf": serf})
    with _running(server):
        if not expect and bootstrap:
            server.token = wait_for("consul", lambda: server.open.put("/v1/acl/bootstrap"))["SecretID"]
        yield server


@contextmanager
def vault(folder: Path, *, dev: bool = True) -> Iterator[Server]:
    """A Vault: in dev mode open with a root token, else as a new one, with its storage in a folder."""
    (port,) = free_ports(1)
    folder.mkdir(parents=True, exist_ok=True)
    address = f"http://127.0.0.1:{port}"
    if dev:
        words = [
            "-dev",
            "-dev-no-store-token",
            "-dev-root-token-id=root-of-the-tests",
            f"-dev-listen-address=127.0.0.1:{port}",
        ]
        token = "root-of-the-tests"
    else:
        (folder / "data").mkdir(exist_ok=True)
        (listener,) = ({"tcp": {"address": f"127.0.0.1:{port}", "tls_disable": True}},)
        config = {"storage": {"inmem": {}}, "listener": listener, "disable_mlock": True, "log_level": "warn"}
        (folder / "vault.json").write_text(json.dumps(config))
        words, token = ["-config", str(folder / "vault.json")], ""
    server = Server("vault", folder, address, [binary("vault"), "server", *words], token or None)
    with _running(server):
        wait_for("vault", lambda: server.open.get("/v1/sys/seal-status"))
        if dev:
            wait_for("vault", lambda: not server.open.get("/v1/sys/seal-status")["sealed"])
        yield server


@contextmanager
def _running(server: Server) -> Iterator[None]:
    server.start()
    try:
        yield
    except BaseException:
        print("\n".join((server.folder / "log").read_text(errors="replace").splitlines()[-30:]))
        raise
    finally:
        server.stop()

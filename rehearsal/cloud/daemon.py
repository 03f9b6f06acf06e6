"""The one process behind all stand-ins: a control socket, and a gRPC server for each provider instance."""

import contextlib
import json
import os
import queue
import signal
import socketserver
import sys
import threading
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from providers.base.serving import listen
from rehearsal.cloud.errors import RehearsalError
from rehearsal.cloud.passthrough import PASSING
from rehearsal.cloud.standin import StandIn
from rehearsal.cloud.world import World
from rehearsal.cloud.zones import state_json

PACKAGES = ("digitalocean", "aws", "gcp", "github", *PASSING)
COMMANDS = ("ping", "provider", "state", "github", "stop")
_STOP_POLL = 0.3
# A call may wait for a machine to boot; a rehearsal boots all at once.
_WORKERS = 64


def stand_in(package: str, world: World, environment: Mapping[str, str] | None = None) -> StandIn:
    """A fresh provider instance. Its module is imported when first asked for.

    `environment`: what the engine's environment says about a real server, tokens too. It stays in this instance.
    """
    if package == "digitalocean":
        from rehearsal.cloud.digitalocean import DigitalOcean

        return DigitalOcean(world)
    if package == "aws":
        from rehearsal.cloud.aws import Aws

        return Aws(world)
    if package == "gcp":
        from rehearsal.cloud.gcp import Gcp

        return Gcp(world)
    if package == "github":
        from rehearsal.cloud.github import GitHub

        return GitHub(world)
    if package == "nomad":
        from rehearsal.cloud.nomad import Nomad

        return Nomad(world, environment)
    if package == "consul":
        from rehearsal.cloud.consul import Consul

        return Consul(world, environment)
    if package == "vault":
        from rehearsal.cloud.vault import Vault

        return Vault(world, environment)
    raise RehearsalError(f"the rehearsal has no stand-in for {package!r}; it has: {', '.join(PACKAGES)}")


def _github(world: World, request: Mapping[str, Any]) -> str:
    """One request to the rehearsal's GitHub, as an account; without `path`, an account's number is made known."""
    from rehearsal.cloud.github_hub import hub_of

    if "path" not in request:
        return json.dumps(hub_of(world).register(str(request["login"]), int(request["id"])))
    actor = str(request.get("as", "token"))
    answer = hub_of(world).call(str(request["method"]), str(request["path"]), request.get("body"), actor=actor)
    return json.dumps({"status": answer.status, "body": answer.body, "headers": dict(answer.headers)})


class _Control(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64
    cloud: "Cloud"


class _Line(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        control = self.server
        assert isinstance(control, _Control)
        served: list[Any] = []
        try:
            for line in self.rfile:
                stop = False
                try:
                    request = json.loads(line)
                    answer = control.cloud.answer(request, served)
                    stop = request["cmd"] == "stop"
                except (RehearsalError, ValueError, KeyError, AttributeError) as error:
                    answer = json.dumps({"error": str(error)})
                self.wfile.write(answer.encode() + b"\n")
                self.wfile.flush()
                if stop:
                    # Not before the answer is out: the process may end at once.
                    control.cloud.stopping.put(None)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            # A provider instance lives as long as the plugin that asked for it: engines come by the hundred.
            for server in served:
                server.stop(grace=None)


class Cloud:
    """The daemon's life: serve, answer, stop. The state outlives it."""

    def __init__(self, run: Path, *, plan_only: bool, api: str | None = None) -> None:
        self.run = run
        self.api = api
        self.world = World(run, plan_only=plan_only)
        # A queue and no event: a signal may come while the main thread holds an event's own lock.
        self.stopping: queue.SimpleQueue[None] = queue.SimpleQueue()

    def answer(self, request: dict[str, Any], served: list[Any]) -> str:
        """One line of the control protocol. Who asks to stop is answered before `stopping` hears of it."""
        command = request.get("cmd")
        if command == "ping":
            return json.dumps({"ok": True, "pid": os.getpid(), "plan_only": self.world.plan_only})
        if command == "provider":
            made = stand_in(str(request["package"]), self.world, request.get("environment"))
            server, port = listen(made, workers=_WORKERS)
            served.append(server)
            return json.dumps({"port": port})
        if command == "github":
            return _github(self.world, request)
        if command == "state":
            return state_json(self.world.store)
        if command == "stop":
            return json.dumps({"ok": True})
        raise RehearsalError(f"the embedded cloud does not know the command {command!r}: {', '.join(COMMANDS)}")

    def _await_stop(self) -> None:
        """Wait for a signal or a command.

        In short waits: a signal that comes as a wait begins, or to another thread, is only heard between two of them.
        """
        while True:
            with contextlib.suppress(queue.Empty):
                self.stopping.get(timeout=_STOP_POLL)
                return

    def serve(self) -> None:
        """Answer until told to stop."""
        path = self.run / "cloud.sock"
        if _alive(path):
            raise RehearsalError(
                f"an embedded cloud is serving at {path} already: stop it first (make clean-rehearsal)"
            )
        path.unlink(missing_ok=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.put(None))
        self.world.resume()
        if self.api is not None:
            from rehearsal.cloud import records_api

            records_api.serve(self.world, (self.api, records_api.PORT), self.run / records_api.PART)
        with _bound(path) as control:
            control.cloud = self
            thread = threading.Thread(target=control.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
            thread.start()
            print(f"embedded cloud: serving at {path}{' (plan only)' if self.world.plan_only else ''}", flush=True)
            self._await_stop()
            control.shutdown()
        path.unlink(missing_ok=True)
        sys.stdout.flush()
        # Calls of engines that are gone may still hang on threads.
        os._exit(0)


def _bound(path: Path) -> _Control:
    """Listen, by a short relative name: the system allows about a hundred characters for a socket's path."""
    before = Path.cwd()
    mask = os.umask(0o077)
    try:
        os.chdir(path.parent)
        return _Control(path.name, _Line)
    finally:
        os.umask(mask)
        os.chdir(before)


def _alive(path: Path) -> bool:
    if not path.exists():
        return False
    with contextlib.suppress(OSError, RehearsalError):
        return bool(ask(path, {"cmd": "ping"}).get("ok"))
    return False


def ask(path: Path, request: dict[str, Any], *, timeout: float = 30.0) -> dict[str, Any]:
    """Ask a running daemon one thing."""
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        # /proc/self/fd keeps long paths within the limit; where there is none, the path must be short enough.
        target = str(path)
        folder = -1
        if len(os.fsencode(target)) > 100 and Path("/proc/self/fd").exists():
            folder = os.open(path.parent, os.O_RDONLY)
            target = f"/proc/self/fd/{folder}/{urllib.parse.unquote(path.name)}"
        try:
            connection.connect(target)
        except (FileNotFoundError, ConnectionRefusedError):
            raise RehearsalError(f"no embedded cloud is serving at {path}: start one with `make rehearsal`") from None
        finally:
            if folder >= 0:
                os.close(folder)
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as answers:
            answer: dict[str, Any] = json.loads(answers.readline())
    if "error" in answer:
        raise RehearsalError(str(answer["error"]))
    return answer

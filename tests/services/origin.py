"""An origin for pulls: a real rsync daemon on the loopback, a way to it that fails as told, and the script itself."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.blocks.pull import script
from model.sync import Sync
from tests.executable import executable
from tests.servers.real import free_ports, wait_for

RSYNC = "/usr/bin/rsync"
XBPS: dict[str, Any] = {"indexes": ("*-repodata",), "format": "xbps", "times": ("otime",), "stall": "20s"}


def listens(port: int) -> bool:
    with socket.socket() as tcp:
        return tcp.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Origin:
    """A daemon that serves a folder as the module `m`."""

    folder: Path
    tree: Path
    port: int
    more: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        config = self.folder / "rsyncd.conf"
        config.write_text(
            f"port = {self.port}\naddress = 127.0.0.1\nuse chroot = no\npid file = {self.folder}/pid\n"
            f"lock file = {self.folder}/lock\nlog file = {self.folder}/log\n[m]\npath = {self.tree}\n"
            f"read only = yes\n{self.more}\n"
        )
        (self.folder / "pid").unlink(missing_ok=True)
        words = [RSYNC, "--daemon", "--no-detach", f"--config={config}"]
        self.process = subprocess.Popen(words, start_new_session=True, stderr=subprocess.DEVNULL)
        wait_for("rsyncd", lambda: listens(self.port), 10)

    def kill(self) -> None:
        """At once, with all that it is sending."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@contextmanager
def origin(folder: Path, tree: Path, more: str = "") -> Iterator[Origin]:
    folder.mkdir(parents=True, exist_ok=True)
    one = Origin(folder, tree, free_ports(1)[0], more)
    one.start()
    try:
        yield one
    finally:
        one.kill()


def nothing(_: int) -> None:
    """What happens at a connection where nothing is told."""


class Way:
    """A way to an origin. It can stop after so many bytes, by a cut or in silence, be slow, or tell of a connection."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.cut: int | None = None
        self.hang: int | None = None
        self.slow: tuple[int, float] | None = None
        self.before: Callable[[int], None] = nothing
        self.connections = 0
        self.passed = 0
        self.over = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def heal(self) -> None:
        self.cut = self.hang = self.slow = None
        self.before = nothing
        self.connections = self.passed = 0

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                here, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.before(self.connections)
            try:
                there = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                here.close()
                continue
            threading.Thread(target=self._pass, args=(here, there, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(there, here, True), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        """Bytes of one direction; those that come from the origin count."""
        with suppress(OSError):
            while data := source.recv(self.slow[0] if self.slow else 4096):
                if counted:
                    if self.slow:
                        time.sleep(self.slow[1])
                    left = self.cut if self.cut is not None else self.hang
                    if left is not None and self.passed + len(data) > left:
                        sink.sendall(data[: max(0, left - self.passed)])
                        self.passed = left
                        if self.hang is not None:
                            self.over.wait()
                        break
                    self.passed += len(data)
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self.over.set()
        self.listener.close()


@contextmanager
def way(to: int) -> Iterator[Way]:
    one = Way(to)
    try:
        yield one
    finally:
        one.close()


def written(folder: Path, port: int, target: Path, **fields: Any) -> Path:
    """The script of a sync, told to pull from the loopback."""
    sync = Sync.model_validate({"server": "origin.example", "module": "m", "target": str(target), **fields})
    text = script("sync", "mirror", sync)
    assert text.count("rsync://origin.example/m/") == 1
    return executable(folder / "pull", text.replace("rsync://origin.example/m/", f"rsync://127.0.0.1:{port}/m/"))


def pull(
    folder: Path, port: int, target: Path, *, words: tuple[str, ...] = (), path: str | None = None, **fields: Any
) -> subprocess.CompletedProcess[str]:
    """One pull, to its end: by a program before it, or with another search path, where that is told."""
    file = written(folder, port, target, **fields)
    env = None if path is None else {"PATH": path}
    return subprocess.run([*words, str(file)], capture_output=True, text=True, check=False, timeout=120, env=env)


def visible(target: Path) -> list[str]:
    """What listings show: nothing whose name begins with a dot."""
    return sorted(
        str(path.relative_to(target))
        for path in target.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(target).parts)
    )

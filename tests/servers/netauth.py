"""A real NetAuth server for tests, on a free port of the loopback, with somebody who may do everything."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from providers.netauth.calls import TRUST, Calls, NetAuthError, Place
from providers.netauth.client import Client
from tests.servers.real import binary, free_ports

ROOT, SECRET = "root", "of this test alone"
CONFIG = """\
[core]
home = "{home}"
[server]
bind = "127.0.0.1"
port = {port}
[tls]
certificate = "keys/tls.pem"
key = "keys/tls.key"
[db]
backend = "filesystem"
[crypto]
backend = "bcrypt"
[crypto.bcrypt]
cost = 4
[token]
lifetime = "20m"
"""


@dataclass
class Server:
    """A running netauthd, and how to speak with it."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    secret: str = SECRET
    _token: list[str] = field(default_factory=list)

    @property
    def certificate(self) -> Path:
        return self.folder / "keys" / "tls.pem"

    @property
    def place(self) -> Place:
        return Place("localhost", "127.0.0.1", self.port, self.certificate.read_text())

    def calls(self, *, patience: float = 10.0, token: str | None = None) -> Calls:
        return Calls(self.place, patience=patience, token=lambda: self.token if token is None else token)

    def client(self, *, patience: float = 10.0) -> Client:
        return Client(self.calls(patience=patience), second_look=0.05)

    @property
    def token(self) -> str:
        """Of the one who may do everything."""
        if not self._token:
            self._token.append(Calls(self.place).token(ROOT, self.secret))
        return self._token[0]

    def start(self) -> None:
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([binary("netauthd")], cwd=self.folder, stdout=log, stderr=log, env=_env())
        end = time.monotonic() + 60
        while True:
            try:
                assert Calls(self.place, patience=0.2).well()
                return
            except NetAuthError:
                assert time.monotonic() < end, (self.folder / "log").read_text()

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(15)
            self.process = None

    def log(self) -> str:
        return (self.folder / "log").read_text()


def _env() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


@contextmanager
def netauth(folder: Path) -> Iterator[Server]:
    """A server with a first entity, who has every capability."""
    (folder / "keys").mkdir(parents=True)
    server = Server(folder, free_ports(1)[0])
    (folder / "config.toml").write_text(CONFIG.format(home=folder / "home", port=server.port))
    tool = [binary("nsutil"), "--config", str(folder / "config.toml")]
    for words, said in (
        (["keygen", "rsa", "2048"], None),
        (["certgen", "localhost", "localhost", "127.0.0.1"], None),
        (["bootstrap", ROOT], f"{SECRET}\n".encode()),
    ):
        subprocess.run([*tool, *words], cwd=folder / "keys", check=True, capture_output=True, input=said, env=_env())
    os.environ.pop(TRUST, None)
    server.start()
    try:
        yield server
    finally:
        server.stop(signal.SIGKILL)

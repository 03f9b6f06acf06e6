"""One try of a cell: the command lines of OpenSSH's client, and what it says of itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.devspace.doors import Cell

SECONDS = 25.0
# Reads what comes through a forwarded port, from wherever the client itself runs; a word where nothing will come.
KNOCK = """
import socket, sys, time
end = time.monotonic() + float(sys.argv[3])
while time.monotonic() < end:
    try:
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2) as one:
            if sys.argv[2] != "0":
                one.sendall(b"\\x05\\x01\\x00")
                one.recv(2)
                one.sendall(b"\\x05\\x01\\x00\\x01\\x7f\\x00\\x00\\x01" + int(sys.argv[2]).to_bytes(2, "big"))
                one.recv(10)
            one.settimeout(4)
            sys.stdout.write(one.recv(64).decode(errors="replace") or "closed")
            break
    except OSError:
        time.sleep(0.2)
"""


@dataclass
class Attempt:
    """A cell being tried, with a folder and a port of its own."""

    cell: Cell
    folder: Path
    port: int

    def options(self, key: str = "ed25519", *, agent: bool = False) -> list[str]:
        """What every tool of OpenSSH takes."""
        words = ["-F", "none", "-v", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "ConnectTimeout=15"]
        words += ["-o", "UserKnownHostsFile=/dev/null", "-o", "PreferredAuthentications=publickey"]
        words += ["-o", "ExitOnForwardFailure=yes"]
        if not agent:
            words += ["-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-i", str(self.cell.who.keys[key])]
        return words

    @property
    def at(self) -> str:
        return f"{self.cell.who.name}@{self.cell.door.address}"

    def ssh(self, *words: str, key: str = "ed25519", agent: bool = False) -> list[str]:
        """A command line of ssh; options first, then the place, then what follows `--`."""
        before, after = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, ())
        port = str(self.cell.door.port)
        return [*self.cell.door.prefix, "ssh", *self.options(key, agent=agent), "-p", port, *before, self.at, *after]

    def run(
        self, argv: Sequence[str], stdin: bytes = b"", env: dict[str, str] | None = None, seconds: float = SECONDS
    ) -> tuple[str, str, int]:
        """(standard output, standard error, exit code) of a command that ends within a time."""
        surroundings = {**os.environ, "HOME": str(self.folder), **(env or {})}
        surroundings.pop("SSH_AUTH_SOCK", None) if not (env and "SSH_AUTH_SOCK" in env) else None
        try:
            done = subprocess.run(
                argv, input=stdin, capture_output=True, timeout=seconds, check=False, env=surroundings, cwd=self.folder
            )
        except subprocess.TimeoutExpired as late:
            return (late.stdout or b"").decode(errors="replace"), (late.stderr or b"").decode(errors="replace"), -1
        return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), done.returncode

    def forwarded(self, *words: str, socks: bool = False) -> tuple[bool, str]:
        """Whether bytes of the door come through a port that a client forwards."""
        child = subprocess.Popen(
            self.ssh("-N", *words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            far = str(self.cell.door.port) if socks else "0"
            knock = [*self.cell.door.prefix, sys.executable, "-c", KNOCK, str(self.port), far, "4"]
            heard = ""
            end = time.monotonic() + SECONDS
            # Refused: the client ends by itself. Let in: it stays, and its port is tried.
            while child.poll() is None and not heard and time.monotonic() < end:
                if self.let_in_by_now(child):
                    heard = self.run(knock)[0]
                time.sleep(0.1)
        finally:
            child.kill()
        said = self.kept + (child.communicate()[1] or b"").decode(errors="replace")
        return "SSH-2.0-" in heard, said

    kept: str = ""

    def let_in_by_now(self, child: subprocess.Popen[bytes]) -> bool:
        assert child.stderr is not None
        os.set_blocking(child.stderr.fileno(), False)
        self.kept += (child.stderr.read() or b"").decode(errors="replace")
        return inside(self.kept)


def inside(said: str) -> bool:
    """Whether the server let the client in, as OpenSSH's client says it."""
    return "Authenticated to " in said or "Authentication succeeded (publickey)" in said

"""One ssh command on one host, as a plain `ssh` process with nothing of the operator's own configuration.

The private key is a path from the environment or the agent's; scripts go over standard input, so that nothing of them
is in a list of arguments.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONNECT_SECONDS = 5
SCRIPT_SECONDS = 240
# Ed25519 first: the key taken at the first contact is the one that a scan shows.
_KEY_TYPES = "ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256"
_HOST_KEY_WRONG = ("Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED")


class Silent(Exception):  # noqa: N818 - reads as what it is: `except Silent`
    """Nobody answers there, or not yet."""


class Refused(Exception):  # noqa: N818 - as above
    """Somebody answers and does not let us in, or is not who was expected. The text is meant for people."""


@dataclass(frozen=True)
class Connection:
    """How a host is reached."""

    address: str
    port: int = 22
    users: tuple[str, ...] = ("deploy", "root")
    host_key: str | None = None
    become: bool = True

    @classmethod
    def of(cls, bag: Mapping[str, Any]) -> Connection:
        return cls(
            address=str(bag.get("address") or ""),
            port=int(bag.get("port") or 22),
            users=tuple(bag.get("users") or cls.users),
            host_key=bag.get("host_key") or None,
            become=bool(bag.get("become", True)),
        )


@dataclass(frozen=True)
class Answer:
    """What a script printed, and the host key that the machine showed."""

    text: str
    host_key: str
    user: str


def key_path() -> str | None:
    """The operator's private key file, or None for the agent's keys."""
    return os.environ.get("FLEET_SSH_KEY") or None


def same_key(one: str | None, other: str | None) -> bool:
    """Whether two host keys are the same, comments aside."""
    return (one or "").split()[:2] == (other or "").split()[:2]


def run(connection: Connection, script: str, *, deadline: float = 0.0) -> Answer:
    """Run a script as root. A machine that is silent is tried again until `deadline` (monotonic)."""
    while True:
        try:
            return _once(connection, script)
        except Silent:
            if time.monotonic() + 1.0 >= deadline:
                raise
            time.sleep(0.7)


def _once(connection: Connection, script: str) -> Answer:
    with tempfile.TemporaryDirectory(prefix="fleet-ssh-") as folder:
        known = Path(folder) / "known_hosts"
        refusals = []
        for user in connection.users:
            # Written anew for each user: a key taken at a refused login must be checked again all the same.
            known.write_text(_known(connection))
            done = _ssh(connection, user, known, script)
            shown = _shown(known)
            if done.returncode == 0:
                return Answer(done.stdout, shown, user)
            _judge(connection, done, user)
            refusals.append(user)
        raise Refused(f"login refused to {' and to '.join(refusals)}: is the operator's key on the machine?")


def _ssh(connection: Connection, user: str, known: Path, script: str) -> subprocess.CompletedProcess[str]:
    root = "sh -s" if user == "root" or not connection.become else "sudo -n sh -s"
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": str(CONNECT_SECONDS),
        "ServerAliveInterval": "5",
        "ServerAliveCountMax": "3",
        "StrictHostKeyChecking": "yes" if connection.host_key else "accept-new",
        "UserKnownHostsFile": str(known),
        "GlobalKnownHostsFile": "/dev/null",
        "HashKnownHosts": "no",
        "UpdateHostKeys": "no",
        "CheckHostIP": "no",
        "HostKeyAlgorithms": _algorithms(connection.host_key),
        "LogLevel": "ERROR",
        "ControlMaster": "no",
        "ControlPath": "none",
    }
    arguments = ["ssh", "-T", "-F", "none", "-p", str(connection.port)]
    for name, value in options.items():
        arguments += ["-o", f"{name}={value}"]
    if path := key_path():
        arguments += ["-o", "IdentitiesOnly=yes", "-i", path]
    arguments += ["-l", user, "--", connection.address, root]
    try:
        return subprocess.run(
            arguments, input=script, capture_output=True, text=True, timeout=SCRIPT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise Silent(f"no end of the command after {SCRIPT_SECONDS} s") from None


def _algorithms(host_key: str | None) -> str:
    kind = host_key.split()[0] if host_key else _KEY_TYPES
    return "rsa-sha2-512,rsa-sha2-256" if kind == "ssh-rsa" else kind


def _judge(connection: Connection, done: subprocess.CompletedProcess[str], user: str) -> None:
    """Say what a failed command means; return only where another user may fare better."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    text = " / ".join(lines[-2:]) or f"exit code {done.returncode}"
    if any(sign in done.stderr for sign in _HOST_KEY_WRONG) or "no matching host key type" in done.stderr:
        raise Refused(
            f"the ssh host key of {connection.address} is not the expected one: if the machine was rebuilt on purpose, "
            "take its new key with `pulumi up --replace` of its identity (and `fleet record`, where the old key is "
            "recorded); if not, somebody is in between"
        )
    if done.returncode != 255:
        raise Refused(f"the command failed as {user}: {text}")
    if "Permission denied" not in done.stderr and "Too many authentication failures" not in done.stderr:
        raise Silent(text)


def _known(connection: Connection) -> str:
    if not connection.host_key:
        return ""
    plain = connection.port == 22
    where = connection.address if plain else f"[{connection.address}]:{connection.port}"
    return f"{where} {' '.join(connection.host_key.split()[:2])}\n"


def _shown(known: Path) -> str:
    lines = [line.split() for line in known.read_text().splitlines() if line.strip()]
    return " ".join(lines[0][1:3]) if lines else ""


def scan(address: str, port: int, *, deadline: float = 0.0) -> str:
    """The ed25519 host key that a machine shows, without logging in."""
    while True:
        command = ["ssh-keyscan", "-T", str(CONNECT_SECONDS), "-t", "ed25519", "-p", str(port), address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=4 * CONNECT_SECONDS, check=False)
        for line in done.stdout.splitlines():
            parts = line.split()
            if len(parts) >= 3 and not line.startswith("#"):
                return f"{parts[1]} {parts[2]}"
        if time.monotonic() + 1.0 >= deadline:
            raise Silent(f"{address} port {port} does not answer")
        time.sleep(0.7)

"""One script on one host over ssh, as the first account that lets us in. The script goes in by stdin, never by argv."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONNECT_SECONDS = 5
SCRIPT_SECONDS = 120
KEY_TYPES = "ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256"


@dataclass(frozen=True)
class Answer:
    """What a host said. `reachable` is false when no account could be entered; `error` then says why."""

    reachable: bool
    ok: bool = False
    out: str = ""
    error: str = ""
    host_key: str | None = None


def run(connection: Mapping[str, Any], script: str) -> Answer:
    """Run a shell script as root. Tries the connection's users in order; the host key must be the given one."""
    address, port = connection.get("address"), int(connection.get("port") or 22)
    if not address:
        return Answer(False, error="no address is known for it")
    refused = []
    with tempfile.TemporaryDirectory(prefix="fleet-known-hosts-") as folder:
        known = Path(folder) / "known_hosts"
        key = connection.get("host_key")
        where = address if port == 22 else f"[{address}]:{port}"
        known.write_text(f"{where} {' '.join(key.split()[:2])}\n" if key else "")
        for user in connection.get("users") or ["root"]:
            done = _ssh(address, port, user, known, script, pinned=bool(key))
            if done is None:
                return Answer(False, error=f"no answer within {SCRIPT_SECONDS} s")
            if done.returncode != 255:
                found = known.read_text().split()
                host_key = " ".join(found[1:3]) if len(found) >= 3 else None
                last = done.stderr.strip().splitlines()[-1:] or ["no message"]
                return Answer(True, done.returncode == 0, done.stdout, last[0], host_key)
            text = done.stderr.strip()
            if "Host key verification failed" in text or "IDENTIFICATION HAS CHANGED" in text:
                raise HostKeyChangedError(address)
            if "Permission denied" not in text:
                return Answer(False, error=text.splitlines()[-1] if text else "the connection broke")
            refused.append(user)
    return Answer(False, error=f"login refused to {' and to '.join(refused)}")


class HostKeyChangedError(Exception):
    """The machine at an address shows another ssh host key than the recorded one."""


def _ssh(
    address: str, port: int, user: str, known: Path, script: str, *, pinned: bool
) -> subprocess.CompletedProcess[str] | None:
    key = os.environ.get("FLEET_SSH_KEY")
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": str(CONNECT_SECONDS),
        "StrictHostKeyChecking": "yes" if pinned else "accept-new",
        "UserKnownHostsFile": str(known),
        "GlobalKnownHostsFile": "/dev/null",
        "HashKnownHosts": "no",
        "CheckHostIP": "no",
        "HostKeyAlgorithms": KEY_TYPES,
        "UpdateHostKeys": "no",
        "ServerAliveInterval": "5",
        "LogLevel": "ERROR",
    }
    command = ["ssh", "-F", "/dev/null", *(f"-o{k}={v}" for k, v in options.items()), "-p", str(port)]
    if key:
        command += ["-i", key, "-oIdentitiesOnly=yes"]
    command += ["-l", user, address, "sh -s" if user == "root" else "sudo -n sh -s"]
    try:
        return subprocess.run(
            command, input=script, capture_output=True, text=True, timeout=SCRIPT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return None

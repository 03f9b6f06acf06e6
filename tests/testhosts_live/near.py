"""Two test hosts, and how a client on their internet reaches them."""

import subprocess
from pathlib import Path

from rehearsal.testhosts import commands, settings
from rehearsal.testhosts.hosts import Spec

REPOSITORY = Path(__file__).resolve().parents[2]
ALPHA, BETA = ("alpha", "10.78.1.1", "fd78::1:1"), ("beta", "10.78.1.2", "fd78::1:2")


def spec(name: str, ipv4: str, ipv6: str, key: Path) -> Spec:
    public = key.with_suffix(".pub").read_text()
    return Spec(name, ipv4, ipv6, {"root": [public], "admin": [public]})


def from_internet(*argv: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    enter = [commands.tool("nsenter"), f"--net={commands.netns_path(settings.internet())}", "--"]
    return subprocess.run([*enter, *argv], input=stdin, text=True, capture_output=True, check=check, timeout=60)


def options(key: Path) -> list[str]:
    quiet = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    return ["-i", str(key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15", *quiet]


def ssh(key: Path, where: str, command: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    return from_internet("ssh", *options(key), where, command, check=check)

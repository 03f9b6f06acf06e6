"""OpenSSH's sftp, as tests of devspace call it."""

from __future__ import annotations

from pathlib import Path

OPTIONS = (
    *("BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none"),
    *("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"),
)


def sftp(key: Path, at: str, port: int, *more: str) -> list[str]:
    """The command line of one that reads its commands from standard input, has this key alone and knows no server."""
    words = [word for option in OPTIONS for word in ("-o", option)]
    return ["sftp", "-F", "none", *words, "-i", str(key), *more, "-P", str(port), "-b", "-", at]

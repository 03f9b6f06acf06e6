"""Break-glass, proved from outside: a real login with the private key on every host, and each host's own drill.

What a host can prove by itself is that its sshd would accept a key; that somebody has the other half is proved here.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cli.host_log import reached, ssh, user
from cli.mistake import Mistake
from cli.together import ask
from cli.way_in import WayIn

MOST = 30.0
# Its exit code is in the record too: a key that does not work is an answer, and no failed connection.
SCRIPT = "fleet-login drill >/dev/null 2>&1; cat /var/lib/fleet/login-drill.json"


@dataclass(frozen=True)
class Drilled:
    """What came of one host."""

    account: str
    seconds: float = 0.0
    """From connecting to the host's record."""
    wrong: tuple[str, ...] = ()
    keys: tuple[str, ...] = field(default=())
    """Fingerprints of the keys that the host's sshd accepts."""


def drill(way: WayIn, hosts: tuple[str, ...]) -> tuple[list[str], bool]:
    """(one line a host, whether all of it works). All hosts at once."""
    if unknown := [host for host in hosts if host not in way.fleet.managed]:
        raise Mistake(unknown[0], "is no managed machine", "keys are proved on hosts", "see `fleet machines`")
    wanted = hosts or tuple(way.fleet.managed)
    calls = {host: partial(once, reached(way, host), way.fleet.fqdn(host)) for host in wanted}
    answers = ask(calls, MOST)
    lines, well = [], True
    for host, answer in answers.items():
        found = answer.value or Drilled("-", wrong=(str(answer.error or f"no answer within {MOST:.0f} s"),))
        well = well and not found.wrong
        if found.wrong:
            lines.append(f"{host}: DOES NOT WORK: {'; '.join(found.wrong)}")
        else:
            lines.append(
                f"{host}: {found.account} logged in and became root, {found.seconds:.1f} s; {len(found.keys)} keys work"
            )
    return lines, well


def once(connection: Mapping[str, Any], fqdn: str) -> Drilled:
    """Log in to one host, become root, and have it drill its own keys."""
    account = user(connection)
    with tempfile.TemporaryDirectory() as folder:
        words = ssh(connection, connection["address"] or fqdn, Path(folder))
        words[1:1] = ["-n", "-o", "BatchMode=yes"]
        command = shlex.join(["sh", "-c", SCRIPT] if account == "root" else ["sudo", "-n", "sh", "-c", SCRIPT])
        begun = time.monotonic()
        try:
            done = subprocess.run([*words, command], capture_output=True, text=True, timeout=MOST - 1, check=False)
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            return Drilled(account, wrong=(f"ssh: {error}",))
    took = time.monotonic() - begun
    if done.returncode == 255:
        said = done.stderr.strip().splitlines()
        return Drilled(account, took, (f"{account} could not log in: {said[-1] if said else 'ssh says nothing'}",))
    return judged(account, took, done.stdout)


def judged(account: str, took: float, text: str) -> Drilled:
    """What a host's record says."""
    try:
        said = json.loads(text)
        wrong = tuple(f"{it['account']} with {it['key']}: {it['why']}" for it in said["keys"] if not it["works"])
        works = tuple(it["key"] for it in said["keys"] if it["works"])
    except (ValueError, KeyError, TypeError):
        return Drilled(account, took, (f"{account} logged in, but the host keeps no record of a drill",))
    return Drilled(account, took, wrong if works or wrong else ("no key is drilled on this host",), works)

"""What people would write into Nomad for jobs to read: made up for this rehearsal, and only what is missing.

What is born with the rehearsal's hosts, as whom they trust, is written again where it changed.
"""

from __future__ import annotations

import secrets
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from components.blocks import jobs
from model import Fleet
from rehearsal import around
from rehearsal.alone.adapted import Alone
from servers import Api


def wanted(fleet: Fleet) -> dict[tuple[str, str], set[str]]:
    """(namespace, path) of each variable that a job reads, with its keys."""
    found: dict[tuple[str, str], set[str]] = {}
    for name, job in jobs(fleet).items():
        for path, keys in Alone(name, job.body).variables.items():
            found.setdefault((job.body["Namespace"], path), set()).update(keys)
    return found


def made_up(key: str) -> str:
    """A value for a key that nobody wrote: a real one where a server would not start with any other text."""
    kind = key.removeprefix("ssh_host_").removesuffix("_key")
    if key == f"ssh_host_{kind}_key":
        with tempfile.TemporaryDirectory(prefix="fleet-host-key-") as folder:
            file = Path(folder) / "key"
            subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(file)], check=True)
            return file.read_text()
    # rsync's file of users takes name:password; whatever else reads it is content with any text.
    return f"buildsync:{secrets.token_hex(16)}"


def write(fleet: Fleet, nomad: Api, born: Mapping[str, str]) -> list[str]:
    """Make up the missing ones; returns their paths. What somebody wrote stays, but for what is `born` with hosts."""
    made = []
    known = around.known()
    for (namespace, path), keys in sorted(wanted(fleet).items()):
        there = nomad.get(f"/v1/var/{path}", namespace=namespace, missing_ok=True) or {}
        items = dict(there.get("Items") or {})
        missing = keys - items.keys()
        other = {key: born[key] for key in sorted(keys & born.keys()) if items.get(key) != born[key]}
        if missing or other:
            items |= {key: known.get(key) or made_up(key) for key in sorted(missing - other.keys())} | other
            body = {"Path": path, "Namespace": namespace, "Items": items}
            nomad.put(f"/v1/var/{path}", body, namespace=namespace, cas=there.get("ModifyIndex", 0))
            made.append(f"{namespace}:{path}")
    return made

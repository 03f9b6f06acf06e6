"""What people would write into Nomad for jobs to read: made up for this rehearsal, and only what is missing."""

from __future__ import annotations

import secrets

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


def write(fleet: Fleet, nomad: Api) -> list[str]:
    """Make up the missing ones; returns their paths. What somebody wrote stays."""
    made = []
    known = around.known()
    for (namespace, path), keys in sorted(wanted(fleet).items()):
        there = nomad.get(f"/v1/var/{path}", namespace=namespace, missing_ok=True) or {}
        items = dict(there.get("Items") or {})
        missing = keys - items.keys()
        if missing:
            # rsync's file of users takes name:password; whatever else reads it is content with any text.
            items |= {key: known.get(key) or f"buildsync:{secrets.token_hex(16)}" for key in sorted(missing)}
            body = {"Path": path, "Namespace": namespace, "Items": items}
            nomad.put(f"/v1/var/{path}", body, namespace=namespace, cas=there.get("ModifyIndex", 0))
            made.append(f"{namespace}:{path}")
    return made

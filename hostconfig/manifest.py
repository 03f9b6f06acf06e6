"""What this program put on a host, kept there: so that what leaves the data can be removed, and a hand's work told.

It is written before a change (with what each file is about to become) and after: a run that dies in between leaves
nothing that would later look like a hand edit, or that would never be removed.
"""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from hostconfig.desired import Strict

FOLDER = "/var/lib/fleet"
BEFORE = "/var/lib/fleet/before"


def path(layer: str) -> str:
    """Where a layer's manifest is kept."""
    return f"{FOLDER}/{layer}.json"


class FileRecord(Strict):
    """A file of ours: what it holds, and what a change that may not have ended was about to put there."""

    sha256: str | None
    mode: str
    owner: str = "root:root"
    next: str | None = None
    ours: bool = True
    """False while a file from before us awaits its first change, so that it is kept even if that change comes late."""


class AccountRecord(Strict):
    """A user we look after; `made` says that it did not exist before."""

    made: bool
    groups: tuple[str, ...]
    shell: str


class SysctlRecord(Strict):
    """A kernel setting: the value from before us, and ours."""

    before: str
    value: str


class Manifest(Strict):
    """Everything that one layer has on one host. What one layer made is ours for each layer that wants it."""

    version: Literal[1] = 1
    files: dict[str, FileRecord] = {}
    packages: tuple[str, ...] = ()
    """Packages that we installed."""
    wanted: tuple[str, ...] = ()
    """Packages that should be there, whoever installed them."""
    groups: tuple[str, ...] = ()
    """Groups that we made."""
    users: dict[str, AccountRecord] = {}
    sysctl: dict[str, SysctlRecord] = {}
    services: tuple[str, ...] = ()
    peers: dict[str, str] = {}
    """Fabric peers by name, with their public keys."""


def dump(manifest: Manifest) -> str:
    """The manifest as text; one path a line, so that a shell can list the files without a JSON parser."""
    return json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"


def load(text: str) -> Manifest | None:
    """The manifest of a host; None where there is none."""
    return Manifest.model_validate_json(text) if text.strip() else None


def sha256(text: str) -> str:
    """Fingerprint of a file's text."""
    return hashlib.sha256(text.encode()).hexdigest()

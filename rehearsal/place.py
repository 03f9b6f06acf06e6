"""Where a rehearsal keeps its things on this machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal import engine
from rehearsal.testhosts import settings
from toolchain.places import ROOT

STACKS = ROOT / "stacks" / engine.STACK


class CannotRunError(RuntimeError):
    """This machine cannot run test hosts; the text says what it can do."""


@dataclass(frozen=True)
class Place:
    """Where this rehearsal keeps its things."""

    run: Path

    @property
    def key(self) -> Path:
        """The operator's private key, made for this rehearsal."""
        return self.run / "operator" / "id_ed25519"

    @property
    def socket(self) -> Path:
        """Where the embedded cloud listens."""
        return self.run / "cloud.sock"

    @property
    def checkpoint(self) -> Path:
        """The stack's state."""
        return self.run / "backend" / ".pulumi" / "stacks" / "fleet" / f"{engine.STACK}.json"

    @property
    def summary(self) -> Path:
        """What the last `up` did, for whoever wants to read it by machine."""
        return self.run / "logs" / "up-summary.json"

    @property
    def env(self) -> dict[str, str]:
        """The environment of this rehearsal's Pulumi."""
        return engine.environment(self.run, key=self.key)

    def resources(self) -> list[dict[str, Any]]:
        """The resources in the state; empty without one."""
        return list(self.deployment().get("resources") or [])

    def deployment(self) -> dict[str, Any]:
        """The state as it lies on disk."""
        if not self.checkpoint.is_file():
            return {}
        whole = json.loads(self.checkpoint.read_text() or "{}")
        found: dict[str, Any] = (whole.get("checkpoint") or {}).get("latest") or {}
        return found


def place() -> Place:
    """This rehearsal's files."""
    return Place(settings.run())

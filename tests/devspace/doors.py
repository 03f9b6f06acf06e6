"""The doors of the devspace matrix, who tries them, and what may come of it.

A door is a host's own sshd, or devspace. A cell has two results: whether the server let somebody in at all, and whether
the way had its effect (a command ran, a port was forwarded, a file arrived).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["host", "devspace"]
KEYS = ("ed25519", "ecdsa", "rsa")
PERSONAS = ("devspace", "shell", "both", "removed", "locked", "root", "break-glass", "wrong case")


@dataclass(frozen=True)
class Door:
    """A server to try: what it is, where it is, and the words in front of a command that reaches it."""

    name: str
    kind: Kind
    address: str
    port: int
    prefix: tuple[str, ...] = ()


@dataclass(frozen=True)
class Who:
    """Somebody who tries: by which name, with which private keys (by kind, and `forced` for one with a command)."""

    persona: str
    name: str
    keys: dict[str, Path] = field(hash=False, compare=False)


@dataclass(frozen=True)
class Result:
    """What came of one cell."""

    let_in: bool
    effect: bool
    said: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class Cell:
    """One try: a way, a door, somebody."""

    way: str
    door: Door
    who: Who

    def __str__(self) -> str:
        return f"{self.way} · {self.door.name} · {self.who.persona}"

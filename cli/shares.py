"""Unseal shares on their way to the people who hold them. Never on standard output, never in a log."""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from cli.asking import say
from cli.mistake import Mistake

_CLEAR = "\033[2J\033[3J\033[H"  # the screen, and what was scrolled off it


def files(folder: Path, holders: Sequence[str]) -> list[Path]:
    """One file for each holder. Two holders with names that look alike as file names get a number."""
    stems = [re.sub(r"[^A-Za-z0-9._-]+", "-", holder).strip("-.") or "holder" for holder in holders]
    return [
        folder / f"{stem if stems.count(stem) == 1 else f'{stem}-{number}'}.share"
        for number, stem in enumerate(stems, 1)
    ]


def prepare(folder: Path) -> None:
    """Make the folder before there is anything to put into it, so that no share is lost for want of a place."""
    try:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        probe = folder / ".probe"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise Mistake(
            str(folder), f"cannot hold shares ({error})", "shares go to a folder of one person", "name another folder"
        ) from None


def write(folder: Path, holders: Sequence[str], shares: Sequence[str]) -> None:
    """Each share in a file that only its owner reads. For rehearsals, and for handing over on separate media."""
    for path, share in zip(files(folder, holders), shares, strict=True):
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{share}\n")


def read(folder: Path, holders: Sequence[str]) -> list[str]:
    """The shares that lie in a folder."""
    return [path.read_text().strip() for path in files(folder, holders) if path.is_file()]


def show(holders: Sequence[str], shares: Sequence[str], encrypted: bool) -> None:
    """One holder after the other comes to the screen; the next does not see what was there."""
    kind = "encrypted for their key" if encrypted else "in clear"
    for number, (holder, share) in enumerate(zip(holders, shares, strict=True), 1):
        _pause(f"Share {number} of {len(shares)} is for {holder} ({kind}). Only {holder} looks now: press Enter")
        say(f"\n    {share}\n")
        _pause(f"{holder} has written it down, and will keep it off this machine: press Enter")
        say(_CLEAR)


def public_keys(folder: Path, holders: Sequence[str]) -> list[str]:
    """Each holder's OpenPGP key as Vault takes it. Raises Mistake where one is missing."""
    found = []
    for path in files(folder, holders):
        options = [path.with_suffix(suffix) for suffix in (".asc", ".gpg", ".pgp")]
        there = [option for option in options if option.is_file()]
        if not there:
            raise Mistake(
                str(folder),
                f"no key {options[0].name}",
                "with --pgp-keys every holder has a public key in the folder",
                "export it there (`gpg --export --armor`), or leave --pgp-keys out",
            )
        found.append(_plain(there[0].read_bytes()))
    return found


def _plain(key: bytes) -> str:
    """A key as base64 of its bytes: armour is such text already, between its head and its checksum."""
    if not key.startswith(b"-----BEGIN PGP"):
        return base64.b64encode(key).decode()
    body = key.decode("ascii", errors="replace").split("-----")[2].strip("\n")
    _, _, text = body.replace("\r", "").rpartition("\n\n")
    return "".join(line for line in text.splitlines() if not line.startswith("="))


def _pause(text: str) -> None:
    print(f"{text} ", end="", file=sys.stderr, flush=True)
    sys.stdin.readline()

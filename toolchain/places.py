"""Where things are kept outside the checkout, and how they get there in one piece."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLCHAIN = ROOT / "toolchain"


def cache() -> Path:
    """The folder that every checkout of this user shares; FLEET_CACHE moves it."""
    base = os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME") or "/root", ".cache")
    return Path(os.environ.get("FLEET_CACHE") or Path(base, "void-fleet")).absolute()


def run_folder() -> Path:
    """The folder of a running rehearsal; FLEET_RUN moves it."""
    return Path(os.environ.get("FLEET_RUN") or "/var/tmp/void-fleet-rehearsal").absolute()


def digest(*parts: bytes | str) -> str:
    """A short name for exactly these contents; the length of each is part of it."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:16]


def digest_files(folder: Path) -> str:
    """One name for all files below a folder, their paths and modes included."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    parts: list[bytes | str] = []
    for path in found:
        parts += [str(path.relative_to(folder)), str(path.stat().st_mode & 0o111), path.read_bytes()]
    return digest(*parts)


@contextlib.contextmanager
def locked(name: str, folder: Path) -> Iterator[None]:
    """Hold a lock for one thing while it is made, so that two runs at once make it once. Ends with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f".{name}.lock", "w") as handle:
        said = 0.0
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() - said > 3:
                    said = time.monotonic()
                    print(f"{name}: another run is making it, waiting for that one", file=sys.stderr, flush=True)
                time.sleep(0.2)
        yield


@contextlib.contextmanager
def in_one_piece(final: Path) -> Iterator[Path]:
    """A folder to fill; it appears under its final name only when complete. Remains of killed runs are removed."""
    final.parent.mkdir(parents=True, exist_ok=True)
    for remains in final.parent.glob(f"{final.name}.tmp-*"):
        shutil.rmtree(remains, ignore_errors=True)
    draft = final.parent / f"{final.name}.tmp-{os.getpid()}"
    draft.mkdir()
    try:
        yield draft
        if final.exists():
            shutil.rmtree(final)
        draft.rename(final)
    finally:
        shutil.rmtree(draft, ignore_errors=True)

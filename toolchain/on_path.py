"""Finds a tool that the machine has already, if it is of a version that fits, and looks whether a made one runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from toolchain.commands import said_by
from toolchain.golang import version_of
from toolchain.places import TOOLCHAIN, cache
from toolchain.progress import UnavailableError


def fitting(name: str, wanted: str, path: str) -> Path | None:
    """A tool on PATH that fits: not one of ours, the pinned version or a later one of the same major."""
    own = (str(TOOLCHAIN), str(cache()))
    folders = [entry for entry in path.split(os.pathsep) if entry and not entry.startswith(own)]
    found = shutil.which(name, path=os.pathsep.join(folders)) if folders else None
    if found is None:
        return None
    version, pinned = version_of(said_by([found, "version"])), version_of(wanted)
    if version[:1] == pinned[:1] and version >= pinned:
        return Path(found).resolve()
    print(
        f"{found} is of version {'.'.join(map(str, version)) or 'unknown'}, "
        f"needed is {wanted} or a later {pinned[0]}.x: not used"
    )
    return None


def check_runs(binary: Path, version: str) -> None:
    """A binary for another machine, or half of one, must not be kept."""
    if version_of(said_by([str(binary), "version"])) != version_of(version):
        raise UnavailableError(
            f"{binary.name} was made but does not answer with version {version}\n"
            "  way out: see whether this folder may run programs (mount option noexec), or set FLEET_CACHE elsewhere"
        )


def check_starts(binary: Path) -> None:
    """The same for one that has no word for its version: it must at least be able to say how it is used."""
    try:
        done = subprocess.run([str(binary), "--help"], capture_output=True, timeout=15, stdin=subprocess.DEVNULL)
        said = done.stdout + done.stderr
    except (OSError, subprocess.TimeoutExpired):
        said = b""
    if b"--help" not in said and b"sage" not in said:
        raise UnavailableError(
            f"{binary.name} was made but does not start\n"
            "  way out: see whether this folder may run programs (mount option noexec), or set FLEET_CACHE elsewhere"
        )

"""Makes the Python environment: exactly what requirements.txt pins, checked by hash."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from toolchain.commands import ignore, lines_of, said_by
from toolchain.golang import version_of
from toolchain.places import ROOT, cache, digest, locked
from toolchain.progress import Estimate, Progress, UnavailableError

NEEDED = (3, 11)
NAMES = ("python3", "python3.13", "python3.12", "python3.11", "python3.14")
# Thousands of modules each, of which a stack imports a handful: compiled when imported, not in advance.
LAZY = ("pulumi_aws", "pulumi_gcp")
SECONDS = 90.0


def python() -> tuple[str, str]:
    """A Python that fits, and its exact version."""
    seen: list[str] = []
    outside = [entry for entry in os.environ.get("PATH", "").split(os.pathsep) if not entry.startswith(str(ROOT))]
    candidates = [sys.executable] if sys.prefix == sys.base_prefix else []
    for found in candidates + [shutil.which(name, path=os.pathsep.join(outside)) or "" for name in NAMES]:
        version = said_by([found, "-c", "import platform, sys; print(platform.python_version(), sys.base_prefix)"])
        if version_of(version) >= NEEDED:
            return found, version.split()[0]
        if version:
            seen.append(f"{found} {version.split()[0]}")
    wanted = ".".join(map(str, NEEDED))
    raise UnavailableError(
        f"no Python {wanted} or newer; found: {', '.join(seen) or 'none'}\n"
        f"  way out: install python{wanted} with its venv module (on Debian: apt-get install python3 python3-venv)"
    )


def environment_folder(requirements: str = "requirements.txt", version: str | None = None) -> Path:
    """Where the environment for these pins and this Python is kept."""
    name = "venv" if requirements == "requirements.txt" else f"venv-{Path(requirements).stem.split('-')[-1]}"
    return cache() / f"{name}-{digest((ROOT / requirements).read_bytes(), version or python()[1])}"


def ensure_environment(requirements: str = "requirements.txt") -> Path:
    """The environment, made if it is not there or was left half made."""
    interpreter, version = python()
    folder = environment_folder(requirements, version)
    done = folder / ".complete"
    if done.exists() and said_by([str(folder / "bin" / "python"), "-c", "print(1)"]):
        return folder
    with locked(folder.name, cache()):
        if done.exists():
            return folder
        make(folder, interpreter, requirements)
        done.write_text(version + "\n")
    return folder


def make(folder: Path, interpreter: str, requirements: str) -> None:
    """Fill the environment in place (its scripts name their folder); a half made one is begun again, downloads kept."""
    pins = re.findall(r"^[A-Za-z0-9_.-]+==", (ROOT / requirements).read_text(), flags=re.MULTILINE)
    seconds = SECONDS if requirements == "requirements.txt" else 30.0
    with Progress(f"Python environment ({requirements})", Estimate(seconds, tail=0.3 * seconds)) as progress:
        progress.doing = "creating"
        shutil.rmtree(folder, ignore_errors=True)
        lines_of(
            [interpreter, "-m", "venv", str(folder)],
            ignore,
            what=f"making an environment with {interpreter}",
            way_out="on Debian: apt-get install python3-venv, then start again",
        )
        progress.doing, progress.estimate.total = "packages fetched", len(pins)

        def heard(line: str) -> None:
            # What was kept from an earlier run is named too, so that the count is right after an interruption.
            progress.estimate.done += line.startswith("Collecting ")
            if line.startswith("Installing collected packages"):
                progress.doing = "unpacking"
                progress.estimate.done = progress.estimate.total

        program = str(folder / "bin" / "python")
        words = ["-m", "pip", "install", "--require-hashes", "--no-compile", "--no-input", "--progress-bar", "off"]
        lines_of(
            [program, *words, "-r", str(ROOT / requirements)],
            heard,
            env={"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            what=f"installing {requirements}",
            way_out="see whether pip reaches its index (pip config list), then start again: what was fetched is kept",
        )
        progress.doing = "compiling packages"
        lazy = "|".join(LAZY)
        words = ["-m", "compileall", "-q", "-j", "0", "-x", rf"/({lazy})/", str(folder / "lib")]
        # Some packages ship templates named .py that no Python can compile: not worth a failure.
        lines_of(
            ["sh", "-c", '"$@" || true', "sh", program, *words],
            ignore,
            what="compiling packages",
            way_out="start again",
        )

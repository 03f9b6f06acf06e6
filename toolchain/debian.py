"""Installs the Debian packages that the rehearsal needs, without starting a single service of theirs."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from toolchain.commands import ignore, lines_of, said_by
from toolchain.places import TOOLCHAIN, cache, locked
from toolchain.progress import Estimate, Progress, UnavailableError

LIST = TOOLCHAIN / "debian-packages.txt"
# Debian's package scripts ask this file before they start a service; 101 means "not here".
POLICY = Path("/usr/sbin/policy-rc.d")
MARK = "# placed by void-fleet while packages are installed; removed afterwards"


def wanted() -> list[str]:
    """Package names of the list, without its comments."""
    lines = (line.split("#")[0].strip() for line in LIST.read_text().splitlines())
    return [line for line in lines if line]


def missing() -> list[str]:
    """What of the list is not installed."""
    said = said_by(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n"])
    installed = {line.split()[0] for line in said.splitlines() if line.split()[1:] == ["ii"]}
    return [name for name in wanted() if name not in installed]


def obstacle() -> str:
    """Why packages cannot be installed here; empty if they can."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-query") is None:
        return "this is no Debian system"
    if os.geteuid() != 0:
        return "only root may install packages"
    return ""


def ensure_packages() -> None:
    """Install what is missing; raises with the list where that is not possible."""
    if shutil.which("dpkg-query") is not None and not missing():
        return
    why = obstacle()
    if why:
        raise UnavailableError(
            f"the rehearsal's test hosts need Debian packages, and {why}\n"
            f"  they are: {' '.join(missing() if shutil.which('dpkg-query') else wanted())}\n"
            "  way out: have root install them; until then 'make preview' plans the whole fleet without them"
        )
    with locked("debian-packages", cache()), quiet_services(POLICY):
        names = missing()
        if names:
            install(names)


def install(names: list[str]) -> None:
    """Refresh the lists once, then install."""
    settings = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "LC_ALL": "C"}
    # Waits for another apt on this machine instead of failing; reports progress as lines on standard output.
    options = ["-q", "-o", "DPkg::Lock::Timeout=300", "-o", "APT::Status-Fd=1"]
    way_out = "see the lines above; once 'apt-get update' works on this machine, start again"
    with Progress(f"Debian packages ({len(names)})", Estimate(90.0, tail=5.0)) as progress:
        progress.doing = "refreshing the lists"
        lines_of(["apt-get", *options, "update"], ignore, env=settings, what="apt-get update", way_out=way_out)
        progress.doing, progress.estimate.total = "per cent", 100

        def heard(line: str) -> None:
            words = line.split(":")
            if words[0] in ("dlstatus", "pmstatus") and len(words) > 3:
                with contextlib.suppress(ValueError):
                    half = 0.5 * float(words[2])
                    progress.estimate.done = int(half if words[0] == "dlstatus" else 50 + half)

        words = ["apt-get", *options, "install", "-y", "--no-install-recommends", *names]
        lines_of(words, heard, env=settings, what="apt-get install", way_out=way_out)


@contextlib.contextmanager
def quiet_services(policy: Path) -> Iterator[None]:
    """Forbid package scripts to start services; the machine's own policy is put back, also after a killed run."""
    kept = policy.with_name(policy.name + ".before-void-fleet")
    if policy.exists() and MARK not in policy.read_text(errors="replace"):
        policy.rename(kept)
    try:
        policy.write_text(f"#!/bin/sh\n{MARK}\nexit 101\n")
        policy.chmod(0o755)
        yield
    finally:
        policy.unlink(missing_ok=True)
        if kept.exists():
            kept.rename(policy)

"""Real packages with manual pages, for the origin of the rehearsal and for the bench: downloaded once, by apt.

Which, follows from Debian's own list: small ones whose tags say that they have a command, in an order that is the same
everywhere and follows no alphabet. Nearly all of those have pages; the list itself does not say which.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from rehearsal.testhosts import packages, settings, sources
from rehearsal.testhosts.base import alone
from rehearsal.testhosts.commands import contained
from rehearsal.testhosts.settings import RehearsalError
from toolchain.places import digest
from toolchain.progress import Estimate, Progress

NUMBER = 600
TAG = "interface::commandline"
LARGEST = 150_000


def path(number: int = NUMBER) -> Path:
    """Where they are, or will be."""
    release = re.findall(r"^VERSION_CODENAME=(.*)$", Path("/etc/os-release").read_text(), re.MULTILINE)
    return settings.cache() / f"manuals-{'-'.join(release)}-{number}-{digest(TAG, str(LARGEST))}"


def ensure(number: int = NUMBER) -> Path:
    """A flat repository of that many packages, made if it is not there."""
    target = path(number)
    settings.cache().mkdir(parents=True, exist_ok=True)
    with alone(settings.cache() / "manuals.lock", print):
        if not target.is_dir():
            with Progress(f"downloading {number} packages with manual pages", Estimate(60.0)):
                build(target, number)
    return target


def build(target: Path, number: int) -> None:
    """Download them into a folder beside, and give it its name when it is whole."""
    draft = target.with_name(f"{target.name}.tmp-{os.getpid()}")
    state = draft / "apt"
    for part in ("lists/partial", "archives/partial", "etc"):
        (state / part).mkdir(parents=True)
    (state / "status").touch()
    (state / "sources.list").write_text("\n".join(source.line() for source in sources.read()) + "\n")
    options = [
        f"Dir::State::lists={state}/lists",
        f"Dir::State::status={state}/status",
        f"Dir::Cache={state}",
        f"Dir::Etc::sourcelist={state}/sources.list",
        f"Dir::Etc::sourceparts={state}/etc",
        f"Dir::Etc::preferencesparts={state}/etc",
        "APT::Sandbox::User=root",
        "Debug::NoLocking=true",
    ]
    flags = [part for option in options for part in ("-o", option)]
    try:
        _apt(["apt-get", *flags, "update"], draft)
        names = chosen(_apt(["apt-cache", *flags, "dumpavail"], draft), number)
        _apt(["apt-get", *flags, "download", *names], draft)
        for package in draft.glob("*.deb"):
            package.rename(draft / package.name.replace("%3a", "-"))
        shutil.rmtree(state)
        packages.index(draft)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def chosen(listing: str, number: int) -> list[str]:
    """Names of so many packages of a list."""
    found = set()
    for paragraph in listing.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Size): (.*)$", paragraph, re.MULTILINE))
        if TAG in paragraph and 5_000 < int(fields.get("Size", 0)) <= LARGEST:
            found.add(fields["Package"])
    if len(found) < number:
        raise RehearsalError(f"Debian's list names {len(found)} packages that fit, and {number} are needed")
    return sorted(found, key=lambda name: hashlib.sha256(name.encode()).digest())[:number]


def _apt(words: list[str], where: Path) -> str:
    done = subprocess.run(contained(words), cwd=where, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise RehearsalError(
            f"downloading packages with manual pages failed: {done.stderr.strip()[-1500:]}\n"
            "try `apt-get update` and run the same command again"
        )
    return done.stdout

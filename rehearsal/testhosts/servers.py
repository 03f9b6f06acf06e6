"""The servers as packages of a host: Debian has none that could be shared by all test hosts.

Each is one binary of the toolchain, in a package of its own name, with the account its service runs under.
"""

import re
import shutil
from pathlib import Path

from rehearsal.testhosts.commands import execute
from rehearsal.testhosts.settings import RehearsalError
from toolchain.commands import said_by
from toolchain.servers import SERVERS, SILENT, servers_folder

# Nothing is started: services of a host are those in /etc/service.
AFTER = """#!/bin/sh
set -e
getent passwd {name} >/dev/null ||
    useradd --system --user-group --home-dir /var/lib/{name} --shell /usr/sbin/nologin {name}
"""


def sums() -> str:
    """What tells these binaries from others; empty while they are not there."""
    file = servers_folder() / "sums"
    return file.read_text() if file.is_file() else ""


def require() -> None:
    """Say at once, and not half-way through a build, that they are not there."""
    if not sums():
        raise RehearsalError(
            f"the servers that test hosts run ({', '.join(SERVERS)}) are not there; "
            "`python3 toolchain/install.py servers` brings them"
        )


def install(root: Path, scratch: Path) -> None:
    """Make the packages and install them into a root file system."""
    require()
    made = [str(package(name, scratch)) for name in SERVERS]
    execute(["dpkg", f"--root={root}", "--force-unsafe-io", "--install", *made])
    shutil.rmtree(scratch)


def package(name: str, scratch: Path) -> Path:
    """One package: not compressed, since it is unpacked at once and thrown away."""
    binary = servers_folder() / "bin" / name
    tree = scratch / name
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr/bin").mkdir(parents=True)
    target = tree / "usr/bin" / name
    shutil.copyfile(binary, target)
    target.chmod(0o755)
    control = tree / "DEBIAN"
    architecture = execute(["dpkg", "--print-architecture"]).strip()
    (control / "control").write_text(
        f"Package: {name}\nVersion: {version(name, binary)}\nArchitecture: {architecture}\nSection: admin\n"
        "Maintainer: void-fleet <fleet@rehearsal.invalid>\nDepends: passwd\n"
        f"Description: {name}, built from its pinned source for the rehearsal\n"
    )
    (control / "postinst").write_text(AFTER.format(name=name))
    (control / "postinst").chmod(0o755)
    packed = scratch / f"{name}.deb"
    execute(["dpkg-deb", "-Znone", "--root-owner-group", "--build", str(tree), str(packed)])
    return packed


def version(name: str, binary: Path) -> str:
    """What a binary says of itself, or what it was built from where it says nothing."""
    if name in SILENT:
        return SERVERS[name][0]
    found = re.search(r"\d+\.\d+\.\d+", said_by([str(binary), "version"]))
    if not found:
        raise RehearsalError(f"{binary} does not say its version; `python3 toolchain/install.py servers` makes it anew")
    return found[0]

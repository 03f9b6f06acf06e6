"""The flat package repository of the test hosts: what stacks may declare, with everything it depends on.

The packages are resolved against the base's own package database, so that a host can install each with no other source.
"""

import functools
import gzip
import hashlib
import http.server
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

from rehearsal.testhosts import settings, sources
from rehearsal.testhosts.commands import contained, inside, netns_path, tool
from rehearsal.testhosts.settings import RehearsalError

OFFERED = (
    "bind9-dnsutils",
    "chrony",
    "cowsay",
    "fortune-mod",
    "fortunes-min",
    "git",
    "htop",
    "jq",
    "less",
    "libnss-extrausers",
    "lsof",
    "mtr-tiny",
    "ncdu",
    "strace",
    "tcpdump",
    "tmux",
    "tree",
    "unbound",
    "vim-tiny",
    "zstd",
)


def path(recipe: str) -> Path:
    """Where the repository that belongs to a base is, or will be."""
    return settings.cache() / f"packages-{recipe}"


def source_line() -> str:
    """The one package source of a host."""
    return f"deb [trusted=yes] http://{settings.gateway4()}:{settings.REPOSITORY_PORT}/ ./\n"


def build(base: Path, target: Path) -> None:
    """Download what the base lacks and index it."""
    draft = target.with_name(f"{target.name}.tmp-{os.getpid()}")
    state = draft / "apt"
    for part in ("lists/partial", "archives/partial", "etc"):
        (state / part).mkdir(parents=True)
    (state / "sources.list").write_text("\n".join(source.line() for source in sources.read()) + "\n")
    options = [
        f"Dir::State::lists={state}/lists",
        f"Dir::State::status={base}/var/lib/dpkg/status",
        f"Dir::State::extended_states={state}/extended_states",
        f"Dir::Cache={state}",
        f"Dir::Cache::archives={state}/archives",
        f"Dir::Etc::sourcelist={state}/sources.list",
        f"Dir::Etc::sourceparts={state}/etc",
        f"Dir::Etc::preferencesparts={state}/etc",
        "APT::Install-Recommends=false",
        "APT::Sandbox::User=root",
        "Debug::NoLocking=true",
    ]
    flags = [part for option in options for part in ("-o", option)]
    for command in (["update"], ["install", "--yes", "--download-only", *OFFERED]):
        done = subprocess.run(contained(["apt-get", *flags, *command]), text=True, capture_output=True, check=False)
        if done.returncode != 0:
            shutil.rmtree(draft, ignore_errors=True)
            raise RehearsalError(
                f"downloading the test hosts' packages failed: {done.stderr.strip()[-1500:]}\n"
                "try `apt-get update` and run the same command again; it goes on from here"
            )
    for package in sorted((state / "archives").glob("*.deb")):
        # An epoch arrives as %3a, which a client would ask for as a colon.
        package.rename(draft / package.name.replace("%3a", "-"))
    shutil.rmtree(state)
    index(draft)
    draft.rename(target)


def index(folder: Path) -> None:
    """Write Packages and Release, as apt wants them of a flat repository."""
    entries = []
    for package in sorted(folder.glob("*.deb")):
        control = subprocess.run(
            [tool("dpkg-deb"), "--field", str(package)], text=True, capture_output=True, check=True
        ).stdout
        entries.append(entry(control, package.name, package.read_bytes()))
    listing = "\n".join(entries).encode()
    (folder / "Packages").write_bytes(listing)
    (folder / "Packages.gz").write_bytes(gzip.compress(listing, mtime=0))
    # A date must be there, and a fixed one keeps two builds of the same packages alike.
    lines = ["Origin: void-fleet", "Label: void-fleet", "Date: Thu, 01 Jan 1970 00:00:00 UTC", "SHA256:"]
    for name in ("Packages", "Packages.gz"):
        content = (folder / name).read_bytes()
        lines.append(f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}")
    (folder / "Release").write_text("\n".join(lines) + "\n")


def entry(control: str, name: str, content: bytes) -> str:
    """One package's paragraph: its own control fields, and where and what the file is."""
    found = f"Filename: ./{name}\nSize: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n"
    return control.rstrip("\n") + "\n" + found


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line per request."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


def serve(folder: Path | None = None) -> http.server.ThreadingHTTPServer:
    """Serve the repository at the bridge's address until `shutdown()` of what is returned; from any namespace."""
    if folder is None:
        from rehearsal.testhosts import base

        folder = path(base.recipe())
    if not folder.is_dir():
        raise RehearsalError(f"{folder} is not there; `python -m rehearsal.testhosts base` builds it")
    handler = functools.partial(Quiet, directory=str(folder))

    def listen() -> http.server.ThreadingHTTPServer:
        return http.server.ThreadingHTTPServer((settings.gateway4(), settings.REPOSITORY_PORT), handler)

    server = inside(netns_path(settings.internet()), listen)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True, name="packages").start()
    return server

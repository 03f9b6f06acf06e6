"""Puts together the folder with the servers: nomad, consul, vault, netauthd with its two tools, and our own three.

Test hosts get them as packages, operators as commands. Built one after the other: each alone fills two cores.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from toolchain import vendor
from toolchain.engine import link_or_copy, tool_folder
from toolchain.golang import Module, build
from toolchain.on_path import check_runs, check_starts, fitting
from toolchain.places import cache, digest, in_one_piece, locked

SMALL = ("-ldflags", "-s -w")
NETAUTH = "github.com/netauth/netauth/cmd"
# name -> (version, how it is built); go.mod of each pins the same version.
SERVERS = {
    "nomad": ("1.11.0", Module("nomad", "github.com/hashicorp/nomad", SMALL, 260.0)),
    "consul": ("1.22.5", Module("consul", "github.com/hashicorp/consul", SMALL, 330.0)),
    # Our own main package: the minimal Vault with the three plugins that a fleet uses.
    "vault": ("1.21.2", Module("vault", ".", ("-tags", "minimal", *SMALL), 300.0)),
    "netauth": ("0.6.2", Module("netauth", f"{NETAUTH}/netauth", SMALL, 40.0)),
    "netauthd": ("0.6.2", Module("netauthd", f"{NETAUTH}/netauthd", SMALL, 15.0, "netauth")),
    "nsutil": ("0.6.2", Module("nsutil", f"{NETAUTH}/nsutil", SMALL, 10.0, "netauth")),
    # Our own: what every host asks the directory with.
    "fleet-login": ("0.1.0", Module("fleet-login", ".", SMALL, 25.0)),
    # Our own: takes manual pages out of packages, and answers with them on each mirror.
    "fleet-man": ("0.1.0", Module("fleet-man", ".", SMALL, 25.0)),
    # Our own: SFTP for people who have no shell.
    "fleet-devspace": ("0.1.0", Module("fleet-devspace", ".", SMALL, 15.0)),
}
# These have no word for their version: only one that was built here is known to be the pinned one.
SILENT = ("netauth", "netauthd", "nsutil", "fleet-login", "fleet-man", "fleet-devspace")


def servers_folder() -> Path:
    """Where they lie side by side."""
    return cache() / "tools" / f"servers-{digest(*(module.key() for _, module in SERVERS.values()))}"


def ensure_servers() -> Path:
    """The folder with them, made if it is not there."""
    folder = servers_folder()
    if (folder / "sums").is_file():
        return folder
    with locked("servers", cache() / "tools"):
        if (folder / "sums").is_file():
            return folder
        found = {name: ensure_server(name) for name in SERVERS}
        with in_one_piece(folder) as draft:
            (draft / "bin").mkdir()
            for name, source in found.items():
                link_or_copy(source, draft / "bin" / name)
            (draft / "origin").write_text("".join(f"{source}\n" for source in found.values()))
            # Read again and again by whoever needs to know whether they changed: 370 MB are not.
            (draft / "sums").write_text("".join(f"{sum_of(source)}  {name}\n" for name, source in found.items()))
    return folder


def sum_of(file: Path) -> str:
    """A file's SHA-256, read in pieces."""
    total = hashlib.sha256()
    with open(file, "rb") as source:
        while piece := source.read(2**20):
            total.update(piece)
    return total.hexdigest()


def ensure_server(name: str) -> Path:
    """One of them: from PATH, else kept, else from the vendor, else from source."""
    version, module = SERVERS[name]
    if name not in SILENT and (source := fitting(name, version, os.environ.get("PATH", ""))):
        return source
    final = tool_folder(module)
    binary = final / "bin" / name
    if not binary.exists():
        with in_one_piece(final) as draft:
            made = draft / "bin" / name
            made.parent.mkdir()
            if reason := vendor.fetch(name, made):
                print(f"{name}: {reason}; building it from source", flush=True)
                build(module, made)
            if name not in SILENT:
                check_runs(made, version)
            else:
                check_starts(made)
    return binary

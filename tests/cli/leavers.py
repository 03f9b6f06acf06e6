"""Real servers with ann, bo and gus logged in, and stand-ins for what is outside: GitHub, mail, ssh to hosts."""

from __future__ import annotations

import contextlib
import os
import socketserver
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cli import roster_github, roster_now, roster_tell
from cli.login import login, wanted
from cli.way_in import ADDRESS, TOKEN, System
from components.control.plan import plan
from model import load
from providers.netauth.client import Group
from servers import Api, ApiError
from tests.cli.directory import directory, settings
from tests.cli.github_api import TOKEN as GITHUB
from tests.cli.github_api import Hub, serving
from tests.control.servers import Held, holding
from tests.harness import ROOT
from tests.servers import netauth as netauths

PASSWORDS = {"ann": "a-1", "bo": "b-2", "gus": "g-3"}
GROUPS = {"operators": ["ann", "bo"], "observers": ["gus"]}
# What a host would be: runs what it is told here. The host that `down` names does not answer.
SSH = """#!/bin/sh
for word in "$@"; do last=$word; case $word in *@*) where=$word ;; esac; done
echo "$where $last" >> "$FAKE/asked"
if [ -e "$FAKE/down" ] && echo "$where" | grep -qFf "$FAKE/down"; then echo "connection timed out" >&2; exit 255; fi
cat >> "$FAKE/script"
exit 0
"""


@dataclass
class Mails:
    """A mail server that keeps what it is given."""

    port: int = 0
    kept: list[str] = field(default_factory=list)


@dataclass
class World:
    """A fleet's servers with ann, bo and gus logged in."""

    held: Held
    people: netauths.Server
    hub: Hub
    mails: Mails
    fake: Path

    def enter(self, who: str) -> dict[str, str]:
        """Log in as people do."""
        fleet = load(ROOT / "stacks" / "local")
        api = Api("vault", self.held.vault.address)
        return dict(login(api, who, PASSWORDS[who], wanted(fleet)).tokens)

    def works(self, tokens: dict[str, str]) -> list[System]:
        """In which systems a login's tokens are good."""
        ask: dict[System, str] = {
            "vault": "/v1/auth/token/lookup-self",
            "nomad": "/v1/acl/token/self",
            "consul": "/v1/acl/token/self",
        }
        found = []
        for system, path in ask.items():
            if TOKEN[system] not in tokens:
                continue
            try:
                self.held.of(system, tokens[TOKEN[system]]).get(path)
            except ApiError as error:
                if error.status not in (401, 403, 404):
                    raise
            else:
                found.append(system)
        return found


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Held, netauths.Server]]:
    folder = tmp_path_factory.mktemp("servers")
    fleet = load(ROOT / "stacks" / "local")
    with ExitStack() as stack:
        rights = plan(fleet)
        assert rights is not None
        held = stack.enter_context(holding(rights, folder / "held"))
        ldap = stack.enter_context(directory(folder / "slapd", PASSWORDS, GROUPS))
        held.vault.put("/v1/auth/ldap/config", settings(ldap))
        assert fleet.access is not None
        for name, group in fleet.access.vault.groups.items():
            held.vault.put(f"/v1/auth/ldap/groups/{name}", {"policies": ",".join(group.policies)})
        yield held, stack.enter_context(netauths.netauth(folder / "netauth"))


@pytest.fixture
def world(servers: tuple[Held, netauths.Server], project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    held, people = servers
    fake = project / "bin"
    fake.mkdir()
    (fake / "ssh").write_text(SSH)
    (fake / "ssh").chmod(stat.S_IRWXU)
    with serving() as hub, _mail() as mails:
        world = World(held, people, hub, mails, fake)
        tokens = world.enter("ann")
        for api in (held.vault, held.nomad, held.consul):
            monkeypatch.setenv(ADDRESS[api.system], api.address)
            monkeypatch.setenv(TOKEN[api.system], tokens[TOKEN[api.system]])
        for name, value in {
            "FLEET_NETAUTH_TOKEN": people.token,
            "FLEET_NETAUTH_CA": str(people.certificate),
            "FAKE": str(fake),
            "PATH": f"{fake}{os.pathsep}{os.environ['PATH']}",
            roster_github.BASE: hub.address,
            roster_github.TOKEN: GITHUB,
            roster_tell.HOOK: f"{hub.address}/bridge",
            roster_tell.SMTP: f"127.0.0.1:{mails.port}",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(roster_github, "organisation", lambda _: "o")
        # The data's server is a test host; this one is on the loopback.
        monkeypatch.setattr(roster_now, "directory_place", lambda _fleet: people.place)
        yield world


@contextlib.contextmanager
def _mail() -> Iterator[Mails]:
    mails = Mails()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = []
                    while (one := self.rfile.readline()) != b".\r\n":
                        lines.append(one.decode())
                    mails.kept.append("".join(lines))
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        mails.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield mails
        server.shutdown()


def known_to_directory(world: World, handle: str) -> None:
    """An entity that may log in, in two groups."""
    client = world.people.client()
    for group, number in (("operators", 3002), ("mirror-keepers", 3005)):
        if client.group(group) is None:
            client.create_group(Group(group, number))
    if client.entity(handle) is None:
        client.create_entity(handle, 2002, "a password of theirs")
    client.set_locked(handle, False)
    for group in ("operators", "mirror-keepers"):
        client.set_member(handle, group, True)

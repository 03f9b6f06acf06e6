"""An emergency and what follows a leaving, on real servers: Vault, Nomad, Consul, NetAuth, slapd."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socketserver
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from cli import roster_github, roster_now, roster_tell
from cli.login import login, wanted
from cli.way_in import ADDRESS, TOKEN, System
from components.control.plan import plan
from components.ground import connections
from components.roster.rights import of_kind, rights, token_roles
from model import load
from providers.base.resource import ProviderError
from providers.base.values import Bag
from providers.netauth.client import Group
from providers.netauth.tokens import Tokens
from servers import Api, ApiError, tokens
from tests.cli.directory import directory, settings
from tests.cli.github_api import TOKEN as GITHUB
from tests.cli.github_api import Hub, serving
from tests.cli.rosters import DAY, edit, everything, project, text
from tests.cli.run import Ran
from tests.control.servers import Held, holding
from tests.harness import ROOT
from tests.servers import netauth as netauths
from tests.servers.real import wait_for

__all__ = ["project"]
pytestmark = pytest.mark.servers

Fleet = Callable[..., Ran]
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
    client = world.people.client()
    for group, number in (("operators", 3002), ("mirror-keepers", 3005)):
        if client.group(group) is None:
            client.create_group(Group(group, number))
    if client.entity(handle) is None:
        client.create_entity(handle, 2002, "a password of theirs")
    client.set_locked(handle, False)
    for group in ("operators", "mirror-keepers"):
        client.set_member(handle, group, True)


def emergency(fleet: Fleet, *more: str) -> Ran:
    words = ("--emergency", "--as-of", DAY, "--instead", "mirror-keepers=fay", *more)
    return fleet("offboard", "bo", "-s", "local", *words)


def test_an_emergency_ends_everything_and_leaves_the_patch(fleet: Fleet, world: World, project: Path) -> None:
    known_to_directory(world, "bo")
    world.hub.logins, world.hub.members = {900000002: "bo-renamed"}, {"bo-renamed", "ann"}
    his, hers, other = world.enter("bo"), world.enter("ann"), world.enter("gus")
    more = Api("vault", world.held.vault.address, his[TOKEN["vault"]])
    child = more.post("/v1/auth/token/create", {"policies": ["operator"]})["auth"]["client_token"]
    orphan = more.post("/v1/auth/token/create-orphan", {"policies": ["operator"]})["auth"]
    assert world.works(his) == ["vault", "nomad", "consul"] == world.works(hers)
    (world.fake / "down").write_text(_a_host(project))

    ran = emergency(fleet, "--yes")
    assert ran.code == 1, ran.err
    assert "NOT DONE  a-ams-nl: connection timed out" in ran.err
    assert ran.err.count("  NOT DONE") == 1
    assert world.works(his) == []
    assert world.works({TOKEN["vault"]: child}) == []
    # Vault says of nobody that it is theirs, so a person has to look.
    assert world.works({TOKEN["vault"]: orphan["client_token"]}) == ["vault"]
    assert orphan["accessor"] in ran.err
    world.held.vault.put("/v1/auth/token/revoke-accessor", {"accessor": orphan["accessor"]})
    assert world.works(hers) == ["vault", "nomad", "consul"]
    assert "vault" in world.works(other)
    entity = world.people.client().entity("bo")
    assert entity is not None
    assert (entity.locked, entity.groups) == (True, ())
    assert world.hub.members == {"ann"}
    (note,) = world.hub.channel
    (mail,) = world.mails.kept
    assert note["text"].startswith(
        "bo's access to the fleet was ended at once, for security. Not reached yet: a-ams-nl."
    )
    assert "To: ops@fleet.example" in mail
    assert "bo:2002" in (world.fake / "asked").read_text()
    assert "fleet-login refresh" in (world.fake / "script").read_text()
    assert "why: security" in text(project, "people/bo.yaml")
    assert "fleet rotate unseal-share" in ran.err
    secrets = [*his.values(), *hers.values(), world.people.token, GITHUB, child, orphan["client_token"]]
    assert not [one for one in secrets if one in ran.out + ran.err]

    (world.fake / "down").unlink()
    written = everything(project)
    again = emergency(fleet, "--yes")
    assert again.code == 0, again.err
    assert "bo left on" in again.err
    assert everything(project) == written


def _a_host(project: Path) -> str:
    """The host a-ams-nl as ssh is told of it."""
    fleet = load(project / "stacks" / "local")
    return f"@{connections(fleet)['a-ams-nl']['address'] or fleet.fqdn('a-ams-nl')}\n"


def test_one_place_that_is_gone_holds_up_no_other(
    fleet: Fleet, world: World, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_to_directory(world, "bo")
    his = world.enter("bo")
    # Vault does not answer: Nomad and Consul are told themselves.
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    monkeypatch.delenv(roster_github.TOKEN)
    ran = emergency(fleet, "--yes", "--wait", "40")
    assert ran.code == 1
    assert "NOT DONE  Vault" in ran.err
    assert "NOT DONE  GitHub: no token" in ran.err
    assert world.works(his) == ["vault"]
    entity = world.people.client().entity("bo")
    assert entity is not None
    assert entity.locked
    assert "why: security" in text(project, "people/bo.yaml")


def test_nothing_is_done_before_the_handle_is_typed(fleet: Fleet, world: World, project: Path) -> None:
    his, before = world.enter("bo"), everything(project)
    ran = emergency(fleet)
    assert ran.code == 1
    assert "is not confirmed" in ran.err
    assert world.works(his) == ["vault", "nomad", "consul"]
    assert everything(project) == before


def test_what_is_left_of_a_leaver_ends_after_the_up(fleet: Fleet, world: World) -> None:
    fleet("offboard", "bo", "-s", "local", "--why", "wish", "--as-of", DAY, "--instead", "mirror-keepers=fay")
    his, hers, other = world.enter("bo"), world.enter("ann"), world.enter("gus")
    ran = fleet("settle", "-s", "local", "--as-of", DAY)
    assert ran.code == 0, ran.err
    assert (world.works(his), world.works(hers)) == ([], ["vault", "nomad", "consul"])
    assert world.works(other) == ["vault", "nomad", "consul"]
    assert "bo:2002" in (world.fake / "asked").read_text()
    assert fleet("settle", "-s", "local", "--as-of", DAY).code == 0
    assert shutil.which("ssh") == str(world.fake / "ssh"), "no real host was asked"


def test_a_token_that_may_more_than_its_person_by_now_ends(fleet: Fleet, world: World, project: Path) -> None:
    other, hers = world.enter("gus"), world.enter("ann")
    edit(project, "teams.yaml", "owners: [gus]", "owners: [cy]")
    edit(project, "people/gus.yaml", "observers: maintainer, ", "")
    ran = fleet("settle", "-s", "local", "--as-of", DAY)
    assert ran.code == 0, ran.err
    # Vault ends what hung on a token a moment after the token.
    wait_for("gus's tokens", lambda: not world.works(other), 15.0)
    assert world.works(hers) == ["vault", "nomad", "consul"]
    assert re.search("revoked [0-9]+ Vault tokens? of gus", ran.err)
    assert "of ann" not in ran.err


def test_an_up_ends_the_tokens_of_who_left_and_of_who_may_less(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = load(ROOT / "stacks" / "local")
    his, hers, other = world.enter("bo"), world.enter("ann"), world.enter("gus")
    resource, said = Tokens(), list[str]()
    monkeypatch.setattr(resource, "log", lambda text, **_: said.append(text))
    allowed = of_kind(rights(fleet, date.fromisoformat(DAY)), "vault-policy")
    inputs: Bag = {
        "gone": ["ivy"],
        "allowed": allowed,
        "addresses": {api.system: api.address for api in (world.held.vault, world.held.nomad, world.held.consul)},
        "roles": token_roles(fleet),
    }
    assert resource.check(inputs, {}) == (inputs, [])
    made = resource.create(inputs, preview=False, timeout=0.0)
    later = {**inputs, "gone": ["bo", "ivy"], "allowed": {**allowed, "bo": [], "gus": []}}
    assert resource.diff("tokens", inputs, made.outputs, later).changes
    resource.update("tokens", inputs, made.outputs, later, preview=True)
    assert world.works(his) == ["vault", "nomad", "consul"]
    resource.update("tokens", inputs, made.outputs, later, preview=False)
    wait_for("bo's and gus's tokens", lambda: not world.works(his) and not world.works(other), 15.0)
    assert world.works(hers) == ["vault", "nomad", "consul"]
    assert any(re.fullmatch("revoked [0-9]+ Vault tokens? of bo", line) for line in said)
    # Nobody has lost anything since: no server is asked.
    monkeypatch.delenv(TOKEN["vault"])
    resource.update("tokens", later, later, inputs, preview=False)
    with pytest.raises(ProviderError, match="tokens of bo, gus may still be good: VAULT_TOKEN is not set"):
        resource.update("tokens", inputs, inputs, later, preview=False)


def test_nobody_is_taken_for_another_with_a_name_that_looks_alike() -> None:
    roles = ("management", "apps-admin")
    form = "vault-{role}-ldap-{who}-[0-9]+"
    assert tokens._named("vault-apps-admin-ldap-bo-17", form, roles, ["bo"]) == "bo"
    for other in ("vault-management-ldap-x-ldap-bo-17", "vault-management-ldap-bo-x-17", "vault-x-ldap-bo-17"):
        assert tokens._named(other, form, roles, ["bo"]) is None

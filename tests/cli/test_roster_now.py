"""An emergency and what follows a leaving, on real servers: Vault, Nomad, Consul, NetAuth, slapd."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cli import roster_github
from cli.way_in import TOKEN
from components.ground import connections
from components.roster.rights import of_kind, rights, token_roles
from model import load
from providers.base.resource import ProviderError
from providers.base.values import Bag
from providers.netauth.tokens import Tokens
from servers import Api, ApiError, tokens
from tests.cli.github_api import TOKEN as GITHUB
from tests.cli.leavers import World, known_to_directory, servers, world
from tests.cli.rosters import DAY, edit, everything, project, text
from tests.cli.run import Ran
from tests.harness import ROOT
from tests.servers.real import wait_for

__all__ = ["project", "servers", "world"]
pytestmark = pytest.mark.servers

Fleet = Callable[..., Ran]


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


def test_a_token_that_vault_ends_at_the_same_moment_counts_as_ended(world: World) -> None:
    class Late(Api):
        def delete(self, path: str, body: Any = None, **params: Any) -> Any:
            super().delete(path, body, **params)
            return super().delete(path, body, **params)

    roles = token_roles(load(ROOT / "stacks" / "local"))
    his = world.enter("bo")
    assert world.works(his) == ["vault", "nomad", "consul"]
    ends = {"nomad": tokens.nomad_tokens, "consul": tokens.consul_tokens}
    for api in (world.held.nomad, world.held.consul):
        (said,) = ends[api.system](Late(api.system, api.address, api._token), roles[api.system], ["bo"])
        assert re.fullmatch(f"deleted [0-9]+ {api.system.title()} tokens? of bo", said)
    assert world.works(his) == ["vault"]
    one = world.held.nomad.get("/v1/acl/token/self")["AccessorID"]
    with pytest.raises(ApiError):
        tokens._delete(Api("nomad", world.held.nomad.address, his[TOKEN["nomad"]]), one)


def test_nobody_is_taken_for_another_with_a_name_that_looks_alike() -> None:
    roles = ("management", "apps-admin")
    form = "vault-{role}-ldap-{who}-[0-9]+"
    assert tokens._named("vault-apps-admin-ldap-bo-17", form, roles, ["bo"]) == "bo"
    for other in ("vault-management-ldap-x-ldap-bo-17", "vault-management-ldap-bo-x-17", "vault-x-ldap-bo-17"):
        assert tokens._named(other, form, roles, ["bo"]) is None

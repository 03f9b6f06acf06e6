"""`fleet vault` against three real Vaults: sealed, from nothing, one host off."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import places, vault
from servers import ApiError, vault_health
from tests.cli.directory import PEOPLE, directory
from tests.cli.directory import settings as ldap_settings
from tests.cli.run import Ran, fleet
from tests.cli.vaults import HOSTS, project, vaults
from tests.cli_live.plane import Plane
from tests.cli_live.terminal import at_terminal, exports, in_time
from tests.servers.real import wait_for

__all__ = ["fleet"]
pytestmark = pytest.mark.rehearsal
Fleet = Callable[..., Ran]


def test_a_sealed_vault_is_opened_by_two_people_from_two_places(
    here: Plane, fleet: Fleet, typed: Callable[[str], None]
) -> None:
    for host in HOSTS:
        here.vaults.stop(host)
    for host in reversed(HOSTS):
        here.vaults.start(host)
    typed(f"{PEOPLE['ada']}\n")
    ran = fleet("login", "--as", "ada")
    assert ran.code == 1
    assert "fleet unseal" in ran.err
    text = " ".join(fleet("status").out.split())
    assert "sealed, 2 more shares" in text
    assert fleet("unseal", "a-bru-be").code == 1
    typed(f"{here.shares[0]}\n")
    ran = fleet("unseal")
    assert ran.code == 0, ran.err
    assert "Vault on a-fra-de: sealed, 1 more share (1 of 2 given)" in ran.err
    assert "What is left: `fleet unseal` by 1 more" in ran.err
    typed(f"{here.shares[0]}\n")
    assert "given already" in fleet("unseal", "a-fra-de").err
    typed(f"{here.shares[2]}\n")
    ran = fleet("unseal")
    assert ran.code == 0, ran.err
    assert "All open" in ran.err
    assert here.shares[2] not in ran.err + ran.out
    typed("")
    ran = fleet("unseal")
    assert ran.code == 0
    assert "Vault on a-ams-nl: open" in ran.err


def test_a_wrong_share_is_refused_and_said(here: Plane, fleet: Fleet, typed: Callable[[str], None]) -> None:
    here.vaults.stop("a-grq-nl")
    here.vaults.start("a-grq-nl")
    wrong = json.loads(json.dumps(here.shares[0]))[::-1]
    typed(f"{here.shares[0]}\nAAAA{wrong[4:]}\n")
    ran = fleet("unseal", "a-grq-nl")
    assert ran.code == 1
    assert "refused" in ran.err
    assert "Traceback" not in ran.err
    typed("\n".join(here.shares[:2]))
    assert fleet("unseal", "a-grq-nl").code == 0


def test_one_control_host_off_is_said_and_the_rest_works(
    here: Plane, fleet: Fleet, typed: Callable[[str], None]
) -> None:
    here.vaults.stop("a-grq-nl")
    try:
        ran = in_time(lambda: fleet("status"))
        text = " ".join(ran.out.split())
        assert "2 of 3 open" in text
        assert "a-grq-nl: " in text
        typed(f"{here.shares[0]}\n")
        ran = fleet("unseal")
        assert ran.code == 1
        assert "Vault on a-grq-nl: no answer" in ran.err
    finally:
        here.vaults.start("a-grq-nl")
        assert all(one.open for one in vault.unseal(here.vaults.apis(), here.shares).values())


def test_a_vault_that_lost_its_leader_is_open_and_said_to_be_alone(here: Plane, fleet: Fleet) -> None:
    apis = here.vaults.apis()
    leads = vault.await_active(apis)
    assert leads is not None
    last, other = (host for host in HOSTS if host != leads)

    def in_touch() -> bool:
        return vault_health(apis[last]).get("ha_connection_healthy") is True

    wait_for(f"contact of {last} to its leader", in_touch)
    here.vaults.stop(other)
    # One that ends in peace hands over to who is left.
    here.vaults.stop(leads, signal.SIGKILL)
    try:
        # Two missed heartbeats, five seconds each.
        wait_for(f"{last} without its leader", lambda: vault.state(last, apis[last]).apart)
        ran = fleet("unseal", last)
        assert ran.code == 0, ran.err
        assert f"Vault on {last}: open, without contact to its leader" in ran.err
        assert f"{last}: no contact to its leader" in " ".join(fleet("status").out.split())
    finally:
        for host in (leads, other):
            here.vaults.start(host)
        assert all(one.open for one in vault.unseal(apis, here.shares).values())


def test_the_first_time_from_nothing_to_a_login(
    plane: Plane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fleet: Fleet, typed: Callable[[str], None]
) -> None:
    shares = tmp_path / "shares"
    with vaults(tmp_path / "new") as three, directory(tmp_path / "directory") as ldap:
        monkeypatch.setattr(places, "ROOT", project(tmp_path / "project", three.addresses))
        for name, value in plane.environment(VAULT_ADDR=f"https://{three.addresses[HOSTS[1]]}").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SSL_CERT_FILE", str(three.ca))
        monkeypatch.delenv("VAULT_TOKEN", raising=False)
        typed("share\n")
        assert "fleet bootstrap" in fleet("unseal").err
        ran = fleet("bootstrap")
        assert "no terminal to show the shares at" in ran.err
        ran = fleet("bootstrap", "--shares-to", str(shares))
        assert ran.code == 0, ran.err
        found = exports(ran.out)
        assert sorted(path.name for path in shares.iterdir()) == ["ada.share", "edsger.share", "grace.share"]
        assert {path.stat().st_mode & 0o777 for path in shares.iterdir()} == {0o600}
        assert not any(path.read_text().strip() in ran.out + ran.err for path in shares.iterdir())
        assert all(one.open for one in vault.states(three.apis()).values())
        root = three.api(HOSTS[0], found["VAULT_TOKEN"])
        assert "root" in root.get("/v1/auth/token/lookup-self")["data"]["policies"]
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        # Again: says what is done already, and makes nothing anew.
        again = fleet("bootstrap", "--shares-to", str(shares))
        assert (again.code, again.out) == (0, "")
        assert "made before" in again.err
        # Nobody can log in yet, so the root token stays.
        typed(f"{PEOPLE['ada']}\n")
        assert fleet("bootstrap", "--finish", "--as", "ada").code == 1
        root.post("/v1/sys/auth/ldap", {"type": "ldap"})
        root.post("/v1/auth/ldap/config", ldap_settings(ldap))
        typed(f"{PEOPLE['ada']}\n")
        ran = fleet("bootstrap", "--finish", "--as", "ada")
        assert ran.code == 1
        assert "gives no rights at all" in ran.err
        root.post("/v1/auth/ldap/groups/operators", {"policies": "operator"})
        typed(f"{PEOPLE['ada']}\n")
        ran = fleet("bootstrap", "--finish", "--as", "ada")
        assert ran.code == 0, ran.err
        assert "The root token is revoked" in ran.err
        with pytest.raises(ApiError):
            root.get("/v1/auth/token/lookup-self")
        # The emergency: a new root token from shares, and none from too few.
        typed("\n".join(path.read_text().strip() for path in sorted(shares.iterdir())[:1]))
        assert fleet("bootstrap", "--root").code == 1
        typed("\n".join(path.read_text().strip() for path in sorted(shares.iterdir())[1:]))
        ran = fleet("bootstrap", "--root")
        assert ran.code == 0, ran.err
        again_root = three.api(HOSTS[0], exports(ran.out)["VAULT_TOKEN"])
        assert "root" in again_root.get("/v1/auth/token/lookup-self")["data"]["policies"]


def test_shares_at_a_terminal_are_shown_one_by_one(plane: Plane, tmp_path: Path) -> None:
    with vaults(tmp_path / "new") as three:
        place = project(tmp_path / "project", three.addresses)
        answers: list[tuple[str | None, str]] = []
        for who in ("ada", "grace", "edsger"):
            answers += [(f"Only {who} looks now: press Enter ", ""), (f"{who} has written it down", "")]
        answers += [("leaving the shell revokes it", "echo root $VAULT_TOKEN; exit"), (None, "")]
        said = at_terminal(
            plane, ["bootstrap"], answers, root=place, SSL_CERT_FILE=str(three.ca),
            VAULT_ADDR=f"https://{three.addresses[HOSTS[0]]}",
        )  # fmt: skip
        assert said.count("\033[2J") == 3
        assert re.search(r"root hvs\.", said)
        assert "The root token is revoked" in said
        shares = re.findall(r"^    ([A-Za-z0-9+/=]{44})\r?$", said, flags=re.M)
        assert len(shares) == 3
        three.stop(HOSTS[0])
        three.start(HOSTS[0])
        assert vault.unseal({HOSTS[0]: three.api(HOSTS[0])}, shares[:2])[HOSTS[0]].open

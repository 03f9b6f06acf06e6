"""`fleet login` against a real Vault, with a directory of people."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from cli import login as logins
from servers import Api, ApiError
from tests.cli.directory import PEOPLE
from tests.cli.run import Ran, fleet
from tests.cli.vaults import HOSTS
from tests.cli_live.plane import Plane, job
from tests.cli_live.terminal import at_terminal, exports
from tests.servers.real import wait_for

__all__ = ["fleet"]
pytestmark = pytest.mark.rehearsal
Fleet = Callable[..., Ran]


def test_a_login_gives_an_hour_of_what_the_groups_may(
    here: Plane, fleet: Fleet, typed: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(f"{PEOPLE['ada']}\n")
    ran = fleet("login", "--as", "ada")
    assert ran.code == 0, ran.err
    found = exports(ran.out)
    assert {"VAULT_TOKEN", "NOMAD_TOKEN", "CONSUL_HTTP_TOKEN", "VAULT_ADDR", "NOMAD_ADDR"} <= set(found)
    assert "Vault: operator, 60 min" in ran.err
    assert "Nomad: management, 60 min" in ran.err
    assert "Consul: root, 60 min" in ran.err
    assert "nomad/operator" in ran.err
    assert not any(found[name] in ran.err for name in ("VAULT_TOKEN", "NOMAD_TOKEN", "CONSUL_HTTP_TOKEN"))
    assert Api("nomad", here.nomad.address, found["NOMAD_TOKEN"]).get("/v1/acl/token/self")["Type"] == "management"
    assert Api("consul", here.consul.address, found["CONSUL_HTTP_TOKEN"]).get("/v1/acl/tokens")
    entered = here.vaults.api(HOSTS[0], found["VAULT_TOKEN"]).get("/v1/auth/token/lookup-self")["data"]
    assert 3500 < entered["ttl"] <= 3600
    # And out again: every token is gone.
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    out = fleet("logout")
    assert (out.code, out.out.split()[0]) == (0, "unset")
    for system, name in (("nomad", "NOMAD_TOKEN"), ("consul", "CONSUL_HTTP_TOKEN")):
        server = getattr(here, system)
        gone = Api(server.system, server.address, found[name])
        assert wait_for("revoked", lambda gone=gone: _refused(gone), 10)  # type: ignore[misc]
    with pytest.raises(ApiError, match="fleet login"):
        here.vaults.api(HOSTS[0], found["VAULT_TOKEN"]).get("/v1/auth/token/lookup-self")


def _refused(api: Api) -> bool:
    try:
        api.get("/v1/acl/token/self")
    except ApiError:
        return True
    return False


def test_who_may_less_gets_less_and_is_told(here: Plane, fleet: Fleet, typed: Callable[[str], None]) -> None:
    typed(f"{PEOPLE['grace']}\n")
    ran = fleet("login", "--as", "grace")
    found = exports(ran.out)
    assert "CONSUL_HTTP_TOKEN" not in found
    assert "Consul: no token, no role of it is granted to this person's groups" in ran.err
    mine = Api("nomad", here.nomad.address, found["NOMAD_TOKEN"])
    assert mine.get("/v1/jobs")
    with pytest.raises(ApiError) as refused:
        mine.post("/v1/jobs", job("more", 1, "true"))
    assert refused.value.status == 403
    typed(f"{PEOPLE['edsger']}\n")
    none = fleet("login", "--as", "edsger")
    assert none.code == 0
    assert "Vault: no rights" in none.err
    assert set(exports(none.out)) & {"NOMAD_TOKEN", "CONSUL_HTTP_TOKEN"} == set()


@pytest.mark.usefixtures("here")
def test_the_first_role_is_taken_or_the_one_asked_for(fleet: Fleet, typed: Callable[[str], None]) -> None:
    typed(f"{PEOPLE['ada']}\n")
    ran = fleet("login", "--as", "ada", "--nomad", "observer")
    assert "Nomad: observer" in ran.err
    ran = fleet("login", "--as", "ada", "--nomad", "emperor")
    assert ran.code == 1
    assert "name one of: management, operator, apps-admin, observer" in ran.err


@pytest.mark.usefixtures("here")
def test_a_wrong_password_is_one_sentence(fleet: Fleet, typed: Callable[[str], None]) -> None:
    for who in ("ada", "nobody"):
        typed("wrong\n")
        ran = fleet("login", "--as", who)
        assert (ran.code, ran.out) == (1, "")
        assert f"login of {who}: refused" in ran.err
        assert "way out" in ran.err
        assert "wrong\n" not in ran.err
    typed("")
    ran = fleet("login", "--as", "ada")
    assert ran.code == 1
    assert "nothing was given" in ran.err


def test_programs_log_in_without_the_command(plane: Plane) -> None:
    found = logins.tokens(plane.vaults.api(HOSTS[1]), "ada", PEOPLE["ada"], {"nomad": ("operator",)})
    assert set(found) == {"VAULT_TOKEN", "NOMAD_TOKEN"}


def test_a_login_at_a_terminal_is_a_shell_whose_end_ends_it(here: Plane) -> None:
    script = "echo token $NOMAD_TOKEN; echo where $NOMAD_ADDR; exit"
    said = at_terminal(
        here, ["login", "--as", "ada"], [("Password of ada: ", PEOPLE["ada"]), ("exit` ends", script), (None, "")]
    )
    (token,) = re.findall(r"token ([0-9a-f-]{36})", said)
    assert "where http://127.0.0.1" in said
    assert PEOPLE["ada"] not in said
    assert "Logged out" in said
    assert wait_for("revoked", lambda: _refused(Api("nomad", here.nomad.address, token)), 10)


def test_a_token_that_ran_out_says_how_to_get_another(
    operator: Plane, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = operator.nomad.api.put(
        "/v1/acl/token", {"Type": "client", "Policies": ["operator"], "ExpirationTTL": 10**9 * 60}
    )
    operator.nomad.api.delete(f"/v1/acl/token/{made['AccessorID']}")
    monkeypatch.setenv("NOMAD_TOKEN", made["SecretID"])
    for words in (("log", "web"), ("restart", "web"), ("exec", "web", "--", "true")):
        ran = fleet(*words)
        assert ran.code == 1
        assert "fleet login" in ran.err
        assert "Traceback" not in ran.err


@pytest.mark.usefixtures("here")
def test_addresses_of_another_stack_are_refused(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOMAD_ADDR", "https://nomad.elsewhere.example")
    monkeypatch.setenv("NOMAD_TOKEN", "s3cret")
    ran = fleet("log", "web")
    assert ran.code == 1
    assert "stack local is reached at https://nomad.fleet.example" in ran.err

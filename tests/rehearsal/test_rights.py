"""Each kind of person × each namespace × each verb, asked of the rehearsal's real servers against a table by hand.

People log in as they would anywhere: by name and password of the directory, at Vault's public name. What they may then
do is what the servers say, and must be what tests/rehearsal/rights.yaml says.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from cli import login
from model import Fleet, load
from rehearsal import control, driver, engine
from rehearsal.logins import who_logs_in
from rehearsal.testhosts import network
from servers import Api, ApiError
from tests.harness import ROOT
from tests.rehearsal.rights import Who, cells, disagreements, people
from tests.rehearsal.rights_probes import Probes
from tests.rehearsal.support import Rehearsed

# A server takes a token for good this long after it looked it up.
REMEMBERED_SECONDS = 35.0
pytestmark = pytest.mark.rehearsal


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load(ROOT / "stacks" / engine.STACK)


@pytest.fixture(scope="module")
def doors(rehearsed: Rehearsed, fleet: Fleet) -> control.Doors:
    return driver.doors(rehearsed.at, fleet)


def _person(fleet: Fleet, group: str) -> str:
    return next(name for name, groups in who_logs_in(fleet).items() if groups == [group])


def _tokens(doors: control.Doors, fleet: Fleet, who: Who) -> Mapping[str, str]:
    """What a person of this kind gets from a login, by the environment's names."""
    if who.group is None:
        return {}
    wanted = {"nomad": (who.nomad,) if who.nomad else (), "consul": (who.consul,) if who.consul else ()}
    person = _person(fleet, who.group)
    return control.entered(doors, person, wanted)


def _clients(doors: control.Doors, fleet: Fleet) -> dict[tuple[str, str], Api]:
    found = {}
    for who in people().values():
        given = _tokens(doors, fleet, who)
        for system, name in (("vault", "VAULT_TOKEN"), ("nomad", "NOMAD_TOKEN"), ("consul", "CONSUL_HTTP_TOKEN")):
            found[system, who.name] = doors.api(system, given.get(name))
    return found


def _driver(fleet: Fleet) -> str:
    drivers = {driver for role in fleet.roles.values() if role.nomad for driver in role.nomad.drivers}
    return "exec" if "exec" in drivers else sorted(drivers)[0]


def test_the_rehearsals_servers_say_what_the_table_says(doors: control.Doors, fleet: Fleet) -> None:
    assert fleet.access is not None
    namespaces = tuple(sorted(fleet.access.nomad.namespaces))

    def ask() -> list[str]:
        apis = _clients(doors, fleet)
        manager, keeper, opener = apis["nomad", "manager"], apis["consul", "operator"], apis["vault", "operator"]
        probes = Probes(manager, keeper, opener, _driver(fleet), namespaces, host=fleet.clients[0])
        with probes.standing():
            return disagreements(cells(), apis, probes)

    said = network.from_internet(ask)
    assert said == []


def test_somebody_who_is_in_no_group_gets_a_login_that_opens_nothing(doors: control.Doors, fleet: Fleet) -> None:
    nobody = next(name for name, groups in who_logs_in(fleet).items() if not groups)

    def ask() -> tuple[Mapping[str, str], int | None]:
        given = control.entered(doors, nobody, login.wanted(fleet))
        try:
            doors.api("vault", given["VAULT_TOKEN"]).get("/v1/secret/metadata/", list=True)
        except ApiError as error:
            return given, error.status
        return given, 200

    given, status = network.from_internet(ask)
    assert set(given) == {"VAULT_TOKEN"}
    assert status == 403


def test_a_login_with_a_wrong_password_is_refused(doors: control.Doors, fleet: Fleet) -> None:
    person = _person(fleet, "operators")

    def ask() -> int | None:
        try:
            doors.api("vault").put(f"/v1/auth/ldap/login/{person}", {"password": "not it"})
        except ApiError as error:
            return error.status
        return 200

    assert network.from_internet(ask) == 400


def test_a_token_that_was_ended_opens_nothing_any_more(doors: control.Doors, fleet: Fleet) -> None:
    """With the login in Vault go the tokens of Nomad and Consul that it handed out."""

    def ask() -> dict[str, int | None]:
        given = _tokens(doors, fleet, people()["observer"])
        paths = {"NOMAD_TOKEN": ("nomad", "/v1/agent/self"), "CONSUL_HTTP_TOKEN": ("consul", "/v1/agent/self")}
        paths["VAULT_TOKEN"] = ("vault", "/v1/auth/token/lookup-self")
        for name, (system, path) in paths.items():
            doors.api(system, given[name]).get(path)
        login.logout(doors.api("vault", given["VAULT_TOKEN"]))
        return {name: refused(doors.api(system, given[name]), path) for name, (system, path) in paths.items()}

    def refused(api: Api, path: str) -> int | None:
        """How it is refused, at the latest when what a server remembers of a token has run out."""
        end = time.monotonic() + REMEMBERED_SECONDS
        while True:
            status: int | None = 200
            try:
                api.get(path)
            except ApiError as error:
                status = error.status
            # No answer, or one of a server that has other troubles, is no refusal.
            if status in (401, 403) or time.monotonic() > end:
                return status
            time.sleep(0.2)

    after = network.from_internet(ask)
    assert set(after.values()) == {403}, after

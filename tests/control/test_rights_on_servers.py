"""The hand-written table of rights, asked of real servers that hold the rehearsal's data: on the loopback, in seconds.

The rehearsal asks the same of its own servers, with tokens of people who log in (tests/rehearsal/test_rights.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.control.plan import plan
from model import load
from servers import Api, ApiError
from tests.control.programs import fleet_of
from tests.control.servers import Held, holding
from tests.model.change import changed, facts, write
from tests.rehearsal.rights import cells, disagreements, people
from tests.rehearsal.rights_probes import Probes
from tests.rehearsal.rights_verbs import may, verbs

pytestmark = pytest.mark.servers

# In dev mode Consul's gossip has no keys, and tasks without isolation are entered by management tokens alone.
UNASKED = {"list-gossip-keys"}
INSTEAD = {("run-command", who): who == "manager" for who in people()}


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    wanted = plan(fleet_of("local"))
    assert wanted is not None
    with holding(wanted, tmp_path_factory.mktemp("servers")) as found:
        yield found


@pytest.fixture(scope="module")
def probes(held: Held) -> Iterator[Probes]:
    access = fleet_of("local").access
    assert access is not None
    found = Probes(
        held.nomad, held.consul, held.vault, "raw_exec", tuple(sorted(access.nomad.namespaces)), host="a-bru-be"
    )
    with found.standing():
        yield found


def _tokens(held: Held) -> dict[tuple[str, str], Api]:
    """A client for each system and kind of person, with the tokens that Vault hands out to their groups."""
    access = fleet_of("local").access
    assert access is not None
    found = {}
    for who in people().values():
        vault = None
        if who.group:
            policies = list(access.vault.groups[who.group].policies)
            vault = held.vault.post("/v1/auth/token/create", {"policies": policies})["auth"]["client_token"]
        found["vault", who.name] = mine = held.of("vault", vault)
        nomad = mine.get(f"/v1/nomad/creds/{who.nomad}")["data"]["secret_id"] if who.nomad else None
        consul = mine.get(f"/v1/consul/creds/{who.consul}")["data"]["token"] if who.consul else None
        found["nomad", who.name] = held.of("nomad", nomad)
        found["consul", who.name] = held.of("consul", consul)
    return found


def test_the_table_speaks_of_every_namespace_and_half_of_it_denies() -> None:
    access = fleet_of("local").access
    assert access is not None
    asked = cells()
    assert {cell.namespace for cell in asked if cell.namespace} == set(access.nomad.namespaces)
    assert {who.group for who in people().values()} - {None} == set(access.vault.groups)
    denials = sum(not cell.allowed for cell in asked)
    assert len(asked) > 500
    assert 0.4 < denials / len(asked) < 0.6, f"{denials} of {len(asked)}"
    assert len({(c.system, c.namespace, c.verb, c.who) for c in asked}) == len(asked)


def test_every_verb_of_the_table_is_a_request_and_every_request_is_asked(probes: Probes) -> None:
    asked = {(cell.system, cell.namespace, cell.verb) for cell in cells()}
    assert asked == {(*place, verb) for place, known in verbs(probes).items() for verb in known}


def test_the_servers_say_what_the_table_says(held: Held, probes: Probes) -> None:
    questions = [cell for cell in cells() if cell.verb not in UNASKED]
    assert disagreements(questions, _tokens(held), probes, INSTEAD) == []


def test_a_right_too_many_is_seen(held: Held, probes: Probes) -> None:
    """The positive control: with an operator's tokens in an observer's place, the table disagrees."""
    apis = _tokens(held)
    for system in ("nomad", "consul", "vault"):
        apis[system, "observer"] = apis[system, "operator"]
    questions = [cell for cell in cells() if cell.verb not in UNASKED and cell.who == "observer" and not cell.allowed]
    with probes.standing():
        said = disagreements(questions, apis, probes, INSTEAD)
    # What an operator may not do either stays refused.
    assert len(said) > 60
    assert [one for one in said if "the server allowed it" not in one] == []


def test_the_policies_of_prod_are_accepted_too(tmp_path: Path) -> None:
    wanted = plan(fleet_of("prod"))
    assert wanted is not None
    with holding(wanted, tmp_path) as held:
        assert {one["Name"] for one in held.nomad.get("/v1/acl/policies")} >= set(wanted.nomad.policies)
        # Vault knows Consul by one role of its own making, so that role is what an agent's token has.
        token = held.vault.get("/v1/consul/creds/agent-e-hel-fi")["data"]["token"]
        assert {role["Name"] for role in held.of("consul", token).get("/v1/acl/token/self")["Roles"]} == {
            "consul-agent",
            "vault-server",
        }


def test_an_agents_token_registers_its_own_node_and_no_other(held: Held) -> None:
    secret = held.vault.get("/v1/consul/creds/agent-a-bru-be")
    assert secret["lease_duration"] == 30 * 86400
    agent = held.of("consul", secret["data"]["token"])

    def register(node: str, service: str | None = None) -> bool:
        body: dict[str, Any] = {"Node": node, "Address": "10.99.0.31"}
        if service:
            body["Service"] = {"Service": service}
        return may(lambda api: api.put("/v1/catalog/register", body), agent)

    try:
        assert register("a-bru-be")
        assert not register("a-nyc-us")
        assert register("a-bru-be", "node-exporter")
        assert not register("a-bru-be", "vault")
        assert not may(lambda api: api.get("/v1/kv/rights-probe"), agent)
    finally:
        held.consul.put("/v1/catalog/deregister", {"Node": "a-bru-be"})


def test_a_policy_bound_to_a_job_is_that_jobs_alone(held: Held) -> None:
    """The job's tasks hold it by what they are; another job in the same namespace does not."""
    held.nomad.put(
        "/v1/var/nomad/jobs/web",
        {"Namespace": "apps", "Path": "nomad/jobs/web", "Items": {"key": "x"}},
        namespace="apps",
    )
    own, other = (held.of("nomad", _workload_token(held.nomad, job)) for job in ("report", "another"))

    def reads(api: Api) -> bool:
        return may(lambda it: it.get("/v1/var/nomad/jobs/web", namespace="apps"), api)

    def writes(api: Api) -> bool:
        body = {"Namespace": "apps", "Path": "nomad/jobs/web", "Items": {"key": "y"}}
        return may(lambda it: it.put("/v1/var/nomad/jobs/web", body, namespace="apps"), api)

    try:
        assert reads(own)
        assert not writes(own)
        assert not reads(other)
        assert may(lambda it: it.get("/v1/vars", prefix="nomad/jobs/report", namespace="apps"), own)
    finally:
        for job in ("report", "another"):
            held.nomad.delete(f"/v1/job/{job}", purge=True, namespace="apps")
        held.nomad.delete("/v1/var/nomad/jobs/web", namespace="apps")


def _workload_token(nomad: Api, job: str) -> str:
    """What Nomad gives a job's task to show who it is: the task prints it."""
    task = {
        "Name": "say",
        "Driver": "raw_exec",
        "Config": {"command": "/bin/sh", "args": ["-c", "echo $NOMAD_TOKEN; sleep 1000"]},
        "Identity": {"Env": True},
        "Resources": {"CPU": 10, "MemoryMB": 10},
    }
    body = {"ID": job, "Name": job, "Namespace": "apps", "Type": "service", "Datacenters": ["*"]}
    nomad.put("/v1/jobs", {"Job": body | {"TaskGroups": [{"Name": "g", "Tasks": [task]}]}}, namespace="apps")
    end = time.monotonic() + 40
    while time.monotonic() < end:
        for one in nomad.get(f"/v1/job/{job}/allocations", namespace="apps"):
            try:
                log = nomad.get(
                    f"/v1/client/fs/logs/{one['ID']}", task="say", type="stdout", plain=True, namespace="apps"
                )
            except ApiError:
                continue
            if log and str(log).strip():
                return str(log).strip()
        time.sleep(0.3)
    raise AssertionError(f"{job} says nothing")


def test_a_namespace_that_nobody_manages_is_an_error_of_the_data_and_not_of_the_servers(tmp_path: Path) -> None:
    data = changed(facts("local"), {"access/vault/policies/nomad-admin/paths": {"secret/*": ["read"]}})
    with pytest.raises(Exception, match="no group's people may write in"):
        load(write(tmp_path, data))

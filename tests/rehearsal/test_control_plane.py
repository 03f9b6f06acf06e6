"""The control plane as people live with it: a host down, Vault shut, a leader killed, everything off and on again."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from cli import vault
from model import Fleet, load
from rehearsal import checks_control, control, driver, engine
from rehearsal.place import STACKS
from rehearsal.testhosts import hosts, network
from servers import ApiError
from tests.rehearsal.support import CONTROL_HOSTS, SIX, Copy, Rehearsed, copied

pytestmark = pytest.mark.rehearsal
# CI turns everything off and on this often; ten were seen by hand.
ROUNDS = int(os.environ.get("FLEET_ROUNDS") or 1)
WORKER = "a-bru-be"
T = TypeVar("T")


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load(STACKS)


@pytest.fixture(scope="module")
def doors(rehearsed: Rehearsed, fleet: Fleet) -> control.Doors:
    return driver.doors(rehearsed.at, fleet)


def outside(action: Callable[[], T]) -> T:
    """As a client on the internet."""
    return network.from_internet(action)


def until(ask: Callable[[], T], seconds: float, what: str) -> T:
    """Ask again until there is an answer that is not empty."""
    end = time.monotonic() + seconds
    problem: object = "nothing"
    while time.monotonic() < end:
        try:
            if found := outside(ask):
                return found
        except ApiError as error:
            problem = error
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {seconds:.0f} s ({problem})")


def leader(doors: control.Doors, system: Any) -> str:
    """The address of the host that leads, as one of them says."""
    said = str(doors.api(system).get("/v1/status/leader") or "")
    return said.strip('"').split(":")[0]


def lone(doors: control.Doors, host: str) -> bool:
    """True where a host's Nomad server follows nobody."""
    try:
        return not str(doors.api("nomad", host=host).get("/v1/status/leader") or "")
    except ApiError as error:
        return "No cluster leader" in str(error)


def host_at(rehearsed: Rehearsed, address: str) -> str:
    """The host with a fabric address."""
    return next(host for host, at in driver.outputs(rehearsed.at).items() if at["fabric"] == address)


def with_a_namespace(data: Copy, name: str) -> None:
    """A change of policies and of a job, and none of a host."""
    data.edit("access.yaml", "      build: {", f"      {name}: {{purpose: a trial}}\n      build: {{")
    rights = "          namespaces:\n            apps:\n              policy: write\n"
    data.edit(
        "access.yaml",
        rights,
        rights.replace("            apps:", f"            {name}: {{policy: write}}\n            apps:"),
    )
    data.edit("services/infradocs.yaml", "memory: 64", "memory: 72")


@contextmanager
def down(rehearsed: Rehearsed, *names: str) -> Iterator[None]:
    """Hosts that are off for a while, and Vault open again afterwards."""
    for name in names:
        hosts.stop(name)
    try:
        yield
    finally:
        for name in names:
            rehearsed.start(name)
        open_again(rehearsed)


def open_again(rehearsed: Rehearsed) -> None:
    """What a person with shares does, and the wait until all is well."""
    fleet = load(STACKS)
    there = driver.doors(rehearsed.at, fleet)
    outside(lambda: control.open_up(there))
    tokens = driver.operators_tokens(rehearsed.at)
    end: float | None = None
    while True:
        try:
            found = outside(lambda: checks_control.control(fleet, there, tokens, driver.outputs(rehearsed.at)))
            wrong = [text for check in found for text in check.wrong]
        except ApiError as error:
            wrong = [str(error)]
        if not wrong:
            return
        # A look waits for what only starts, and may take minutes: there is always a second one.
        end = end or time.monotonic() + 120
        assert time.monotonic() < end, wrong
        time.sleep(2)


def test_a2_02_one_control_host_down_and_policies_and_jobs_still_apply(rehearsed: Rehearsed) -> None:
    rehearsed.log_in()  # while all is well
    with copied(rehearsed, "one-down") as data, down(rehearsed, CONTROL_HOSTS[1]):
        with_a_namespace(data, "trial")
        outcome = rehearsed.up(data.config)
        assert outcome.code == 0, outcome.failures or outcome.said[-5:]
        assert "control-nomad-namespace-trial" in outcome.changed
        assert "service-infradocs" in outcome.changed
        assert not [name for name in outcome.changed if name.startswith(("ground-", "servers-", "agents-"))]


def ground_alone(rehearsed: Rehearsed, name: str) -> None:
    """A change of a name and of every host previews and applies by itself, plans nothing else, and goes back."""
    with copied(rehearsed, name) as data:
        data.edit("fleet.yaml", "    jq: reading", "    zstd: packing what is kept\n    jq: reading")
        registry = "      registry: {machine: a-bru-be}"
        data.edit("dns.yaml", registry, f"{registry}\n      trial: {{machine: a-bru-be}}")
        plan = rehearsed.preview(data.config, only=["ground"])
        assert set(plan.changes.values()) <= {"create", "update"}, plan.changes
        assert any(name.startswith("dns-") for name in plan.changes), plan.text[-2000:]
        assert {f"ground-{host}" for host in SIX} <= plan.changes.keys()
        outcome = rehearsed.up(data.config, only=["ground"])
        assert outcome.code == 0, outcome.failures or outcome.said[-5:]
        assert outcome.changed.keys() == plan.changes.keys()
        back = rehearsed.up(only=["ground"])
        assert back.code == 0, back.failures


def test_a2_02_what_leaves_one_layer_does_not_spoil_an_up_of_another(rehearsed: Rehearsed) -> None:
    with copied(rehearsed, "leaves") as data:
        with_a_namespace(data, "trial")
        assert rehearsed.up(data.config).code == 0
        # The namespace is no longer in the data, stands in the state, and the engine is told of the ground alone.
        alone = rehearsed.up(only=["ground"])
        assert (alone.code, alone.changed) == (0, {}), alone.failures or alone.said[-5:]
        after = rehearsed.up()
        assert after.code == 0, after.failures or after.said[-5:]
        assert after.changed["control-nomad-namespace-trial"] == "delete"


def test_a2_02_with_vault_sealed_the_ground_goes_on_alone(rehearsed: Rehearsed, doors: control.Doors) -> None:
    rehearsed.log_in()  # while Vault is open
    # A Vault that is started again is shut.
    for host in doors.way.hosts:
        hosts.execute_in(host, "sv", "restart", "/etc/service/fleet-vault", check=False)
    try:
        until(lambda: all(one.sealed for one in vault.states(doors.apis).values()), 30, "all sealed")
        ground_alone(rehearsed, "sealed")
    finally:
        open_again(rehearsed)


def test_a2_02_with_nomad_without_quorum_the_ground_goes_on_alone(rehearsed: Rehearsed, doors: control.Doors) -> None:
    rehearsed.log_in()  # while all is well
    first, *others = doors.way.hosts
    try:
        for host in others:
            hosts.execute_in(host, "sv", "down", "/etc/service/fleet-nomad")
        until(lambda: lone(doors, first), 60, "nomad without a leader")
        ground_alone(rehearsed, "no-quorum")
        assert outside(lambda: lone(doors, first)), "a change of the ground started servers that were down"
    finally:
        for host in others:
            hosts.execute_in(host, "sv", "up", "/etc/service/fleet-nomad")
        open_again(rehearsed)


def test_a2_04_a_killed_leader_is_followed_and_services_stay(rehearsed: Rehearsed, doors: control.Doors) -> None:
    nomad_token = rehearsed.env["NOMAD_TOKEN"]
    for system in ("nomad", "consul"):
        first = host_at(rehearsed, until(lambda system=system: leader(doors, system), 20, f"{system} leads"))  # type: ignore[misc]
        other = next(host for host in doors.way.hosts if host != first)

        def running(host: str = other) -> list[str]:
            allocations = doors.api("nomad", nomad_token, host=host).get("/v1/allocations", namespace="*")
            # Timers' runs begin and end all the while.
            return sorted(
                a["ID"] for a in allocations if a["ClientStatus"] == "running" and a["JobType"] in ("service", "system")
            )

        def led(system: Any = system, host: str = other) -> bool:
            """Whether a leader itself answers what one of the others is asked: it may still name the dead one."""
            path = {"nomad": "/v1/jobs", "consul": "/v1/catalog/nodes"}[system]
            token = rehearsed.env[{"nomad": "NOMAD_TOKEN", "consul": "CONSUL_HTTP_TOKEN"}[system]]
            return doors.api(system, token, host=host).get(path) is not None

        before = until(running, 20, "allocations")
        hosts.execute_in(first, "pkill", "-KILL", "-x", system)
        begun = time.monotonic()
        # It is started again at once by its supervisor: what counts is that somebody leads.
        until(led, 15, f"a leader of {system}")
        took = time.monotonic() - begun
        print(f"{system}: a leader again after {took:.1f} s")
        assert took <= 15
        until(lambda running=running, before=before: running() == before, 60, "the same allocations")  # type: ignore[misc]
    # A leader that dies may take its answer with it: then the state does not know what was done.
    with copied(rehearsed, "leader", refresh=True) as data:
        with_a_namespace(data, "trial")
        first = host_at(rehearsed, until(lambda: leader(doors, "nomad"), 20, "nomad leads"))
        hosts.execute_in(first, "pkill", "-KILL", "-x", "nomad")
        outcome = rehearsed.up(data.config)
        # It waited at the gate, or refused with a reason: it never acted half.
        assert outcome.code == 0 or all("nomad" in text.lower() for text in outcome.failures.values()), outcome.failures


def test_a2_06_tokens_hold_for_what_they_are_and_nothing_is_in_the_state(
    rehearsed: Rehearsed, doors: control.Doors
) -> None:
    env = rehearsed.env
    jobs = outside(lambda: doors.api("nomad", env["NOMAD_TOKEN"]).get("/v1/jobs", namespace="*"))
    assert len(jobs) >= 12
    with pytest.raises(ApiError):
        outside(lambda: doors.api("nomad", "00000000-0000-0000-0000-000000000001").get("/v1/jobs", namespace="*"))
    exported = engine.pulumi(env, "stack", "export", "--show-secrets", "--stack", engine.STACK).stdout
    secrets = [env["VAULT_TOKEN"], env["NOMAD_TOKEN"], env["CONSUL_HTTP_TOKEN"], *doors.held]
    gossip = [rehearsed.ssh(host, "sudo cat /etc/fleet/gossip/consul").strip() for host in CONTROL_HOSTS]
    assert len(set(gossip)) == 1
    assert len(gossip[0]) > 20
    assert [one for one in (*secrets, *gossip) if one in exported] == []
    # The control: the same search finds what is there and is no secret.
    assert "control-vault-policy-operator" in exported
    assert json.loads(exported)["deployment"]["resources"]


def test_a2_06_one_host_edit_leaves_every_policy_and_job_same(rehearsed: Rehearsed) -> None:
    with copied(rehearsed, "one-edit") as data:
        data.edit(
            "roles.yaml", "      htop: what keeps it busy\n", "      htop: what keeps it busy\n      zstd: packs\n"
        )
        plan = rehearsed.preview(data.config)
        assert plan.changes == {f"ground-{WORKER}": "update"}, plan.changes


def test_a2_08_a_destructive_edit_says_so_in_the_preview(rehearsed: Rehearsed) -> None:
    with copied(rehearsed, "destructive") as data:
        data.edit("services/infradocs.yaml", "memory: 64", "memory: 72")
        plan = rehearsed.preview(data.config)
        assert plan.changes == {"service-infradocs": "update"}, plan.changes
        assert "plan.infradocs" in plan.paths("service-infradocs")
        assert "destructive" in plan.text


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a2_03_everything_off_and_on_in_any_order(rehearsed: Rehearsed, number: int) -> None:
    chance = random.Random(f"{number}-{ROUNDS}")
    off, on = list(SIX), list(SIX)
    chance.shuffle(off)
    chance.shuffle(on)
    for host in off:
        hosts.stop(host)
    for host in on:
        rehearsed.start(host)
        time.sleep(chance.random())
    begun = time.monotonic()
    open_again(rehearsed)
    print(f"off {off}, on {on}: all well {time.monotonic() - begun:.0f} s after the last start")

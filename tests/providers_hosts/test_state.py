"""State: what counts as a difference, what an update does, and what a failure leaves behind."""

from __future__ import annotations

import copy
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from providers.base.resource import PartialFailure, ProviderError
from providers.base.values import UNKNOWN, Asset
from providers.hosts import documents
from providers.hosts.runner import Job, Outcome, Progress, Tell
from providers.hosts.state import State
from tests.hostconfig.control_samples import servers
from tests.providers_hosts.pretend import Listening, Runs, inputs

CLEAN = {"drift": {}, "observed": "ok", "applied": {"fingerprint": "f1"}}


def state(runs: Runs | None = None, quiet: float = 0.05) -> State:
    made = State(runs or Runs(), quiet=quiet, longest=quiet * 10)
    Listening(made)
    return made


def said(it: State) -> str:
    assert isinstance(it.provider, Listening)
    return "\n".join(message for _, message in it.provider.said)


def differences(old: dict[str, Any], new: dict[str, Any], outputs: dict[str, Any] = CLEAN) -> dict[str, str]:
    found = state().diff("id", old, outputs, new)
    assert found.changes == bool(found.detailed)
    return found.detailed


def test_an_opening_is_named_by_its_rule() -> None:
    new = inputs()
    new["desired"]["firewall"]["openings"]["gemini"] = {"proto": "tcp", "ports": "1965", "from": ["world"]}
    assert differences(inputs(), new) == {"desired.firewall.openings.gemini": "ADD"}
    assert differences(new, inputs()) == {"desired.firewall.openings.gemini": "DELETE"}


def test_what_is_not_about_the_host_is_no_difference() -> None:
    new = inputs(members=7)
    new["connection"] |= {"users": ["fleet", "deploy", "root"], "port": 2222, "host_key": "ssh-ed25519 AAAA"}
    assert differences(inputs(), new) == {}
    recorded = copy.deepcopy(new)
    recorded["connection"]["host_key"] = "ssh-ed25519 AAAA root@a"
    assert differences(new, recorded) == {}


def test_another_machine_is_a_difference() -> None:
    moved, other = inputs(), inputs()
    moved["connection"]["address"] = UNKNOWN
    other["connection"]["host_key"] = "ssh-ed25519 BBBB"
    old = inputs()
    old["connection"]["host_key"] = "ssh-ed25519 AAAA"
    assert differences(inputs(), moved) == {"connection.address": "UPDATE"}
    assert differences(old, other) == {"connection.host_key": "UPDATE"}
    assert "connection" in differences(inputs(), inputs() | {"connection": UNKNOWN})


def test_drift_names_the_file_as_a_difference() -> None:
    found = state().diff("id", inputs(), CLEAN | {"drift": {"/etc/ssh/sshd_config": "edited"}}, inputs())
    assert found.detailed == {'drift["/etc/ssh/sshd_config"]': "UPDATE"}
    assert found.in_outputs == ['drift["/etc/ssh/sshd_config"]']


def document(peers: dict[str, str], *, text: bool = True) -> Asset:
    body = json.dumps({"peers": {host: {"key": key, "address": "192.168.99.1"} for host, key in peers.items()}})
    return Asset(text=body if text else None, hash=hashlib.sha256(body.encode()).hexdigest())


def test_the_document_shows_the_peers_that_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    documents.content.cache_clear()
    monkeypatch.setattr(documents, "_SEEN", set())
    before, after = {"a": "k1", "b": "k2"}, {"b": "k9", "c-d": "k3"}
    old, new = (inputs(fabric={"document": document(peers)}) for peers in (before, after))
    named = {
        "desired.fabric.document.peers.a": "DELETE",
        "desired.fabric.document.peers.b": "UPDATE",
        "desired.fabric.document.peers.c-d": "ADD",
    }
    assert differences(old, new) == named
    lost = inputs(fabric={"document": document(before, text=False)})
    assert differences(lost, new) == {"desired.fabric.document": "UPDATE"}
    documents.content.cache_clear()
    documents.keep(document(before))
    documents.content.cache_clear()
    assert differences(lost, new) == named, "a kept copy tells what the state no longer holds"


def test_check_names_host_and_field_and_tolerates_unknown_leaves() -> None:
    bad = inputs(hostname="Not A Name")
    _, failures = state().check(bad, {})
    assert [failure.property for failure in failures] == ["desired.hostname"]
    assert failures[0].reason.startswith("a-ams-nl: ")
    assert state().check(inputs(fqdn=UNKNOWN, hostname="Not A Name"), {})[1] == []
    assert state().check(inputs(), {})[1] == []
    assert state().check({"host": "a"}, {})[1]


def test_a_changed_template_with_unchanged_data_is_a_difference() -> None:
    before, after = inputs() | {"code": "one"}, inputs() | {"code": "two"}
    assert differences(before, after) == {"code": "UPDATE"}
    assert differences(inputs(), after) == {"code": "ADD"}


def test_a_layer_is_checked_by_its_own_record() -> None:
    _, failures = state().check(inputs() | {"layer": "roof"}, {})
    assert [(f.property, "roof" in f.reason) for f in failures] == [("layer", True)]
    it = inputs() | {"layer": "servers", "desired": servers(address="10.99.0.9")}
    assert ["is not among the voters" in f.reason for f in state().check(it, {})[1]] == [True]
    assert state().check(it | {"desired": servers()}, {})[1] == []


def test_what_a_service_has_to_say_reaches_the_person() -> None:
    it = state(Runs(**{"a-ams-nl": Outcome(reachable=True, notes=("vault was restarted and is sealed",))}))
    it.create(inputs(), preview=False, timeout=0)
    assert said(it) == "a-ams-nl: vault was restarted and is sealed"


def test_a_preview_runs_nothing() -> None:
    runs = Runs()
    it = state(runs)
    made = it.create(inputs(), preview=True, timeout=0)
    assert made.id == "a-ams-nl/ground"
    assert made.outputs["drift"] is UNKNOWN
    it.update(made.id, inputs(), CLEAN, inputs(fqdn=UNKNOWN), preview=True)
    assert runs.runs == []


def test_hosts_that_arrive_together_are_one_run_and_fail_one_by_one() -> None:
    runs = Runs(b=Outcome(error="unreachable: 192.0.2.1 port 22: timed out"))
    # All three come, which ends the waiting: so it may be long.
    it = state(runs, quiet=30)

    def create(host: str) -> object:
        try:
            return it.create(inputs(host, members=3), preview=False, timeout=0).outputs["observed"]
        except ProviderError as error:
            return str(error)

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(create, ["a", "b", "c"]))
    assert (results[0], results[2]) == ("ok", "ok")
    assert str(results[1]).startswith("b: unreachable: 192.0.2.1 port 22: timed out; the other hosts go on")
    assert runs.runs == [("apply", ("a", "b", "c"))]


def test_a_host_half_done_is_recorded_so_that_the_next_up_goes_on() -> None:
    it = state(Runs(**{"a-ams-nl": Outcome(error="service unbound: failed: no space", reachable=True)}))
    with pytest.raises(PartialFailure) as made:
        it.create(inputs(), preview=False, timeout=0)
    assert made.value.id == "a-ams-nl/ground"
    assert made.value.reasons == ["a-ams-nl: service unbound: failed: no space"]
    new = inputs(packages={"jq": "reading"})
    with pytest.raises(PartialFailure) as changed:
        it.update("a-ams-nl/ground", inputs(), CLEAN, new, preview=False)
    assert changed.value.inputs == inputs(), "the old inputs stay, so the difference stays"
    assert differences(changed.value.inputs, new, changed.value.outputs) == {"desired.packages": "ADD"}


def test_only_drift_that_a_refresh_recorded_is_acknowledged() -> None:
    edited = {"/etc/ssh/sshd_config": "edited"}
    runs = Runs(**{"a-ams-nl": Outcome(error="/etc/ssh/sshd_config was edited by hand", reachable=True, drift=edited)})
    it = state(runs)
    with pytest.raises(PartialFailure) as stopped:
        it.update("id", inputs(), CLEAN, inputs(), preview=False)
    assert stopped.value.outputs["drift"] == {}, "failing at a hand edit is no leave to overwrite it"
    runs.answers = {}
    it.update("id", inputs(), CLEAN | {"drift": edited}, inputs(), preview=False)
    assert [job.acknowledged for job in runs.jobs] == [(), ("/etc/ssh/sshd_config",)]


def test_a_read_tells_drift_by_host_and_file_and_never_raises() -> None:
    drift = {"/etc/ssh/sshd_config": "edited by hand"}
    runs = Runs(
        a=Outcome(reachable=True, drift=drift),
        b=Outcome(error="unreachable: no route"),
        c=Outcome(error="sudo asks for a password", reachable=True),
    )
    it = state(runs, quiet=30)
    with ThreadPoolExecutor(3) as pool:
        seen = list(pool.map(lambda host: it.read(f"{host}/ground", inputs(host, members=3), CLEAN), "abc"))
    outputs = [one.outputs for one in seen if one]
    assert [one["observed"] for one in outputs] == ["ok", "unreachable", "unknown"]
    assert [one["drift"] for one in outputs] == [drift, {}, {}]
    assert "a: /etc/ssh/sshd_config: edited by hand" in said(it)
    assert "b: unreachable" in said(it)
    assert runs.runs == [("read", ("a", "b", "c"))]


def test_a_read_of_nonsense_keeps_what_was_there() -> None:
    class Broken(Runs):
        def __call__(self, jobs: list[Job], mode: str, tell: Tell, progress: Progress) -> None:
            raise OSError("no worker")

    it = State(Broken(), quiet=0.05)
    Listening(it)
    no_address = inputs()
    no_address["connection"]["address"] = None
    for bag in ({}, {"host": "a"}, inputs(), no_address, inputs(fqdn=UNKNOWN)):
        seen = it.read("id", bag, CLEAN)
        assert seen is not None
        assert seen.id == "id"


def test_an_imported_host_is_updated_and_not_replaced() -> None:
    it = state()
    seen = it.read("a-ams-nl/ground", {}, {})
    assert seen is not None
    found = it.diff(seen.id, seen.inputs, seen.outputs, inputs())
    assert (found.changes, list(found.replaces)) == (True, [])
    assert it.diff("id", inputs(), CLEAN, inputs("b-ams-nl")).replaces == ["host"]


def test_too_few_calls_in_flight_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_PARALLEL", "2")
    it = state()
    for host in ("a", "b"):
        it.create(inputs(host, members=3), preview=False, timeout=0)
    assert said(it).count("PULUMI_PARALLEL=3") == 1
    monkeypatch.setenv("PULUMI_PARALLEL", "3")
    quiet = state()
    quiet.create(inputs(members=3), preview=False, timeout=0)
    assert said(quiet) == ""


def test_the_same_desired_state_leaves_the_same_outputs() -> None:
    it = state()
    first = it.create(inputs(), preview=False, timeout=0).outputs
    assert it.update("id", inputs(), first, inputs(), preview=False) == first

"""The gate before real servers: open when they can keep what they are told, and otherwise a sentence."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.base.resource import ProviderError
from providers.base.values import UNKNOWN, Bag
from providers.hosts.__main__ import Hosts
from providers.hosts.gate import Gate
from tests.servers import real


@pytest.fixture
def gate() -> Gate:
    made = Gate(looks_apart=0.3, pause=0.1)
    Hosts([made])
    return made


def asking(system: str, address: str, members: Any = None, seconds: float = 2.0) -> Bag:
    named = members or {"one": "127.0.0.1"}
    return {"system": system, "address": address, "members": named, "digest": "1", "deadline_seconds": seconds}


def refusal(gate: Gate, inputs: Bag) -> str:
    with pytest.raises(ProviderError) as caught:
        gate.create(inputs, preview=False, timeout=0)
    return str(caught.value)


def test_a_preview_asks_nothing_and_a_read_never_raises(gate: Gate) -> None:
    inputs = asking("nomad", "https://nowhere.invalid")
    assert gate.create(inputs, preview=True, timeout=0).outputs["ready"] is UNKNOWN
    assert gate.update("nomad", inputs, {}, inputs, preview=True)["leader"] is UNKNOWN
    read = gate.read("nomad", inputs, {"ready": True})
    assert read is not None
    assert read.outputs == {"ready": True}


def test_only_what_stands_behind_it_and_who_votes_opens_it_again(gate: Gate) -> None:
    old = asking("nomad", "https://a.example", {"one": "192.0.2.1"})
    assert not gate.diff("nomad", old, {}, {**old, "deadline_seconds": 9, "members": {"one": "192.0.2.2"}}).changes
    assert gate.diff("nomad", old, {}, {**old, "digest": "2"}).detailed == {"digest": "UPDATE"}
    joined = {**old, "members": {"one": "192.0.2.1", "two": ""}}
    assert gate.diff("nomad", old, {}, joined).detailed == {"members.two": "ADD"}


def test_wrong_inputs_are_named(gate: Gate) -> None:
    _, failures = gate.check({"system": "etcd", "address": "a.example", "members": {}}, {})
    assert [one.property for one in failures] == ["system", "address", "members"]


def test_nobody_answers(gate: Gate) -> None:
    with real.nobody() as port:
        told = refusal(gate, asking("nomad", f"http://127.0.0.1:{port}"))
    assert f"nomad at http://127.0.0.1:{port} is not ready after 2 s" in told
    assert "cannot connect" in told


@pytest.mark.servers
def test_vault_blank_sealed_open(gate: Gate, tmp_path: Path) -> None:
    with real.vault(tmp_path, dev=False) as server:
        asked = asking("vault", server.address)
        assert "never initialised: run `fleet bootstrap`" in refusal(gate, asked)
        shares = server.open.put("/v1/sys/init", {"secret_shares": 1, "secret_threshold": 1})
        told = refusal(gate, asked)
        assert "0 of 1 servers are open and 1 are needed (one: sealed)" in told
        assert "fleet unseal" in told
        # Somebody opens it while the gate waits.
        later = threading.Timer(0.7, lambda: server.open.put("/v1/sys/unseal", {"key": shares["keys"][0]}))
        later.start()
        outputs = gate.create({**asked, "deadline_seconds": 15}, preview=False, timeout=0).outputs
        later.join()
        assert outputs["ready"] is True
        assert outputs["leader"]


@pytest.mark.servers
def test_nomad_waits_for_the_others_and_leads_alone(gate: Gate, tmp_path: Path) -> None:
    three = {"one": "127.0.0.1", "two": "", "three": ""}
    with real.nomad(tmp_path / "lone", expect=3) as server:
        real.wait_for("nomad's port", lambda: server.open.get("/ui/"))
        told = refusal(gate, asking("nomad", server.address, three))
        assert "no server leads, so fewer than 2 of 3 work together: look at one, two, three" in told
    with real.nomad(tmp_path / "dev") as server:
        outputs = gate.create(asking("nomad", server.address, seconds=20), preview=False, timeout=0).outputs
        assert outputs["ready"] is True
        assert ":" in outputs["leader"]
        assert "1 of 3 servers have joined and 2 are needed" in refusal(gate, asking("nomad", server.address, three))


@contextlib.contextmanager
def three_consuls(folder: Path) -> Iterator[list[real.Server]]:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(real.consul(folder / "one", expect=3))
        rest = [
            stack.enter_context(real.consul(folder / name, expect=3, join=first.facts["serf"]))
            for name in ("two", "three")
        ]
        yield [first, *rest]


@pytest.mark.servers
def test_consul_loses_its_quorum_and_finds_it_again(gate: Gate, tmp_path: Path) -> None:
    members = dict.fromkeys(("one", "two", "three"), "127.0.0.1")
    with three_consuls(tmp_path) as servers:
        one, two, three = servers
        asked = asking("consul", one.address, members, seconds=30)
        assert gate.create(asked, preview=False, timeout=0).outputs["ready"] is True
        three.stop()
        # Two of three are a quorum, whoever led before.
        assert gate.update("consul", asked, {}, {**asked, "digest": "2"}, preview=False)["ready"] is True
        two.stop()
        began = time.monotonic()
        assert "no server leads" in refusal(gate, {**asked, "deadline_seconds": 3})
        assert time.monotonic() - began < 12
        two.start()
        assert gate.update("consul", asked, {}, {**asked, "digest": "3"}, preview=False)["ready"] is True

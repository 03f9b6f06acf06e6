"""The worker process: its results host by host, its silence, its locks."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from providers.hosts import locks
from providers.hosts.runner import Job, Outcome, Worker
from providers.hosts.ssh import Connection

ANSWER = """
import json, sys
request = json.load(sys.stdin)
result = dict(ok=True, changed=[], operations=0, drift={}, error=None, reachable=True, fingerprint="f")
def tell(host): print(json.dumps({"host": host, "result": result}), flush=True)
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLEET_RUN", str(tmp_path))
    monkeypatch.setattr("providers.hosts.runner._LOCK_PATIENCE", 0.1)
    return tmp_path


def outcomes(
    script: str, mode: str = "apply", hosts: str = "ab", after: Callable[[], None] = lambda: None
) -> dict[str, Outcome]:
    """What is told of each host; `after` is called with each."""
    told: dict[str, Outcome] = {}

    def tell(host: str, outcome: Outcome) -> None:
        assert host not in told, "each host is told once"
        told[host] = outcome
        after()

    jobs = [Job(host, Connection("192.0.2.1"), {}) for host in hosts]
    Worker([sys.executable, "-c", ANSWER + script])(jobs, mode, tell, lambda _: None)
    return told


def test_results_come_host_by_host() -> None:
    told = outcomes("for t in request['targets']: tell(t['host'])")
    assert {host: (one.error, one.fingerprint) for host, one in told.items()} == {"a": (None, "f"), "b": (None, "f")}


def test_a_worker_that_dies_half_way_fails_only_who_was_left() -> None:
    told = outcomes("tell('a'); sys.exit('out of memory')")
    assert told["a"].error is None
    assert told["b"].error == "the host run ended early (exit code 1: out of memory); the next `up` goes on from there"


def test_a_worker_that_reads_nothing_is_no_hang() -> None:
    told = outcomes("", hosts="a")
    assert "ended early (exit code 0" in str(told["a"].error)
    missing: dict[str, Outcome] = {}
    Worker(["/nowhere/python"])([Job("a", Connection("192.0.2.1"), {})], "read", missing.__setitem__, print)
    assert "could not start" in str(missing["a"].error)


def test_a_run_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.hosts.runner._TELL_EVERY", 0.3)
    # Its time is over once it has told of one host, however long that took.
    late = partial(monkeypatch.setenv, "FLEET_RUN_SECONDS", "0.1")
    told = outcomes("import time; tell('a'); time.sleep(300)", after=late)
    assert told["a"].error is None
    assert "FLEET_RUN_SECONDS" in str(told["b"].error)


def test_a_host_that_another_run_holds_fails_by_itself_and_a_read_needs_no_lock() -> None:
    held, busy = locks.take(["a"], patience=0)
    assert busy == {}
    answer = "for t in request['targets']: tell(t['host'])"
    told = outcomes(answer)
    assert told["b"].error is None
    assert str(os.getpid()) in str(told["a"].error)
    assert outcomes(answer, "read")["a"].error is None
    locks.give_back(held)
    assert outcomes(answer)["a"].error is None


def test_a_surviving_worker_keeps_its_hosts_locked() -> None:
    """The provider closes its side; the worker's inherited side holds until the worker ends."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        held, _ = locks.take(["a"], patience=0)
        for number in held.values():
            os.set_inheritable(number, True)
        os.dup2(reading, 0)
        # It ends when nobody holds the other end of the pipe any more.
        os.spawnlp(os.P_NOWAIT, "cat", "cat")
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(reading)
    assert locks.take(["a"], patience=0)[1], "the child that outlived its parent still holds it"
    closing = threading.Timer(0.5, os.close, [writing])
    closing.start()
    held, busy = locks.take(["a"], patience=30)
    assert busy == {}
    closing.join()
    locks.give_back(held)

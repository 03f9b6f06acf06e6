"""The law of batches: nobody is lost, nobody runs twice, what arrives together runs together."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.hosts.batch import Gathering, Settle


class Log:
    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def __call__(self, items: dict[str, int], settle: Settle[int]) -> None:
        self.batches.append(sorted(items))
        for host, item in items.items():
            settle(host, item * 10)


def arrive_all(gathering: Gathering[int, int], hosts: list[str], members: int) -> dict[str, int]:
    with ThreadPoolExecutor(len(hosts)) as pool:
        futures = {h: pool.submit(gathering.arrive, "ground", h, members, n) for n, h in enumerate(hosts)}
        return {host: future.result(60) for host, future in futures.items()}


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 12), st.integers(0, 5))
def test_all_that_will_arrive_are_one_batch_at_once(arriving: int, absent: int) -> None:
    log = Log()
    gathering: Gathering[int, int] = Gathering(log, quiet=30, longest=30)
    hosts = [f"h{n}" for n in range(arriving)]
    for n in range(absent):
        gathering.absent("ground", f"same{n}")
    began = time.monotonic()
    results = arrive_all(gathering, hosts, arriving + absent)
    assert results == {host: n * 10 for n, host in enumerate(hosts)}
    assert log.batches == [sorted(hosts)]
    assert time.monotonic() - began < 25, "it waited for hosts that were not coming"


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(0, 0.12), min_size=1, max_size=6))
def test_whenever_hosts_arrive_each_runs_exactly_once(delays: list[float]) -> None:
    log = Log()
    gathering: Gathering[int, int] = Gathering(log, quiet=0.05, longest=0.2)

    def late(n: int) -> int:
        time.sleep(delays[n])
        return gathering.arrive("ground", f"h{n}", 100, n)

    with ThreadPoolExecutor(len(delays)) as pool:
        assert list(pool.map(late, range(len(delays)))) == [n * 10 for n in range(len(delays))]
    assert sorted(chain.from_iterable(log.batches)) == sorted(f"h{n}" for n in range(len(delays)))


def test_a_batch_that_some_never_reach_closes_after_silence() -> None:
    log = Log()
    gathering: Gathering[int, int] = Gathering(log, quiet=3.0, longest=60)
    began = time.monotonic()
    arrive_all(gathering, ["a", "b"], 6)
    assert log.batches == [["a", "b"]]
    assert time.monotonic() - began < 30


def test_signs_of_life_keep_a_batch_open_but_not_for_ever() -> None:
    log = Log()
    gathering: Gathering[int, int] = Gathering(log, quiet=2.5, longest=4)
    stop = threading.Event()

    def noise() -> None:
        while not stop.wait(0.05):
            gathering.coming("ground", "other")

    thread = threading.Thread(target=noise)
    thread.start()
    began = time.monotonic()
    gathering.arrive("ground", "a", 6, 1)
    spent = time.monotonic() - began
    stop.set()
    thread.join()
    assert 3.5 < spent < 30


def test_the_same_host_twice_is_two_runs() -> None:
    log = Log()
    gathering: Gathering[int, int] = Gathering(log, quiet=0.1, longest=1)
    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(gathering.arrive, "ground", "a", 5, n) for n in (1, 2)]
        assert sorted(r.result(60) for r in results) == [10, 20]
    assert log.batches == [["a"], ["a"]]


def test_a_run_that_breaks_or_forgets_somebody_hangs_nobody() -> None:
    def breaks(_items: dict[str, int], settle: Settle[int]) -> None:
        settle("a", 1)
        raise OSError("no such worker")

    def forgets(_items: dict[str, int], settle: Settle[int]) -> None:
        settle("a", 1)

    for work in (breaks, forgets):
        gathering: Gathering[int, int] = Gathering(work, quiet=5)
        with ThreadPoolExecutor(2) as pool:
            futures = {h: pool.submit(gathering.arrive, "ground", h, 2, 0) for h in ("a", "b")}
            assert futures["a"].result(60) == 1
            with pytest.raises((OSError, RuntimeError)):
                futures["b"].result(60)

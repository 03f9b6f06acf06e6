"""The front's part of the bench: what wrk says is read rightly, rounds are paired, and what is missing is told."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from hostconfig.desired_front import Front
from tests.bench import front
from tests.bench.front import COMPARISONS, Comparison, Found, ratio, table
from tests.bench.front_rig import WISH, cores, on
from tests.bench.front_wrk import FailedError, Sample, heard, used
from tests.hostconfig.front_plant import record

SAID = """\
Running 2s test @ https://mirror.fleet.example:443/10k.bin
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.37ms    2.25ms  41.92ms   95.86%
    Req/Sec    27.77k     5.24k   34.61k    80.00%
  Latency Distribution
     50%    1.01ms
     99%   {late}
  55263 requests in 2.00s, 548.70MB read
{errors}Requests/sec:  27618.93
Transfer/sec:    274.21MB
"""


@pytest.mark.parametrize(("late", "seconds"), [("840.00us", 0.00084), ("12.50ms", 0.0125), ("1.01s ", 1.01)])
def test_what_wrk_says_is_read(late: str, seconds: float) -> None:
    rate, p99, count = heard(SAID.format(late=late, errors=""))
    assert (rate, count) == (27618.93, 55263)
    assert p99 == pytest.approx(seconds)


@pytest.mark.parametrize(
    "errors", ["  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 1, write 0, timeout 0\n"]
)
def test_a_load_with_an_answer_that_is_none_measures_nothing(errors: str) -> None:
    with pytest.raises(FailedError, match=errors.strip()):
        heard(SAID.format(late="1.00ms", errors=errors))
    with pytest.raises(FailedError, match="unable to connect"):
        heard("unable to connect to mirror.fleet.example:443 Connection refused\n")


def test_a_ratio_is_of_samples_of_one_round() -> None:
    slow, fast = Sample(100, 0.01, 30e-6), Sample(1000, 0.001, 20e-6)
    assert ratio([(slow, slow), (fast, fast)]) == "1.00 (1.00 to 1.00) · 1.00", "a slow round is slow for both"
    assert ratio([(slow, fast), (fast, fast), (fast, fast)]) == "1.00 (0.10 to 1.00) · 1.00"
    assert ratio([]) == "–"
    assert ratio([(slow, Sample(200, 0.01, 0.0))]) == "0.50 (0.50 to 0.50)", "too short to have used a tick"
    found = Found({})
    for mine, least in ((None, slow), (fast, fast), (fast, None)):
        found.add("a", "1 KB", mine)
        found.add("b", "1 KB", least)
    assert found.pairs(Comparison("", "a", "b"), "1 KB") == [(fast, fast)]


def test_the_table_says_aims_ratios_and_what_is_missing() -> None:
    names = {key: key for it in COMPARISONS for key in (it.way, it.floor)}
    found = Found(names, wrong=["a canary pair: withdrawn", "a canary pair: withdrawn"])
    found.add("files", "10 KB", Sample(9600, 0.0042, 33e-6))
    found.add("bare files", "10 KB", Sample(10000, 0.004, 30e-6))
    text = "\n".join(table(found))
    assert "| files | – | 9,600 · 4.2 ms · 33 µs | – |" in text
    assert "| files, HTTPS: our front ÷ bare nginx | – | 0.96 (0.96 to 0.96) · 1.10 | – | ≥ 0.95 |" in text
    assert text.count("- Not measured: a canary pair: withdrawn") == 1
    assert "wireguard-go in user space" in text


def test_without_root_or_programs_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert front.lines(print) == ["The mirrors' front: skipped: needs root on Linux"]
    if sys.platform == "linux":
        monkeypatch.setattr("os.geteuid", lambda: 0)
        monkeypatch.setattr("shutil.which", lambda name: None if name == "wrk" else name)
        assert front.lines(print) == ["The mirrors' front: skipped: wrk not installed"]


def test_the_front_that_is_measured_is_one_that_the_data_could_ask_for() -> None:
    wish = Front.model_validate(record(Path("/srv/mirror"), **WISH))
    assert wish.swap.share == 50
    assert {it.address for it in wish.services.values()} == {"198.18.0.1", "198.18.0.2"}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processors_are_given_and_taken_back() -> None:
    servers, others = cores()
    before = os.sched_getaffinity(0)
    assert servers | others == before
    with on(servers):
        assert os.sched_getaffinity(0) == servers
    assert os.sched_getaffinity(0) == before
    assert os.getpid() in used([os.getpid()])

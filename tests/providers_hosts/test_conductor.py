"""In which order hosts are worked on: all at once, and servers of a standing cluster one at a time."""

from __future__ import annotations

from providers.hosts.conductor import NEVER, conduct
from providers.hosts.runner import Job, Outcome
from providers.hosts.ssh import Connection
from tests.providers_hosts.pretend import ADDRESS, Runs

UNTOUCHED = Outcome(reachable=True, drift={"servers": NEVER})


def jobs(layer: str, hosts: str, *, first: bool) -> list[Job]:
    return [Job(host, Connection(ADDRESS), {}, layer=layer, first=first) for host in hosts]


def conducted(runs: Runs, wanted: list[Job]) -> dict[str, Outcome]:
    told: dict[str, Outcome] = {}

    def tell(host: str, outcome: Outcome) -> None:
        assert host not in told, "each host is told once"
        told[host] = outcome

    conduct(wanted, runs, tell, lambda _: None)
    assert sorted(told) == sorted(job.host for job in wanted)
    return told


def test_hosts_of_other_layers_go_all_at_once() -> None:
    for layer in ("ground", "agents"):
        runs = Runs()
        conducted(runs, jobs(layer, "abc", first=False))
        assert runs.runs == [("apply", ("a", "b", "c"))]


def test_servers_that_never_were_start_together() -> None:
    runs = Runs(a=UNTOUCHED, b=UNTOUCHED, c=UNTOUCHED)
    conducted(runs, jobs("servers", "abc", first=True))
    assert runs.runs == [("read", ("a", "b", "c")), ("apply", ("a", "b", "c"))]


def test_servers_that_stand_are_changed_one_at_a_time() -> None:
    runs = Runs()
    conducted(runs, jobs("servers", "cab", first=False))
    assert runs.runs == [("apply", ("a",)), ("apply", ("b",)), ("apply", ("c",))]


def test_servers_that_stand_though_no_state_knows_them_are_changed_one_at_a_time() -> None:
    runs = Runs(a=UNTOUCHED)
    conducted(runs, jobs("servers", "abc", first=True))
    assert runs.runs == [("read", ("a", "b", "c")), ("apply", ("a",)), ("apply", ("b",)), ("apply", ("c",))]


def test_a_server_that_fails_stops_the_rest_by_name() -> None:
    runs = Runs(b=Outcome(error="no quorum", reachable=True))
    told = conducted(runs, jobs("servers", "abc", first=False))
    assert runs.runs == [("apply", ("a",)), ("apply", ("b",))]
    assert (told["a"].error, told["b"].error) == (None, "no quorum")
    assert told["c"].error == "not begun: b failed before it, and servers are changed one at a time"


def test_fronts_that_stand_go_one_then_half_then_the_rest() -> None:
    for hosts, order in {"a": "a", "ab": "a b", "abc": "a bc", "abcd": "a b cd", "abcdef": "a bc def"}.items():
        runs = Runs()
        conducted(runs, jobs("front", hosts, first=False))
        assert runs.runs == [("apply", tuple(wave)) for wave in order.split()]


def test_fronts_that_never_were_start_together() -> None:
    runs = Runs(a=Outcome(reachable=True, drift={"front": NEVER}), b=Outcome(reachable=True, drift={"front": NEVER}))
    conducted(runs, jobs("front", "ab", first=True))
    assert runs.runs == [("read", ("a", "b")), ("apply", ("a", "b"))]


def test_a_front_that_is_withdrawn_stops_the_others_and_a_mirror_that_is_off_does_not() -> None:
    runs = Runs(a=Outcome(error="withdrawn: slower", reachable=True))
    told = conducted(runs, jobs("front", "abc", first=False))
    assert told["b"].error == "not begun: a failed before it, and mirrors are changed one, then half, then the rest"
    runs = Runs(a=Outcome(error="unreachable: timed out", reachable=False))
    told = conducted(runs, jobs("front", "abc", first=False))
    assert (told["b"].error, told["c"].error) == (None, None)

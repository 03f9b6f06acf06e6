"""`fleet compare`, `promote`, `withdraw`: what is summed up, the limits, the page, and the refusals."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cli import canaries
from cli.allocations import Allocation, Job
from cli.canaries import Instance, Waiting, refuse_the_ill, undecided, waiting
from cli.compare import Behind, Compared, behind, compared, page, within, worse
from cli.front_log import Seen
from cli.mistake import Mistake
from cli.together import Answer
from hostconfig.front import library
from model import load
from model.front import Swap
from tests.harness import ROOT

HERE = "198.18.61.36"
OLD, OTHER, NEW = "10.99.0.31:23000", "10.99.0.32:23001", "10.99.0.32:23002"
NAMES = (Behind(HERE, "app", "http"),)


def instance(name: str, node: str, at: str, version: int) -> Instance:
    return Instance(Allocation(name, "app", node, "running", True, ()), version, {"http": at, "metrics": "1.2.3.4:5"})


def half(**changes: Any) -> Waiting:
    made: dict[str, Any] = {
        "id": "d1",
        "job": Job("web", "apps", "service"),
        "began": 0.0,
        "version": 4,
        "wanted": 1,
        "healthy": 1,
        "old": (instance("0123", "a-bru-be", OLD, 3), instance("4567", "a-nyc-us", OTHER, 3)),
        "new": (instance("89ab", "a-nyc-us", NEW, 4),),
    }
    return Waiting(**made | changes)


def counts(answers: int, step: int = 8, **more: int) -> Counter[str]:
    failed = sum(more.get(kind, 0) for kind in ("3xx", "4xx", "5xx"))
    return Counter({"answers": answers, "2xx": answers - failed, "bytes": answers * 100, f"step{step}": answers} | more)


def mirror(old: Counter[str], new: Counter[str], seconds: int = 35) -> Answer[Seen]:
    ports = {(HERE, "1"): OLD, (HERE, "2"): OTHER, (HERE, "3"): NEW}
    return Answer(value=Seen(seconds, ports, {(HERE, OLD): old, (HERE, NEW): new}))


def test_the_mirrors_are_summed_up_and_who_is_neither_old_nor_new_is_left_out() -> None:
    one, two = mirror(counts(30), counts(10)), mirror(counts(5), counts(15), 20)
    assert two.value is not None
    two.value.instances[HERE, "2"] = "10.99.0.99:1"
    two.value.counts[HERE, "10.99.0.99:1"] = counts(1000)
    found = compared(half(), NAMES, {"a": one, "b": two}, Swap())
    assert (found.old["answers"], found.new["answers"]) == (35, 25)
    assert (found.verdict, found.wrong) == ("no worse", ())


def test_a_mirror_that_is_silent_is_named_and_the_others_count() -> None:
    answers = {"a-nyc-us": mirror(counts(30), counts(30)), "a-pdx-us": Answer[Seen](error=OSError("timed out"))}
    found = compared(half(), NAMES, answers, Swap())
    assert found.wrong == ("a-pdx-us: not read: timed out",)
    with pytest.raises(Mistake, match=r"no mirror's log can be read \(a: not read: timed out\)"):
        compared(half(), NAMES, {"a": Answer(error=OSError("timed out"))}, Swap())


def test_a_canary_that_no_mirror_knows_yet_is_said() -> None:
    it = half(new=(instance("89ab", "a-nyc-us", "10.99.0.32:9", 4),), healthy=0)
    found = compared(it, NAMES, {"a-pdx-us": mirror(counts(30), counts(30))}, Swap())
    assert found.wrong == ("0 of 1 canaries are healthy", "a-pdx-us: passes nothing on to the new one yet")
    assert found.verdict == "too few answers to say: 20 of each are needed"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (counts(100), counts(100), ""),
        (counts(100), counts(5, **{"5xx": 2}), ""),
        (counts(100), counts(5, **{"5xx": 3}), "60.0 of 100 answers failed, 0.0 of the old one's"),
        (counts(100, **{"4xx": 1}), counts(50, **{"4xx": 6}), "12.0 of 100 questions were refused, 1.0 by the old one"),
        (counts(20), counts(20, step=24), "slow: half of the answers within 0.212 s, the old one 0.006 s"),
        (counts(19), counts(19, step=24), ""),
        (counts(100), counts(90, step=8) + counts(10, step=24), "slow: 19 of 20 answers within 0.212 s, the old one"),
    ],
)
def test_worse_is_what_a_swap_of_the_front_calls_worse(old: Counter[str], new: Counter[str], said: str) -> None:
    found = worse(old, new, Swap())
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_worse_is_what_weigh_on_a_mirror_calls_worse(tmp_path: Path) -> None:
    (tmp_path / "weigh.awk").write_text(library("weigh.awk"))
    cases = [counts(200, 20), counts(200, 29, **{"5xx": 7}), counts(60, 20, **{"4xx": 40})]
    for old in cases:
        for new in cases:
            for name, one in (("a", old), ("b", new)):
                (tmp_path / name).write_text("".join(f"{key} {number}\n" for key, number in one.items()))
            given: dict[str, object] = {"old": tmp_path / "a", "new": tmp_path / "b", "table": tmp_path / "table"}
            given |= {"factor": "2.0", "more": "0.05", "failing": "1.0", "old_id": "x", "new_id": "y", "probed": "0 0"}
            words = [word for key, value in given.items() for word in ("-v", f"{key}={value}")]
            done = subprocess.run(
                ["awk", *words, "-f", str(tmp_path / "weigh.awk")], capture_output=True, text=True, check=True
            )
            assert done.stdout.strip() == worse(old, new, Swap())
            assert f"{within(new, 0.95):.3f} s" in (tmp_path / "table").read_text()


GOLDEN = """\
apps/web
                         old         new
version                    3           4
instances                  2           1
answers                   80          40
2xx                       80          34
3xx                        0           0
4xx                        0           0
5xx                        0           6
unheard                    1           0
bytes                   8000        4000
bytes an answer          100         100
half within          0.006 s     0.018 s
19 of 20 within      0.006 s     0.018 s
  old: a-bru-be/0123, a-nyc-us/4567
  new: a-nyc-us/89ab
  35 s of 1 of 2 mirrors' logs
! a-pdx-us: not read: timed out
worse: 15.0 of 100 answers failed, 0.0
  of the old one's"""


def test_the_page_as_a_whole() -> None:
    seen_one = mirror(counts(80, unheard=1), counts(40, 13, **{"5xx": 6}))
    answers = {"a-nyc-us": seen_one, "a-pdx-us": Answer[Seen](error=OSError("timed out"))}
    text = page(half(), compared(half(), NAMES, answers, Swap()))
    assert text == GOLDEN
    assert max(len(one) for one in text.splitlines()) <= 40


def test_an_empty_page_has_dashes() -> None:
    text = page(half(new=(), old=()), Compared(Counter(), Counter(), "", (), (), 2))
    assert "half within                -           -" in text
    assert "version                    -           4" in text
    assert text.endswith("too few answers to say: 20 of each are\n  needed")


def test_a_service_that_no_mirror_passes_on_to_is_refused() -> None:
    local = load(ROOT / "stacks" / "local")
    (name,) = behind(local, "infradocs")
    assert (name.group, name.port) == ("infradocs", "http")
    with pytest.raises(Mistake, match="report: nothing is passed on to it by the mirrors"):
        behind(local, "report")


class Nomad:
    """As much of Nomad as one job with one deployment needs."""

    def __init__(self, deployment: Mapping[str, Any] | None) -> None:
        self.deployment = deployment
        self.written: list[tuple[str, Any]] = []
        self.reverted: int | None = None

    def get(self, path: str, **_: Any) -> Any:
        if path == "/v1/jobs":
            return [{"ID": "web", "Namespace": "apps", "Type": "service"}]
        if path == "/v1/job/web/deployment":
            return self.deployment
        stubs = [stub("old", "a-bru-be"), stub("new", "a-nyc-us", True), stub("gone", "a-nyc-us", ClientStatus="lost")]
        if path == "/v1/job/web/allocations":
            return stubs
        (whole,) = [one for one in stubs if path == f"/v1/allocation/{one['ID']}"]
        ports = [{"Label": "http", "HostIP": "10.99.0.31", "Value": 23000}]
        version = 4 if whole["ID"] == "new" else 3
        return whole | {"Job": {"Version": version}, "AllocatedResources": {"Shared": {"Ports": ports}}}

    def put(self, path: str, body: Any = None, **_: Any) -> Any:
        self.written.append((path, body))
        return {"RevertedJobVersion": self.reverted}


def stub(name: str, node: str, canary: bool = False, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "ID": name,
        "TaskGroup": "app",
        "NodeName": f"{node}.m.fleet.example",
        "ClientStatus": "running",
    }
    made |= {"DesiredStatus": "run", "CreateTime": 7_000_000_000}
    return made | {"DeploymentStatus": {"Healthy": True, "Canary": canary}} | more


def deployment(**group: Any) -> dict[str, Any]:
    it = {"DesiredCanaries": 1, "PlacedCanaries": ["new"], "Promoted": False} | group
    return {"ID": "d1", "JobVersion": 4, "Status": "running", "TaskGroups": {"app": it, "other": {"DesiredTotal": 1}}}


def test_canaries_are_told_apart_by_their_allocation() -> None:
    it = waiting(Nomad(deployment()), "web")  # type: ignore[arg-type]
    assert [one.allocation.short for one in it.old] == ["a-bru-be/old"]
    assert [one.allocation.short for one in it.new] == ["a-nyc-us/new"]
    assert (it.old_version, it.version, it.wanted, it.healthy, it.began) == (3, 4, 1, 1, 7.0)
    assert it.new[0].ports == {"http": "10.99.0.31:23000"}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "it never had a deployment"),
        (deployment() | {"Status": "successful"}, "no canary waits, its last deployment is successful"),
        (deployment(Promoted=True), "no canary waits, its last deployment is running"),
        (deployment(DesiredCanaries=0), "no canary waits, its last deployment is running"),
    ],
)
def test_nothing_is_chosen_where_nothing_waits(found: Mapping[str, Any] | None, said: str) -> None:
    assert undecided(found) == {}
    with pytest.raises(Mistake, match=rf"apps/web: {said}\n    rule: .*\n    way out: .*canary: 1"):
        waiting(Nomad(found), "web")  # type: ignore[arg-type]


def test_what_is_not_healthy_is_not_promoted() -> None:
    with pytest.raises(Mistake, match=r"0 of 1 canaries are healthy\n.*\n.*fleet withdraw apps/web"):
        refuse_the_ill(half(healthy=0))
    refuse_the_ill(half())


def test_withdrawing_takes_the_job_back_unless_nomad_does() -> None:
    nomad = Nomad(deployment())
    assert canaries.withdraw(nomad, half()) == 3  # type: ignore[arg-type]
    back = {"JobID": "web", "JobVersion": 3, "EnforcePriorVersion": 4}
    assert nomad.written == [("/v1/deployment/fail/d1", {}), ("/v1/job/web/revert", back)]
    nomad.written, nomad.reverted = [], 2
    assert canaries.withdraw(nomad, half()) == 2  # type: ignore[arg-type]
    assert len(nomad.written) == 1

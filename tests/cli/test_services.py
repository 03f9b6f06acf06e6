"""What the verbs over services decide by themselves: which job, which allocation, which lines, in which order."""

from __future__ import annotations

import queue
from typing import Any

import pytest

from cli.allocations import Allocation, Job, Task, allocation, matching, task_of
from cli.mistake import Mistake
from cli.restart import await_health, order, refuse_the_last
from cli.service_log import Heard, merged, speaking
from servers import ApiError


def placed(name: str, node: str = "a-bru-be", status: str = "running", tasks: tuple[Task, ...] = ()) -> Allocation:
    return Allocation(name, "app", node, status, True, tasks or (Task("app", "running"),))


def test_an_allocation_is_named_by_its_machine() -> None:
    stub: dict[str, Any] = {
        "ID": "0123-abc", "NodeName": "a-bru-be.m.fleet.example", "ClientStatus": "running", "DesiredStatus": "run",
        "TaskStates": {"init": {"State": "dead", "Failed": False}, "app": {"State": "running"}},
    }  # fmt: skip
    one = allocation(stub)
    assert (one.short, one.running) == ("a-bru-be/0123", True)
    stub["TaskStates"]["init"]["Failed"] = True
    assert not allocation(stub).running


def test_a_name_means_its_namespace_too() -> None:
    jobs = [Job("web", "apps", "service"), Job("web", "build", "service"), Job("apps/web", "build", "service")]
    assert len(matching(jobs, "web")) == 2
    assert matching(jobs, "build/web") == [jobs[1]]
    # A name with a slash loses against a whole one: the whole one cannot be said in any other way.
    assert matching(jobs, "apps/web") == [jobs[0]]
    assert matching(jobs, "build/apps/web") == [jobs[2]]


def test_a_task_is_named_where_there_are_several() -> None:
    two = placed("1", tasks=(Task("app", "running"), Task("side", "running")))
    assert task_of(two, "side") == "side"
    assert task_of(placed("1", tasks=(Task("app", "running"), Task("init", "dead"))), None) == "app"
    with pytest.raises(Mistake, match="app, side"):
        task_of(two, None)


def test_logs_come_from_what_runs_else_from_the_last_that_ended() -> None:
    ended = [placed("2", status="failed"), placed("1", status="complete")]
    assert speaking(ended) == ended[:1]
    assert speaking([*ended, placed("3")]) == [placed("3")]


def _heard(*items: Heard) -> queue.Queue[Heard]:
    found: queue.Queue[Heard] = queue.Queue()
    for item in items:
        found.put(item)
    return found


def test_lines_are_whole_and_the_last_ones() -> None:
    a, b = ("1", "app"), ("2", "app")
    heard = _heard((a, b"one\ntw"), (b, b"x\n"), (a, b"o\nthree\nfour"), (a, None), (b, None))
    assert list(merged(heard, [a, b], {a: "a: ", b: "b: "}, 2, follow=False)) == ["a: three", "a: four", "b: x"]


def test_a_log_that_cannot_be_read_does_not_hide_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    a, b = ("1", "app"), ("2", "app")
    heard = _heard((a, ApiError(404, "gone")), (b, b"x\n"), (b, None))
    assert list(merged(heard, [a, b], {a: "a: ", b: "b: "}, 5, follow=False)) == ["b: x"]
    assert "a: no log (gone)" in capsys.readouterr().err


def test_a_followed_log_shows_the_last_lines_first_and_then_all() -> None:
    a = ("1", "app")
    heard = _heard((a, b"1\n2\n3\n"))
    lines = iter(merged(heard, [a], {a: ""}, 1, follow=True))
    # Not before it was quiet for a while.
    assert next(lines) == "3"
    heard.put((a, b"4\n5\n"))
    heard.put((a, None))
    assert list(lines) == ["4", "5"]


def test_bytes_that_are_no_text_do_not_stop_a_log() -> None:
    a = ("1", "app")
    assert list(merged(_heard((a, b"\xff\n"), (a, None)), [a], {a: ""}, 5, follow=False)) == ["�"]


def test_what_is_ill_is_restarted_first() -> None:
    a, b = placed("1", "a"), placed("2", "b")
    assert order([a, b], {"1": "", "2": "check fails"}) == [b, a]


def test_the_only_healthy_one_stays_unless_it_is_asked_for() -> None:
    a, b = placed("1", "a"), placed("2", "b")
    ill = {"1": "", "2": "check fails"}
    with pytest.raises(Mistake, match=r"a/1 is the only healthy one of app"):
        refuse_the_last("web", [a, b], [b, a], ill, now=False)
    refuse_the_last("web", [a, b], [b], ill, now=False)
    refuse_the_last("web", [a, b], [b, a], ill, now=True)
    refuse_the_last("web", [a, b], [a, b], {"1": "", "2": ""}, now=False)
    refuse_the_last("web", [a], [a], {"1": "it is failed"}, now=False)


def test_healthy_is_what_stays_so() -> None:
    looks = iter(["", "again down", *[""] * 50])
    assert await_health(lambda: next(looks), 10, steady=0.6) == ""
    assert next(looks) == ""
    assert await_health(lambda: "down", 0.1) == "down"

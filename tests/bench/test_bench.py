"""The bench measures what it says, on data that the program takes, and never fails because something is slow."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from components.ground import desired_states
from components.roster.github_plan import plan
from model import load
from tests.bench import __main__ as bench
from tests.bench import control, floor, github, memory, placing, plans, previews
from tests.bench.cloud import project
from tests.bench.fleets import generate
from tests.bench.measure import median, run, tree


@pytest.mark.parametrize("size", [1, 10, 60])
def test_a_generated_fleet_is_right_and_whole(size: int, tmp_path: Path) -> None:
    names = generate(tmp_path, size)
    fleet = load(tmp_path)
    assert sorted(fleet.managed) == names
    assert len(names) == size
    states = desired_states(fleet)
    assert all(not state["fabric"]["joining"] for state in states.values()), "all are recorded, so the state is linear"


def test_a_run_is_measured_with_its_children(tmp_path: Path) -> None:
    busy = (
        "import time; data = bytearray(60_000_000); end = time.time() + 0.8\n"
        "while time.time() < end or time.process_time() < 0.5: pass"
    )
    argv = ["sh", "-c", f"{sys.executable} -c '{busy}'; true"]
    found = run(argv, env=os.environ, cwd=tmp_path)
    assert found.failed == ""
    assert found.seconds >= 0.8
    if sys.platform == "linux":
        assert found.peak > 60_000_000
        assert sum(found.cpu.values()) > 0.03


def test_what_fails_or_takes_too_long_says_so_and_raises_nothing(tmp_path: Path) -> None:
    assert (
        "exit code 3: error: why"
        in run(["sh", "-c", "echo error: why >&2; exit 3"], env=os.environ, cwd=tmp_path).failed
    )
    assert "not done after 1 s" in run(["sleep", "60"], env=os.environ, cwd=tmp_path, most=1).failed
    assert run(["/nowhere/at/all"], env=os.environ, cwd=tmp_path).failed


def test_the_floor_registers_as_many_resources(tmp_path: Path) -> None:
    folder = floor.project(tmp_path, components=13, custom=30, python=sys.executable)
    program = (folder / "__main__.py").read_text()
    assert program.startswith("COMPONENTS, CUSTOM = 13, 30\n")
    compile(program, "__main__.py", "exec")
    assert os.access(folder / "plugin" / "pulumi-resource-floor", os.X_OK)


def test_the_table_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = plans.Row(10, 3, 45, 8.0, 4.0, 3 * 10**8, 2 * 10**8, 120_000, {"program": 1.0}, {"engine": 0.5})
    text = "\n".join(bench._plans([whole, plans.Row(100, failed="the preview failed: no engine")]))
    assert "| 10 | 45 | 8.00 s | 4.00 s | 2.00 | 300.0 MB | 200.0 MB | 120.0 kB | 12.0 kB |" in text
    assert "| 100 | the preview failed: no engine |" in text
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "skipped: needs root" in "\n".join(bench._hosts(left_out=False))


def test_the_run_in_the_middle_counts_and_a_failed_one_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    middle = median(["sleep", "0.2"], env=os.environ, cwd=tmp_path, runs=3, most=10, heard=said.append)
    assert (middle.failed, len(said)) == ("", 3)
    assert middle.seconds >= 0.2
    failed = median(["sh", "-c", "exit 4"], env=os.environ, cwd=tmp_path, runs=3, most=10, heard=said.append)
    assert (failed.code, len(said)) == (4, 3)


def test_allocations_are_counted_as_nomad_says() -> None:
    body = placing.job("bench", 100)
    assert [group["Count"] for group in body["TaskGroups"]] == [100]
    assert placing.counted({}) == (0, 0)
    waiting = {"Queued": 90, "Starting": 3, "Running": 5, "Complete": 1, "Failed": 1, "Lost": 0}
    assert placing.counted({"Summary": {"many": waiting}}) == (10, 5), "what is queued has no place yet"


def test_memory_is_that_of_agents_and_their_helpers_alone() -> None:
    assert memory.pss("Rss:  10 kB\nPss:               67643 kB\nPss_Dirty:  1 kB\n") == 67643 * 1024
    assert memory.pss("") == 0
    server, client = {"server": {"enabled": True}}, {"client": {"enabled": True}}
    agent = ["/usr/bin/nomad", "agent", "-config=/etc/nomad.d"]
    assert [memory.kind_of(agent, told) for told in (server, client, server | client, {})] == [
        "Nomad server",
        "Nomad client",
        "Nomad server and client",
        "",
    ]
    assert memory.kind_of(["consul", "agent"], {"server": True}) == "Consul server"
    assert memory.kind_of(["consul", "agent"], {}) == "Consul client"
    assert memory.kind_of(["consul", "agent", "-dev", "-server"], {}) == "Consul server"
    assert memory.kind_of(["vault", "server", "-config=/etc/vault.d"], {}) == "Vault"
    assert memory.kind_of(["nomad", "executor", "{}"], client) == memory.kind_of([""], {}) == ""
    assert memory.helper_of(["/opt/nomad", "logmon"]) == "Nomad's logmon, each"
    assert memory.helper_of(["vault", "logmon"]) == memory.helper_of([]) == ""


def test_memory_of_agents_is_told_by_kind_in_order() -> None:
    found = memory.grouped([("Vault", 9_000_000), ("Nomad's executor, each", 1), ("Nomad server", 5), ("Vault", 7)])
    assert [one.kind for one in found] == ["Nomad server", "Vault", "Nomad's executor, each"]
    text = "\n".join(control.remembered("here", [memory.Agents("Vault", (60_000_000, 80_000_000))]))
    assert "| Vault | 2 | 70.0 MB | 60.0 MB | 80.0 MB |" in text


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_of_ours_has_memory() -> None:
    assert memory.pss(Path(f"/proc/{os.getpid()}/smaps_rollup").read_text()) > 1_000_000
    assert os.getpid() in tree(os.getpid())


def test_planned_resources_are_told_apart() -> None:
    states: list[dict[str, Any]] = [
        {"type": "pulumi:pulumi:Stack"},
        {"type": "fleet:services:Services"},
        {"type": "pulumi:providers:nomad", "custom": True},
        {"type": "nomad:index/job:Job", "custom": True},
        {"type": "aws:ec2/vpc:Vpc", "custom": True},
    ]
    assert previews.counts(states) == (3, 2, 1)


def test_the_programs_of_the_bench_are_python(tmp_path: Path) -> None:
    for name, program in (("placing", placing.PROGRAM), ("previews", previews.PROGRAM)):
        folder = project(tmp_path / name, "bench", program)
        compile((folder / "__main__.py").read_text(), name, "exec")


def test_the_control_planes_tables_say_ratios_and_what_is_missing() -> None:
    ways = [placing.Way("ours", 4.0, 3.0, 9.0, 3), placing.Way("bare", 1.0, 0.5, 6.0, 3)]
    text = "\n".join(control.placed(ways))
    assert "medians of 3" in text
    assert "| ours | 4.00 s | 3.00 s | 6.00 | 9.00 s | 1.50 |" in text
    assert "| bare | 1.00 s | 0.50 s | 1.00 | 6.00 s | 1.00 |" in text
    missing = "\n".join(control.placed([placing.Way("ours", note="no agent"), placing.Way("bare")]))
    assert "| ours | no agent |" in missing
    assert "| bare | not measured |" in missing
    rows = [previews.Row("all jobs", 43, 40, 40, 6.0, 3.0), previews.Row("whole", note="ours: no engine")]
    text = "\n".join(control.previewed(rows))
    assert "| all jobs | 43 | 40 | 40 | 6.00 s | 3.00 s | 2.00 |" in text
    assert "| whole | ours: no engine |" in text
    assert control.remembered("skipped: needs root on Linux", [])[0].endswith("skipped: needs root on Linux")


def test_a_generated_organisation_has_as_many_resources_as_it_says(tmp_path: Path) -> None:
    github.organisation(tmp_path)
    whole = plan(load(tmp_path), date(2026, 11, 27))
    assert whole is not None
    parts = (whole.members, whole.teams, whole.in_teams, whole.repositories, whole.grants, whole.labels)
    alerts = sum(it.alerts is not None for it in whole.repositories)
    assert sum(map(len, parts)) + alerts == github.RESOURCES == 3000
    github.change(tmp_path, 10)
    other = plan(load(tmp_path), date(2026, 11, 27))
    assert other is not None
    assert len(set(other.repositories) - set(whole.repositories)) == 10


def test_githubs_table_says_ratios_and_what_is_missing() -> None:
    whole = github.Row("ten", 3000, 10, 12.0, 8.0)
    text = "\n".join(github.previewed([whole, github.Row("none", note="no engine")]))
    assert "| ten | 3,000 | 10 | 12.00 s | 8.00 s | 1.50 |" in text
    assert "| none | no engine |" in text
    steps = [
        {"urn": "urn:pulumi:t::p::fleet:roster:Github$github:index/team:Team::a", "op": "same"},
        {"urn": "urn:pulumi:t::p::fleet:roster:Github$github:index/team:Team::b", "op": "update"},
        {"urn": "urn:pulumi:t::p::pulumi:providers:github::c", "op": "create"},
    ]
    assert github.counted(steps) == (2, 1)
    compile(github.PROGRAM, "__main__.py", "exec")

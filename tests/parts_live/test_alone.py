"""One service of each block kind by itself, as `make block` runs it: up, answers, stopped, nothing left."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rehearsal.testhosts import cgroups
from tests.servers.real import wait_for
from toolchain.places import ROOT, cache

pytestmark = pytest.mark.rehearsal
START_SECONDS = 120.0
BEFORE = set(Path(tempfile.gettempdir()).glob("plugin[0-9]*"))


def left() -> dict[str, list[str]]:
    """What a run could leave: folders, mounts, control groups, processes of an agent."""
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if "/alone-" in line]
    groups = [str(path) for path in cgroups.named("fleet-alone-")]
    agents = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if "/alone-" in words and "pytest" not in words:
            agents.append(words.replace("\0", " "))
    folders = [str(path) for path in cache().glob("alone-*")]
    # Sockets of Nomad's parts, but for those that were there before these tests.
    folders += [str(path) for path in set(Path(tempfile.gettempdir()).glob("plugin[0-9]*")) - BEFORE]
    return {"mounts": mounts, "groups": groups, "processes": agents, "folders": folders}


NOTHING: dict[str, list[str]] = {"mounts": [], "groups": [], "processes": [], "folders": []}


@contextmanager
def block(name: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A block under way; its lines so far. Read up to the one that says where it is."""
    child = subprocess.Popen(
        [sys.executable, "-m", "rehearsal.alone", name],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    lines: list[str] = []
    try:
        yield child, lines
    finally:
        if not any("nothing is left" in line or line.startswith("block: ") for line in lines):
            # And not SIGINT, which whoever was started in the background has learned to ignore.
            child.terminate()
        assert child.stdout is not None
        last = threading.Timer(60, child.kill)
        last.start()
        lines += child.stdout.read().splitlines()
        last.cancel()
        child.wait(30)


def heard(child: subprocess.Popen[str], lines: list[str], wanted: str) -> re.Match[str]:
    """Read until a line says it."""
    assert child.stdout is not None
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        line = child.stdout.readline()
        lines.append(line.rstrip("\n"))
        if found := re.search(wanted, line):
            return found
        if not line:
            break
    raise AssertionError("\n".join(lines))


def test_a_webserver_answers_and_leaves_nothing() -> None:
    with block("infradocs") as (child, lines):
        where = heard(child, lines, r"infradocs: running, http at (127\.0\.0\.1:\d+)")[1]
        with urllib.request.urlopen(f"http://{where}/", timeout=5) as answer:
            assert b"How the fleet is run" in answer.read()
        assert left() != NOTHING, "the search would find it"
        heard(child, lines, "Ctrl-C stops it")
    assert lines[-1] == "stopped, nothing is left", lines
    assert child.returncode == 0
    assert left() == NOTHING


def test_a_long_running_service_is_well_by_its_own_check() -> None:
    with block("alertmanager") as (child, lines):
        where = heard(child, lines, r"alertmanager: running, http at (127\.0\.0\.1:\d+)")[1]
        with urllib.request.urlopen(f"http://{where}/-/healthy", timeout=5) as answer:
            assert answer.status == 200
    assert (child.returncode, left()) == (0, NOTHING)


@pytest.mark.parametrize("name", ["sync", "report", "man-pages"])
def test_a_pull_and_a_timer_run_once_and_end_well(name: str) -> None:
    with block(name) as (child, lines):
        heard(child, lines, rf"{name}/periodic-\d+: complete")
        heard(child, lines, "nothing is left")
    assert (child.returncode, left()) == (0, NOTHING)


def test_the_man_site_answers_with_pages_of_real_packages_and_leaves_nothing() -> None:
    with block("man-site") as (child, lines):
        where = heard(child, lines, r"man-site: running, http at (127\.0\.0\.1:\d+)")[1]
        with urllib.request.urlopen(f"http://{where}/tmux.1", timeout=5) as answer:
            assert b"terminal multiplexer" in answer.read()
    assert (child.returncode, left()) == (0, NOTHING)


def test_a_block_that_is_killed_leaves_no_process_and_the_next_one_runs() -> None:
    with block("report") as (child, lines):
        heard(child, lines, "on one Nomad agent")
        child.kill()
        child.wait(10)
    wait_for("the end of all that it began", lambda: not left()["processes"], 10)
    assert left()["mounts"] == []
    with block("report") as (child, lines):
        heard(child, lines, "nothing is left")
    assert (child.returncode, left()) == (0, NOTHING)


def test_an_unknown_name_is_refused_in_one_sentence() -> None:
    with block("nosuch") as (child, lines):
        heard(child, lines, "stacks/local has no service nosuch; it has: alertmanager")
    assert child.returncode == 1
    assert "Traceback" not in "\n".join(lines)

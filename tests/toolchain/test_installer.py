"""The installer: names that follow contents, choices, messages with a way out, progress, one piece or nothing."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.toolchain.programs import program
from toolchain import commands, engine, environment, golang, on_path, places, servers
from toolchain.progress import Estimate, Progress, UnavailableError, spell

ROOT = Path(__file__).resolve().parents[2]


def test_a_name_follows_contents_and_not_how_they_are_cut() -> None:
    assert places.digest("ab", "c") == places.digest(b"ab", b"c")
    assert places.digest("ab", "c") != places.digest("a", "bc")


def test_a_folders_name_follows_contents_paths_and_modes(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    before = places.digest_files(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("x")
    assert places.digest_files(tmp_path) == before
    (tmp_path / "a").chmod(0o755)
    assert places.digest_files(tmp_path) != before


def test_a_tools_name_changes_with_pins_checksums_and_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golang, "TOOLCHAIN", tmp_path)
    shutil.copytree(ROOT / "toolchain" / "pulumi", tmp_path / "pulumi")
    names = {engine.CLI.key()}
    names.add(golang.Module("pulumi", engine.CLI.package, ("-race",), 1.0).key())
    for pinned in ("go.mod", "go.sum"):
        (tmp_path / "pulumi" / pinned).write_text((tmp_path / "pulumi" / pinned).read_text() + "\n")
        names.add(engine.CLI.key())
    assert len(names) == 4


def test_the_cache_moves_with_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_CACHE", "/somewhere")
    assert places.cache() == Path("/somewhere")
    monkeypatch.delenv("FLEET_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert places.cache() == Path("/xdg/void-fleet")


def test_what_is_not_complete_does_not_appear_and_remains_are_removed(tmp_path: Path) -> None:
    final = tmp_path / "tool"
    (tmp_path / "tool.tmp-999999").mkdir()

    def killed() -> None:
        with places.in_one_piece(final) as draft:
            (draft / "half").write_text("x")
            raise OSError("killed")

    with pytest.raises(OSError, match="killed"):
        killed()
    assert list(tmp_path.iterdir()) == []
    with places.in_one_piece(final) as draft:
        (draft / "whole").write_text("x")
    assert [path.name for path in final.iterdir()] == ["whole"]


def test_two_runs_at_once_wait_for_each_other(tmp_path: Path) -> None:
    text = (
        f"import sys, time; sys.path.insert(0, {str(ROOT)!r})\n"
        "from pathlib import Path; from toolchain.places import locked\n"
        f"with locked('x', Path({str(tmp_path)!r})):\n"
        "  print(time.time(), flush=True); time.sleep(0.5); print(time.time())\n"
    )
    runs = [subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    times = sorted([float(word) for word in run.communicate()[0].split()] for run in runs)
    assert times[0][1] <= times[1][0]


@pytest.mark.parametrize(
    ("version", "fits"), [("v3.259.0", True), ("v3.300.1", True), ("v3.100.0", False), ("v4.1.0", False)]
)
def test_a_pulumi_on_path_is_used_only_if_it_fits(tmp_path: Path, version: str, fits: bool) -> None:
    found = program(tmp_path, "pulumi", version)
    assert on_path.fitting("pulumi", "3.259.0", str(tmp_path)) == (found if fits else None)


def test_our_own_folders_on_path_are_not_taken_for_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_CACHE", str(tmp_path))
    program(tmp_path / "tools", "pulumi", "v3.259.0")
    assert on_path.fitting("pulumi", "3.259.0", f"{tmp_path / 'tools'}:{ROOT / 'toolchain' / 'shims'}") is None


def test_no_go_says_which_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"no Go on PATH(.|\n)*way out: install Go 1\.26 or newer"):
        golang.find_go(str(tmp_path))


def test_a_go_too_old_is_named_with_its_version(tmp_path: Path) -> None:
    program(tmp_path, "go", "go1.19.8")
    with pytest.raises(UnavailableError, match=r"is Go 1\.19: too old(.|\n)*way out"):
        golang.find_go(str(tmp_path))
    program(tmp_path, "go", "go1.26.8")
    assert golang.find_go(str(tmp_path)) == str(tmp_path / "go")


def test_a_failed_command_says_its_last_words_and_the_way_out() -> None:
    with pytest.raises(
        UnavailableError, match=r"building x failed \(sh ended with 3\)(.|\n)*no such module(.|\n)*way out: try"
    ):
        commands.lines_of(
            ["sh", "-c", "echo no such module >&2; exit 3"], lambda _: None, what="building x", way_out="try again"
        )


def test_progress_speaks_at_least_every_interval_with_gone_and_left() -> None:
    out, estimate = io.StringIO(), Estimate(100.0)
    with Progress("thing", estimate, out=out, every=0.05) as progress:
        progress.doing, estimate.total, estimate.done = "compiling", 200, 50
        end = time.monotonic() + 30
        while out.getvalue().count("compiling 50 of 200") < 4 and time.monotonic() < end:
            time.sleep(0.01)
    lines = out.getvalue().splitlines()
    assert sum("compiling 50 of 200" in line and "gone" in line and "left" in line for line in lines) >= 4
    assert lines[0].startswith("thing: starting")
    assert "ready after" in lines[-1]


def test_time_left_is_the_known_time_first_and_the_measured_speed_then() -> None:
    estimate = Estimate(400.0)
    assert estimate.left(100.0) == 300.0
    estimate.total = 100
    assert estimate.left(1.0) == 400.0
    estimate.done = 50
    assert estimate.left(100.0) == 100.0
    estimate.done, estimate.tail = 100, 30.0
    assert [estimate.left(gone) for gone in (200.0, 210.0, 300.0)] == [30.0, 20.0, 1.0]
    assert spell(125.2) == "2:05"


def test_a_main_package_of_our_own_is_part_of_a_tools_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golang, "TOOLCHAIN", tmp_path)
    shutil.copytree(ROOT / "toolchain" / "vault", tmp_path / "vault")
    module = servers.SERVERS["vault"][1]
    before = module.key()
    (tmp_path / "vault" / "main.go").write_text("package main\n")
    assert module.key() != before


def test_every_pin_has_a_hash_and_no_file_names_where_packages_come_from() -> None:
    for name in ("requirements.txt", "requirements-bench.txt"):
        text = (ROOT / name).read_text()
        blocks = [block for block in text.split("\n\n")[0].replace("\\\n", " ").splitlines() if "==" in block]
        assert blocks
        assert all("--hash=sha256:" in block for block in blocks)
        assert "://" not in text


def test_the_environments_name_follows_pins_and_python() -> None:
    assert environment.environment_folder(version="3.11.1") != environment.environment_folder(version="3.11.2")
    assert environment.environment_folder("requirements-bench.txt", "3.11.1").name.startswith("venv-bench-")


def test_the_installer_runs_on_the_oldest_python_promised() -> None:
    # Syntax newer than 3.9 would fail before any message could be printed.
    import ast

    for path in (ROOT / "toolchain").glob("*.py"):
        ast.parse(path.read_text(), feature_version=(3, 9))
        assert "from __future__ import annotations" in path.read_text() or path.name == "__init__.py"


def test_places_are_printed_for_a_shell() -> None:
    said = subprocess.run(
        [sys.executable, str(ROOT / "toolchain" / "install.py"), "paths"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "FLEET_CACHE": "/a b"},
    ).stdout
    assert "_fleet_at_cache='/a b'" in said

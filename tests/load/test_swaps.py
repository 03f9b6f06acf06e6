"""Swaps under load, as CI does them, and what the same load meets where nginx is reloaded, or stopped and started."""

from __future__ import annotations

import json

import pytest

from tests.load import swaps

pytestmark = pytest.mark.rehearsal
# So that a machine of two processors has time for others: 1,000 connections ask about once a second each.
LOAD = ["--connections", "1000", "--pause", "1.2"]


def came_of(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object]]:
    """The exit code and the report."""
    code = swaps.main([*LOAD, *words])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a5_03_five_swaps_two_of_them_bad_fail_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    code, report = came_of(capsys, "--swaps", "5", "--worse", "2")
    assert (code, report["failed"]) == (0, {})
    assert (report["swaps"], report["connections"]) == (5, 1000)
    assert isinstance(report["requests"], int)
    assert report["requests"] > 20_000


@pytest.mark.parametrize("instead", ["reload", "restart"])
def test_the_same_load_fails_where_nginx_is_changed_as_usual(instead: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = came_of(capsys, "--swaps", "1", "--instead", instead)
    assert code == 1
    assert report["failed"]

"""Whatever stands in the files, a load gives a fleet or says what is wrong: never a traceback, and soon."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model import load
from tests.model.change import STACKS, facts, problems, write

LOCAL = facts("local")
FILES = {f.name: f.read_text(encoding="utf-8") for f in sorted((STACKS / "local").glob("*.yaml"))}
SLOW = [HealthCheck.too_slow]
PIECES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            ": ",
            "- ",
            "{",
            "}",
            "[",
            "]",
            '"',
            "'",
            "&a ",
            "*a",
            "<<: ",
            "!!int ",
            "\t",
            "\n",
            "#",
            "? ",
            "| ",
            "%",
            "\ufeff",
            "...",
        ]
    ),
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=12),
        st.sampled_from(["all", "@", "*", ".", "a-ams-nl", "fleet.example.", "10.0.0.0/8", "::1", "metal"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=5,
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from _paths(inner, (*path, key))


PATHS = list(_paths(LOCAL))


def _mistaken(folder: Path) -> None:
    for problem in problems(folder):
        assert problem.what
        assert problem.rule
        assert problem.way_out
        assert str(problem)


@settings(max_examples=120, deadline=None, suppress_health_check=SLOW)
@given(name=st.sampled_from(sorted(FILES)), at=st.floats(0, 1), length=st.integers(0, 40), piece=PIECES)
def test_edited_text_never_ends_in_a_traceback(name: str, at: float, length: int, piece: str) -> None:
    text = FILES[name]
    start = int(at * len(text))
    with tempfile.TemporaryDirectory() as folder:
        for other, whole in FILES.items():
            edited = whole if other != name else text[:start] + piece + text[start + length :]
            (Path(folder) / other).write_bytes(edited.encode("utf-8", "surrogatepass"))
        _mistaken(Path(folder))


@settings(max_examples=120, deadline=None, suppress_health_check=SLOW)
@given(path=st.sampled_from(PATHS), value=VALUES)
def test_an_odd_value_anywhere_never_ends_in_a_traceback(path: tuple[Any, ...], value: Any) -> None:
    data = copy.deepcopy(LOCAL)
    here = data
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = value
    with tempfile.TemporaryDirectory() as folder:
        _mistaken(write(Path(folder), data))


@settings(max_examples=120, deadline=None, suppress_health_check=SLOW)
@given(path=st.sampled_from(PATHS))
def test_a_fact_left_out_never_ends_in_a_traceback(path: tuple[Any, ...]) -> None:
    data = copy.deepcopy(LOCAL)
    here = data
    for step in path[:-1]:
        here = here[step]
    del here[path[-1]]
    with tempfile.TemporaryDirectory() as folder:
        _mistaken(write(Path(folder), data))


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
@given(raw=st.binary(max_size=200))
def test_bytes_never_end_in_a_traceback(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "x.yaml").write_bytes(raw)
        _mistaken(Path(folder))


def test_the_order_of_files_and_keys_changes_nothing(tmp_path: Path) -> None:
    turned = {key: dict(reversed(v.items())) if isinstance(v, dict) else v for key, v in reversed(LOCAL.items())}
    assert load(write(tmp_path, turned)) == load(STACKS / "local")


def test_a_thousand_machines_load(tmp_path: Path) -> None:
    data = copy.deepcopy(LOCAL)
    data["fabric"]["subnet"] = "10.96.0.0/12"
    data["machines"] |= {
        f"a-r{i}-be": {
            **{k: v for k, v in data["machines"]["a-bru-be"].items() if k != "nomad"},
            "region": f"r{i}",
            "public": {"ipv4": f"10.80.{i // 250}.{i % 250 + 1}", "ipv6": f"fd77::a:{i:x}" if i else "fd77::a:ffff"},
            "fabric": {"address": f"10.100.{i // 250}.{i % 250 + 1}"},
        }
        for i in range(994)
    }
    data["regions"] |= {f"r{i}": {"site": "x", "country": "be"} for i in range(994)}
    write(tmp_path, data)
    assert len(load(tmp_path).machines) == 1000

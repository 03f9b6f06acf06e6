"""Read a stack's folder into a `Fleet`, or report every problem at once, each with its file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from model.checks import findings
from model.errors import BadData, Problem
from model.fleet import Fleet
from model.mistakes import Mistake, mistakes
from model.reading import Reading, Where, read, show


def load(folder: Path) -> Fleet:
    """Read every *.yaml file of the folder; each top-level key stands in one file only.

    Raises BadData with all problems: of the files, of the types, and of the named checks. A misspelt key does not hide
    what the checks find; a wrong type does, for there is no fleet to check before it is mended.
    """
    reading = read(folder)
    problems = list(reading.problems)
    fleet, wrong = _typed(reading)
    problems += [_problem(reading, m.path, m.what, m.rule, m.way_out) for m in wrong]
    if fleet is not None and reading.whole:
        for rule, found in findings(fleet):
            problems.append(_problem(reading, found.path, found.what, rule, found.way_out))
    if problems or fleet is None:
        raise BadData(problems, unchecked=fleet is None or not reading.whole)
    return fleet


def _typed(reading: Reading) -> tuple[Fleet | None, list[Mistake]]:
    """The fleet if its types hold once unknown keys are left out, and every mistake."""
    try:
        return Fleet.model_validate(reading.data), []
    except ValidationError as error:
        wrong = list(mistakes(error, reading.data))
    if not reading.whole:
        # What could not be read is neither missing nor of a wrong type.
        wrong = [m for m in wrong if m.path not in reading.unread and not (m.missing and len(m.path) == 1)]
    if not all(m.unknown for m in wrong):
        return None, wrong
    try:
        return Fleet.model_validate(_without(reading.data, {m.path for m in wrong})), wrong
    except ValidationError:
        return None, wrong


def _without(value: Any, unknown: set[Where], path: Where = ()) -> Any:
    if isinstance(value, dict):
        return {
            key: _without(inner, unknown, (*path, key)) for key, inner in value.items() if (*path, key) not in unknown
        }
    if isinstance(value, tuple):
        return tuple(_without(inner, unknown, (*path, i)) for i, inner in enumerate(value))
    return value


def _problem(reading: Reading, path: Where, what: str, rule: str, way_out: str) -> Problem:
    file, line = reading.place(path)
    return Problem(file, line, show(path), what, rule, way_out)

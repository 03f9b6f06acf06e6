"""Read a stack's folder into a `Fleet`, or report every problem at once, each with its file and line."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from model.checks import dated, findings
from model.errors import BadData, Problem
from model.fleet import Fleet
from model.mistakes import Mistake, mistakes
from model.reading import Reading, Where, read, show

# A wrong type costs the record that needs it, and that one's, and so on: no record is nested deeper.
_LAYERS = 8


def load(folder: Path, as_of: date | None = None) -> Fleet:
    """Read every *.yaml file of the folder; each top-level key stands in one file only.

    Raises BadData with all problems: of the files, of the types, and of the named checks; with a day also of the
    checks that ask for one. Where a part could not be read or has a wrong type, the checks run over the rest, as far
    as what they find does not hang on that part.
    """
    return checked(read(folder), as_of)


def checked(reading: Reading, as_of: date | None = None) -> Fleet:
    """What was read as a fleet. Raises BadData with all problems, as `load` does."""
    problems = list(reading.problems)
    fleet, wrong = _typed(reading)
    problems += [_problem(reading, m.path, m.what, m.rule, m.way_out) for m in wrong]
    partial = not reading.whole or not all(m.unknown for m in wrong)
    if fleet is not None:
        for rule, found in findings(fleet, partial=partial):
            problems.append(_problem(reading, found.path, found.what, rule, found.way_out))
        for rule, found in dated(fleet, as_of) if as_of is not None and not partial else ():
            problems.append(_problem(reading, found.path, found.what, rule, found.way_out))
    if problems or fleet is None:
        raise BadData(problems, unchecked=fleet is None or partial)
    return fleet


def _typed(reading: Reading) -> tuple[Fleet | None, list[Mistake]]:
    """The fleet, without what is wrong in it if it stands without that, and every mistake."""
    data = reading.data
    wrong: list[Mistake] = []
    for layer in range(_LAYERS):
        try:
            return Fleet.model_validate(data), wrong
        except ValidationError as error:
            found = list(mistakes(error, data))
        if layer == 0:
            # What could not be read is neither missing nor of a wrong type.
            lost = reading.unread if reading.whole else {*reading.unread, *(m.path for m in found if _is_part(m))}
            wrong = [m for m in found if m.path not in lost]
        if any(_is_part(m) for m in found):
            return None, wrong
        data = _repaired(data, {_removable(m) for m in found}, {m.path for m in found} if layer == 0 else set())
    return None, wrong


def _is_part(mistake: Mistake) -> bool:
    """Whether a whole part of the fleet is missing."""
    return mistake.missing and len(mistake.path) == 1


def _removable(mistake: Mistake) -> Where:
    """What has to go for a mistake to be gone: a record without what it needs, or a value of its own name.

    A list goes as a whole: what is left of it would stand at other places than in its file.
    """
    path = mistake.path[:-1] if mistake.missing else mistake.path
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return path


def _repaired(value: Any, gone: set[Where], wrong: set[Where], path: Where = ()) -> Any:
    """The data without what has to go. What was plainly meant is kept as that: 443 for "443", and the reverse."""
    if isinstance(value, dict):
        inner = {key: (*path, key) for key in value}
        return {
            key: _repaired(value[key], gone, wrong, at)
            for key, at in inner.items()
            if at not in gone or (at in wrong and _meant(value[key]) is not None)
        }
    return _meant(value) if path in wrong else value


def _meant(value: Any) -> str | int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return str(value) if type(value) in (int, float) else None


def _problem(reading: Reading, path: Where, what: str, rule: str, way_out: str) -> Problem:
    file, line = reading.place(path)
    return Problem(file, line, show(path), what, rule, way_out)

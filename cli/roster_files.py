"""A stack's files as a person would edit them: comments, order and quotes stay; only what changes shows in a review."""

from __future__ import annotations

import io
import shutil
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from cli.mistake import Mistake
from cli.places import shown
from cli.record import Patch
from model import BadData, Fleet, load
from model.reading import PEOPLE, ROSTER, Reading, Where, read

HEAD = "# yaml-language-server: $schema=../../../person.schema.json\n"


class Draft:
    """Changes of a stack's data that are not written yet. `at` gives a part to change, wherever its file is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before = load(folder)
        if self.before.roster is None:
            raise Mistake(
                shown(folder),
                "has no roster",
                "people are written down in a stack's folder `roster`",
                "name a stack that has one with --stack",
            )
        self._reading: Reading = read(folder)
        self._documents: dict[Path, tuple[str, Any]] = {}

    def at(self, *path: str) -> Any:
        """A part as it can be changed: `at("roster", "people", "bo")`, `at("roster", "settings")`."""
        known: Where = max((p for p in self._reading.parts if path[: len(p)] == p), key=len)
        document = self._document(Path(self._reading.parts[known].file))
        # A person's file is the record itself; of any other file the record stands under its key.
        found = document if known[:2] == (ROSTER, PEOPLE) else document[_key(known)]
        for step in path[len(known) :]:
            found = found[step]
        return found

    def place(self, *path: str) -> str:
        """Where a part stands, as file:line."""
        file, line = self._reading.place(path)
        return f"{shown(Path(file))}:{line}"

    def new_person(self, handle: str, record: Any) -> None:
        """Somebody new, in a file of their own."""
        self._documents[self.folder / ROSTER / PEOPLE / f"{handle}.yaml"] = ("", record)

    def patches(self) -> tuple[Patch, ...]:
        """What changes, file by file."""
        found = [Patch(path, before, _text(before, record), ()) for path, (before, record) in self._documents.items()]
        return tuple(sorted((p for p in found if p.before != p.after), key=lambda p: p.path))

    def after(self, as_of: date) -> Fleet:
        """The fleet with the changes. Raises BadData with all problems of it, at their lines of the changed files."""
        with tempfile.TemporaryDirectory() as place:
            copy = Path(place) / self.folder.name
            shutil.copytree(self.folder, copy)
            for patch in self.patches():
                target = copy / patch.path.relative_to(self.folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(patch.after, encoding="utf-8")
            try:
                return load(copy, as_of)
            except BadData as bad:
                where = str(self.folder)
                moved = [replace(p, file=p.file.replace(str(copy), where, 1)) for p in bad.problems]
                raise BadData(moved, unchecked=bad.unchecked) from None

    def _document(self, path: Path) -> Any:
        if path not in self._documents:
            text = path.read_text(encoding="utf-8")
            self._documents[path] = (text, _yaml().load(text))
        return self._documents[path][1]


def flow(values: dict[str, Any] | list[Any]) -> Any:
    """A mapping or a list that stands on one line."""
    if isinstance(values, list):
        found: Any = CommentedSeq(values)
    else:
        found = CommentedMap(values)
    found.fa.set_flow_style()
    return found


def block(values: dict[str, Any]) -> CommentedMap:
    """A mapping with a line for each key."""
    return CommentedMap(values)


def _key(path: Where) -> str:
    return ROSTER if path == (ROSTER, "settings") else str(path[-1])


def _yaml() -> YAML:
    found = YAML()
    found.preserve_quotes = True
    found.width = 10_000
    # A day that stands in two places is written out in both.
    found.representer.ignore_aliases = lambda *_: True
    found.indent(mapping=2, sequence=4, offset=2)
    return found


def _text(before: str, record: Any) -> str:
    out = io.StringIO()
    _yaml().dump(record, out)
    return out.getvalue() if before else HEAD + out.getvalue()

"""YAML files as plain data, with the place of everything in them.

Plain words mean what the core schema of YAML 1.2 says: only true and false are booleans, so `on` and `no` are words.
Left out on purpose: anchors, merge keys and tags. A fact stands where it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from model.errors import Problem
from model.nodes import Core, Reader, Where, key_of, no_text, show

SERVICES = "services"
FILES = "files"
ROSTER = "roster"
PEOPLE = "people"


@dataclass
class Part:
    """One top-level key, or one service's file: the file it stands in and its nodes."""

    file: str
    key: yaml.Node
    value: yaml.Node


@dataclass
class Reading:
    """What the files of a folder say. `whole` is false when something in them could not be read; `unread` says what.

    A part is a top-level key of a file, or one service or person, which is a file of its own.
    """

    data: dict[str, Any] = field(default_factory=dict)
    parts: dict[Where, Part] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    folder: str = ""
    whole: bool = True
    unread: set[Where] = field(default_factory=set)

    def place(self, path: Where) -> tuple[str, int]:
        """File and line of a path, or of the nearest thing around it that exists."""
        known = max((p for p in self.parts if path[: len(p)] == p), key=len, default=None)
        if known is None:
            return self.folder, 0
        part = self.parts[known]
        node, line = part.value, part.key.start_mark.line
        for step in path[len(known) :]:
            found = _child(node, step)
            if found is None:
                break
            line, node = found
        return part.file, line + 1


def _child(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == step:
                return key.start_mark.line, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line, node.value[step]
    return None


def read(folder: Path) -> Reading:
    """Read every *.yaml file of a folder, in name order."""
    reading = Reading(folder=str(folder))
    try:
        files = sorted(p for p in folder.iterdir() if p.suffix in (".yaml", ".yml"))
        wrong = "" if files else "holds no *.yaml file"
    except OSError as error:
        files, wrong = [], f"cannot be listed as a folder: {error.strerror}"
    if wrong:
        reading.whole = False
        rule, way_out = "A stack is a folder of YAML files.", "give the folder of a stack, such as stacks/local"
        reading.problems.append(Problem(str(folder), 0, "", wrong, rule, way_out))
    for file in files:
        reading.problems += list(_read_file(reading, file))
    _read_services(reading, folder / SERVICES)
    _read_roster(reading, folder / ROSTER)
    return reading


@dataclass(frozen=True)
class _Records:
    """A folder in which every file is one record of a part, named by the file."""

    at: Where
    rule: str
    once: str
    way_out: str


_SERVICES = _Records(
    (SERVICES,), "A service's file is a mapping of what the service is.", "A service is one file.", "`block:`"
)
_PEOPLE = _Records(
    (ROSTER, PEOPLE), "A person's file is a mapping of who that is.", "A person is one file.", "`github:`"
)


def _read_services(reading: Reading, folder: Path) -> None:
    """Each file of the folder as one service, and the texts in its folder `files` as the bodies of templates."""
    if not folder.is_dir():
        return
    _read_records(reading, folder, _SERVICES)
    bodies = folder / FILES
    for service in sorted(p for p in bodies.iterdir() if p.is_dir()) if bodies.is_dir() else ():
        texts: dict[str, str] = {}
        reading.data.setdefault("service_files", {})[service.name] = texts
        for file in sorted(p for p in service.rglob("*") if p.is_file()):
            raw = file.read_bytes()
            try:
                texts[file.relative_to(service).as_posix()] = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                reading.whole = False
                reading.problems.append(no_text(file, raw, error))


def _read_roster(reading: Reading, folder: Path) -> None:
    """The roster's own files, of which `roster:` holds its settings and `github:` the organisation, and its people."""
    if not folder.is_dir():
        return
    if isinstance(reading.data.setdefault(ROSTER, {}), dict):
        for file in sorted(p for p in folder.iterdir() if p.suffix in (".yaml", ".yml")):
            reading.problems += list(_read_file(reading, file, _in_roster))
        if (folder / PEOPLE).is_dir():
            _read_records(reading, folder / PEOPLE, _PEOPLE)


def _in_roster(key: str) -> Where:
    return {ROSTER: (ROSTER, "settings"), "github": ("github",)}.get(key, (ROSTER, key))


def _read_records(reading: Reading, folder: Path, kind: _Records) -> None:
    for file in sorted(p for p in folder.iterdir() if p.suffix in (".yaml", ".yml")):
        reading.problems += list(_read_record(reading, file, kind))


def _read_record(reading: Reading, file: Path, kind: _Records) -> Iterator[Problem]:
    root, problem = _root(file, kind.rule, f"begin with a key: {kind.way_out}")
    if problem is not None or root is None:
        reading.whole = False
        if problem is not None:
            yield problem
        return
    path: Where = (*kind.at, file.stem)
    records: Any = reading.data
    for step in kind.at:
        records = records.setdefault(step, {})
        if not isinstance(records, dict):
            return  # a plain file says something else of that name, which the types refuse
    if file.stem in records:
        reading.whole = False
        what = f"{file.stem} stands in {reading.place(path)[0]} too"
        yield Problem(str(file), 1, show(path), what, kind.once, "keep one of the two")
        return
    reading.parts[path] = Part(str(file), root, root)
    reader = Reader(str(file), set())
    records[file.stem] = reader.plain(root, path, 0)
    reading.whole = reading.whole and not reader.unread
    reading.unread |= reader.unread
    yield from reader.problems


def _root(file: Path, rule: str, way_out: str) -> tuple[yaml.MappingNode | None, Problem | None]:
    """The mapping that a file holds, or what is wrong with it."""
    if file.suffix == ".yml":
        said = "Files of a stack end in .yaml."
        return None, Problem(str(file), 0, "", "ends in .yml", said, f"rename it to {file.stem}.yaml")
    root, problem = _compose(file)
    if problem is not None or root is None:
        return None, problem
    if not isinstance(root, yaml.MappingNode):
        what = "holds no keys at its top level"
        return None, Problem(str(file), root.start_mark.line + 1, "", what, rule, way_out)
    return root, None


def _at_top(key: str) -> Where:
    return (key,)


def _read_file(reading: Reading, file: Path, place: Callable[[str], Where] = _at_top) -> Iterator[Problem]:
    rule = "A stack's file is a mapping of the fleet's parts."
    root, problem = _root(file, rule, "begin with a key such as `machines:`")
    if problem is not None or root is None:
        reading.whole = False
        if problem is not None:
            yield problem
        return
    seen: set[int] = set()
    names: set[str] = set()
    for key, value in root.value:
        name, problem = key_of(str(file), key, (), names)
        if problem is not None:
            yield problem
            continue
        path = place(name)
        around = reading.data[str(path[0])] if len(path) > 1 else reading.data
        last = str(path[-1])
        if last in around:
            reading.whole = False  # of two parts, neither is the whole of it
            yield Problem(
                str(file),
                key.start_mark.line + 1,
                name,
                f"stands in {':'.join(map(str, reading.place(path)))} too",
                "Each top-level key stands in one file only.",
                "move both parts into one file",
            )
            continue
        reading.parts[path] = Part(str(file), key, value)
        reader = Reader(str(file), seen)
        around[last] = reader.plain(value, path, key.start_mark.line)
        reading.whole = reading.whole and not reader.unread
        reading.unread |= reader.unread
        yield from reader.problems


def _compose(file: Path) -> tuple[yaml.Node | None, Problem | None]:
    """The nodes of a file, or what is wrong with it."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        return None, Problem(
            str(file), 0, "", what, "A stack's files are plain files.", "remove it or make it readable"
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return None, no_text(file, raw, error)
    try:
        root = yaml.compose(text, Loader=Core)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = mark.line + 1 if mark else 0
        said = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        context = getattr(error, "context", None)
        what = f"broken YAML: {said}{f' ({context})' if context else ''}"
        return None, Problem(
            str(file), line, "", what, "A stack's files are YAML.", "mend the line or the one above it"
        )
    if root is None:
        return None, Problem(str(file), 0, "", "says nothing", "A stack's file says something.", "remove the file")
    return root, None


__all__ = ["Part", "Reading", "Where", "read", "show"]

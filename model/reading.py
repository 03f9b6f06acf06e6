"""YAML files as plain data, with the place of everything in them.

Plain words mean what the core schema of YAML 1.2 says: only true and false are booleans, so `on` and `no` are words.
Left out on purpose: anchors, merge keys and tags. A fact stands where it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from model.errors import Problem

Where = tuple[str | int, ...]

# No fact of a fleet is nested deeper; a file that is was not meant for us, and Python's own stack has an end.
DEEPEST = 40

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
# At most 18 digits: longer ones are identifiers, and Python refuses to read thousands of them.
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

_PLAIN = "plain"
_QUOTED = "quoted"


class _Core(yaml.CSafeLoader):
    """Tells plain words from quoted ones and leaves their meaning to us."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _QUOTED
        return _PLAIN

    # Path resolvers are a feature nobody here uses, and they cost a call per node.
    def descend_resolver(self, current_node: Any, current_index: Any) -> None: ...
    def ascend_resolver(self) -> None: ...


@dataclass
class Part:
    """One top-level key: the file it stands in and its nodes."""

    file: str
    key: yaml.Node
    value: yaml.Node


@dataclass
class Reading:
    """What the files of a folder say. `whole` is false when something in them could not be read; `unread` says what."""

    data: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    folder: str = ""
    whole: bool = True
    unread: set[Where] = field(default_factory=set)

    def place(self, path: Where) -> tuple[str, int]:
        """File and line of a path, or of the nearest thing around it that exists."""
        part = self.parts.get(str(path[0])) if path else None
        if part is None:
            return self.folder, 0
        node, line = part.value, part.key.start_mark.line
        for step in path[1:]:
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


def show(path: Where) -> str:
    """A path as people write it: machines.a-ams-nl.volumes, roles[2], zones."voidlinux.org"."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            plain = re.fullmatch(r"[A-Za-z0-9_-]+", step)
            text += ("." if text else "") + (step if plain else f'"{step}"')
    return text


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
    return reading


def _read_file(reading: Reading, file: Path) -> Iterator[Problem]:
    if file.suffix == ".yml":
        reading.whole = False
        yield Problem(
            str(file), 0, "", "ends in .yml", "Files of a stack end in .yaml.", f"rename it to {file.stem}.yaml"
        )
        return
    root, problem = _compose(file)
    if problem is not None or root is None:
        reading.whole = False
        if problem is not None:
            yield problem
        return
    if not isinstance(root, yaml.MappingNode):
        reading.whole = False
        yield Problem(
            str(file),
            root.start_mark.line + 1,
            "",
            "holds no keys at its top level",
            "A stack's file is a mapping of the fleet's parts.",
            "begin with a key such as `machines:`",
        )
        return
    seen: set[int] = set()
    names: set[str] = set()
    for key, value in root.value:
        name, problem = _key(str(file), key, (), names)
        if problem is not None:
            yield problem
            continue
        other = reading.parts.get(name)
        if other is not None:
            reading.whole = False  # of two parts, neither is the whole of it
            yield Problem(
                str(file),
                key.start_mark.line + 1,
                name,
                f"stands in {other.file}:{other.key.start_mark.line + 1} too",
                "Each top-level key stands in one file only.",
                "move both parts into one file",
            )
            continue
        reading.parts[name] = Part(str(file), key, value)
        reader = _Reader(str(file), seen)
        reading.data[name] = reader.plain(value, (name,), key.start_mark.line)
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
        line = raw[: error.start].count(b"\n") + 1
        what = f"is not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start}"
        return None, Problem(str(file), line, "", what, "A stack's files are UTF-8 text.", "save the file as UTF-8")
    try:
        root = yaml.compose(text, Loader=_Core)
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


def _key(file: str, node: yaml.Node, path: Where, names: set[str]) -> tuple[str, Problem | None]:
    """A mapping's key, which is text and stands once."""
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.ScalarNode):
        what = "a key is a list or a mapping"
        return "", Problem(file, line, show(path), what, "Keys are text.", "give it a name")
    name = str(node.value)
    if name == "<<" and node.tag == _PLAIN:
        return "", _no_anchor(file, line, path, "a merge key `<<`")
    if node.tag not in (_PLAIN, _QUOTED):
        return "", _no_tag(file, line, path, node.tag)
    if node.tag == _PLAIN and not isinstance(_scalar(name), str):
        what = f"the key {name or 'that is empty'} is no text"
        return "", Problem(file, line, show(path), what, "Keys are text.", f'write it in quotes: "{name}"')
    if name in names:
        what = f"{name} stands here twice"
        return "", Problem(file, line, show((*path, name)), what, "A key stands once.", "keep one of the two")
    names.add(name)
    return name, None


def _no_anchor(file: str, line: int, path: Where, what: str) -> Problem:
    rule = "A fact stands where it is read: no anchors and merge keys."
    return Problem(file, line, show(path), f"{what} stands here", rule, "write the value out, or use a role for it")


def _no_tag(file: str, line: int, path: Where, tag: str) -> Problem:
    return Problem(file, line, show(path), f"the tag {tag} stands here", "Data has no YAML tags.", "remove the tag")


def _scalar(text: str) -> str | int | float | bool | None:
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    # Most words begin with a letter: that question is cheaper than two patterns.
    if text[0] in "0123456789+-.":
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text.replace(".inf", "inf").replace(".nan", "nan")) if "n" not in text.lower() else text
    return text


class _Reader:
    """Turns nodes into plain data: dicts, tuples and scalars."""

    def __init__(self, file: str, seen: set[int]) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.unread: set[Where] = set()
        self._seen = seen

    def plain(self, node: yaml.Node, path: Where, line: int) -> Any:
        """The value of a node. `line` is where its key stands: a shared node knows only its first place."""
        if id(node) in self._seen:
            self.unread.add(path)
            self.problems.append(_no_anchor(self.file, line + 1, path, "an alias to an anchor"))
            return None
        self._seen.add(id(node))
        if node.tag not in (_PLAIN, _QUOTED):
            self.unread.add(path)
            self.problems.append(_no_tag(self.file, node.start_mark.line + 1, path, node.tag))
            return None
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node.value) if node.tag == _PLAIN else node.value
        if len(path) > DEEPEST:
            self.unread.add(path)
            what = f"is nested more than {DEEPEST} deep"
            rule = "No fact is nested that deep."
            self.problems.append(
                Problem(self.file, node.start_mark.line + 1, show(path), what, rule, "look for a bracket too many")
            )
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        return tuple(self.plain(item, (*path, i), item.start_mark.line) for i, item in enumerate(node.value))

    def _mapping(self, node: yaml.MappingNode, path: Where) -> dict[str, Any]:
        result: dict[str, Any] = {}
        names: set[str] = set()
        for key, value in node.value:
            name, problem = _key(self.file, key, path, names)
            if problem is not None:
                self.problems.append(problem)
            else:
                result[name] = self.plain(value, (*path, name), key.start_mark.line)
        return result

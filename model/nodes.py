"""The nodes of a YAML file as plain data: dicts, tuples and scalars, and what in them is no plain data."""

from __future__ import annotations

import re
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


class Core(yaml.CSafeLoader):
    """Tells plain words from quoted ones and leaves their meaning to us."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _QUOTED
        return _PLAIN

    # Path resolvers are a feature nobody here uses, and they cost a call per node.
    def descend_resolver(self, current_node: Any, current_index: Any) -> None: ...
    def ascend_resolver(self) -> None: ...


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


def no_text(file: Path, raw: bytes, error: UnicodeDecodeError) -> Problem:
    line = raw[: error.start].count(b"\n") + 1
    what = f"is not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start}"
    return Problem(str(file), line, "", what, "A stack's files are UTF-8 text.", "save the file as UTF-8")


def key_of(file: str, node: yaml.Node, path: Where, names: set[str]) -> tuple[str, Problem | None]:
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


class Reader:
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
            name, problem = key_of(self.file, key, path, names)
            if problem is not None:
                self.problems.append(problem)
            else:
                result[name] = self.plain(value, (*path, name), key.start_mark.line)
        return result

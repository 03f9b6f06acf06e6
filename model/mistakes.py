"""Pydantic's findings in words a person can act on: where in the files, what, the rule, the way out."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from model.fleet import Fleet
from model.reading import Where

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
NAME_RULE = "Names are small letters, digits and single dashes, and begin with a letter."


@dataclass(frozen=True)
class Mistake:
    """One thing of a wrong type. `path` leads to it in the data; `missing` says that it is not there at all."""

    path: Where
    what: str
    rule: str
    way_out: str
    missing: bool = False
    unknown: bool = False


def mistakes(error: ValidationError, data: Mapping[str, Any]) -> Iterator[Mistake]:
    """Every mistake of a validation, each once: the branches of a union speak with one voice."""
    said: set[tuple[Where, str]] = set()
    for details in error.errors(include_url=False):
        mistake = _mistake(details, data)
        if (mistake.path, mistake.rule) not in said:
            said.add((mistake.path, mistake.rule))
            yield mistake


def _mistake(details: ErrorDetails, data: Mapping[str, Any]) -> Mistake:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    path, of_key = _path(details["loc"], data, kind)
    here = path[-1] if path else ""
    if kind == "missing":
        around = _known(path[:-1], data)
        meaning = around.get(str(here), "")
        return Mistake(
            path,
            f"`{here}` is missing",
            "What a record needs is written down.",
            f"add `{here}:`" + (f" ({meaning})" if meaning else ""),
            missing=True,
        )
    if kind == "extra_forbidden":
        known = sorted(_known(path[:-1], data))
        close = difflib.get_close_matches(str(here), known, 1)
        hint = f"did you mean `{close[0]}`?" if close else f"known here: {', '.join(known)}"
        return Mistake(path, f"unknown key `{here}`", "Every key is one that the model knows.", hint, unknown=True)
    if kind in _WANTED:
        return _wrong_type(path, value, kind)
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern", ""))
        rule = NAME_RULE if "(-[a-z0-9]+)*" in pattern else "Text has the form its field asks for."
        what = f"the {'key' if of_key else 'value'} {value!r} is not of the form {pattern}"
        return Mistake(path, what, rule, "write it in that form")
    if kind == "string_too_short":
        return Mistake(path, "the text is empty", "What is written says something.", "fill it in or remove the key")
    if kind == "too_short":
        return Mistake(path, "the list or mapping is empty", "This needs at least one entry.", "add one")
    if kind == "literal_error":
        expected = str(context.get("expected", "")).replace("'", "")
        return Mistake(path, f"{value!r} is none of: {expected}", "Some words are fixed.", f"write {expected}")
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        tags = str(context.get("expected_tags", "droplet, ec2, gce, metal")).replace("'", "")
        what = "`kind` is missing" if kind == "union_tag_not_found" else f"the kind {context.get('tag')!r} is unknown"
        return Mistake(path, what, "A machine's source is of a known kind.", f"write `kind:` with one of: {tags}")
    if kind == "value_error":
        said = str(context.get("error", details["msg"]))
        return Mistake(path, said, "A value has the form that its field asks for.", "write it in that form")
    return Mistake(
        path, details["msg"], "A value lies in the range that its field asks for.", f"change {_say(value)} to fit"
    )


def _wrong_type(path: Where, value: Any, kind: str) -> Mistake:
    wanted = _WANTED[kind]
    rule = "A value is of the type that its field asks for; none is converted."
    if value is None:
        return Mistake(path, f"nothing stands here, and {wanted} is wanted", rule, "give a value or remove the key")
    if kind == "string_type" and isinstance(value, int | float):
        word = str(value).lower() if isinstance(value, bool) else str(value)
        return Mistake(path, f"{word} is no text", rule, f'write it in quotes: "{word}"')
    if kind == "tuple_type" and isinstance(value, str):
        return Mistake(path, f"{value!r} is no list", rule, f"write it as a list: [{value}]")
    return Mistake(path, f"{_say(value)} stands where {wanted} is wanted", rule, f"write {wanted}")


def _say(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, tuple):
        return "a list"
    return repr(value)


def _path(loc: tuple[str | int, ...], data: Mapping[str, Any], kind: str) -> tuple[Where, bool]:
    """Where in the data an error stands: its location without the names of union branches. True if it is a key's."""
    path: list[str | int] = []
    here: Any = data
    for i, step in enumerate(loc):
        last = i == len(loc) - 1
        if step == "[key]":
            return tuple(path), True
        if isinstance(here, Mapping) and isinstance(step, str):
            if step in here and not (here.get("kind") == step and not last):
                path.append(step)
                here = here[step]
            elif last and kind == "missing":
                path.append(step)
        elif isinstance(here, tuple) and isinstance(step, int) and step < len(here):
            path.append(step)
            here = here[step]
    return tuple(path), False


def _known(path: Where, data: Mapping[str, Any]) -> dict[str, str]:
    """The keys that records at a path may have, with what they mean."""
    hints: list[Any] = [Fleet]
    here: Any = data
    for step in path:
        here = here[step]
        hints = [found for hint in hints for found in _step(hint, step)]
    models = [m for hint in hints for m in _models(hint)]
    kind = here.get("kind") if isinstance(here, Mapping) else None
    fitting = [m for m in models if "kind" not in m.model_fields or kind in get_args(m.model_fields["kind"].annotation)]
    return {
        field.alias or name: field.description or ""
        for m in fitting or models
        for name, field in m.model_fields.items()
    }


def _models(hint: Any) -> Iterator[type[BaseModel]]:
    if get_origin(hint) is Annotated:
        yield from _models(get_args(hint)[0])
    elif isinstance(hint, type) and issubclass(hint, BaseModel):
        yield hint
    elif get_origin(hint) not in (dict, tuple):
        for branch in get_args(hint):
            yield from _models(branch)


def _step(hint: Any, step: str | int) -> Iterator[Any]:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        yield from _step(args[0], step)
    elif origin is dict:
        yield args[1]
    elif origin is tuple:
        yield args[0]
    elif args:
        for branch in args:
            yield from _step(branch, step)
    elif isinstance(hint, type) and issubclass(hint, BaseModel):
        for name, field in hint.model_fields.items():
            if step == (field.alias or name):
                yield field.annotation

"""A copy of a stack with one fact changed."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import yaml

from model import BadData, Problem, load

STACKS = Path(__file__).resolve().parents[2] / "stacks"
GONE = object()
Changes = dict[str, Any]


def _said(file: Path) -> dict[str, Any]:
    # PyYAML alone reads a bare `on` as true; the model's own reader does not.
    said: dict[str, Any] = yaml.safe_load(re.sub(r"(?<=[ {])on:", '"on":', file.read_text(encoding="utf-8")))
    return said


def facts(stack: str) -> dict[str, Any]:
    """All that a stack's files say, as one mapping."""
    whole: dict[str, Any] = {}
    for file in sorted((STACKS / stack).glob("*.yaml")):
        whole |= _said(file)
    roster = STACKS / stack / "roster"
    for file in sorted(roster.glob("*.yaml")):
        for key, part in _said(file).items():
            if key == "github":
                whole[key] = part
            else:
                whole.setdefault("roster", {})["settings" if key == "roster" else key] = part
    for file in sorted(roster.glob("people/*.yaml")):
        whole.setdefault("roster", {}).setdefault("people", {})[file.stem] = _said(file)
    services = STACKS / stack / "services"
    for file in sorted(services.glob("*.yaml")):
        whole.setdefault("services", {})[file.stem] = yaml.safe_load(file.read_text(encoding="utf-8"))
    for file in sorted(p for p in services.glob("files/*/**/*") if p.is_file()):
        service, _, name = file.relative_to(services / "files").as_posix().partition("/")
        whole.setdefault("service_files", {}).setdefault(service, {})[name] = file.read_text(encoding="utf-8")
    return whole


def bare(stack: str) -> dict[str, Any]:
    """A stack's facts without its services, front and people, and without what only they ask for."""
    data = facts(stack)
    for part in ("services", "service_files", "front", "roster", "github"):
        data.pop(part, None)
    policies = data.get("access", {}).get("nomad", {}).get("policies", {})
    for name in [n for n, policy in policies.items() if policy.get("job", {}).get("job", "report") != "report"]:
        del policies[name]
    for machine in data["machines"].values():
        machine.pop("nomad", None)
    return data


def changed(data: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """The data with each change made. A path's steps are parted by "/"; a number is a place in a list."""
    data = copy.deepcopy(data)
    for path, value in changes.items():
        *way, last = path.split("/")
        here: Any = data
        for step in way:
            here = here[int(step)] if isinstance(here, list) else here.setdefault(step, {})
        if value is GONE:
            del here[last]
        elif isinstance(here, list):
            here[int(last)] = copy.deepcopy(value)
        else:
            here[last] = copy.deepcopy(value)  # a later change may go into this one
    return data


class _WithoutAnchors(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def write(folder: Path, data: dict[str, Any]) -> Path:
    """The data as a folder of one file."""
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.dump(data, Dumper=_WithoutAnchors, allow_unicode=True, sort_keys=False)
    (folder / "all.yaml").write_text(text, encoding="utf-8")
    return folder


def problems(folder: Path) -> list[Problem]:
    """What a load says is wrong; nothing if it loads."""
    try:
        load(folder)
    except BadData as bad:
        return bad.problems
    return []

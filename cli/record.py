"""What was born on the machines, as a patch of the data: keys, authorities, and addresses that a cloud computed."""

from __future__ import annotations

import difflib
import re
import shutil
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from cli.mistake import Mistake
from cli.places import shown
from model import BadData, Fleet, load
from model.checks import findings
from model.fleet import Recorded

FILE = "recorded.yaml"
HEAD = """\
# yaml-language-server: $schema=../schema.json
# Born on the machines and written down by `fleet record`: keys, control hosts' authorities, addresses of a cloud.
# Not edited by hand.
"""
KEYS = {"wireguard_key": "WireGuard key", "ssh_host_key": "ssh host key", "authority": "authority's certificate"}
PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]+\n)+-----END CERTIFICATE-----\n")


@dataclass(frozen=True)
class Patch:
    """A file's text before and after. Hosts that are silent keep what was recorded of them."""

    path: Path
    before: str
    after: str
    silent: tuple[str, ...]

    def diff(self) -> str:
        """The change as a patch that `git apply` takes in the project's folder."""
        name = shown(self.path)
        old = f"a/{name}" if self.before else "/dev/null"
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True), self.after.splitlines(keepends=True), old, f"b/{name}"
        )
        return "".join(lines)

    def write(self) -> None:
        """Put the file in place at once, so that nobody reads half of it."""
        part = self.path.with_suffix(".part")
        part.write_text(self.after, encoding="utf-8")
        part.replace(self.path)


def patch(folder: Path, hosts: Mapping[str, Mapping[str, Any]], replace: Collection[str] = ()) -> Patch:
    """What the outputs of a stack add to its data. Raises Mistake where a recorded key would change unasked."""
    fleet = without_stale(folder)
    path = folder / FILE
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    unknown = sorted(set(replace) - set(fleet.managed))
    if unknown:
        raise Mistake(
            f"--replace {unknown[0]}", "no managed machine", "what is replaced is a machine's", "name one of the data"
        )
    born = {name: _born(fleet, name, hosts.get(name, {})) for name in fleet.managed}
    _refuse_changed_keys(path, fleet, born, replace)
    merged = {}
    for name, new in born.items():
        old = fleet.recorded.get(name, Recorded())
        kept = {**old.model_dump(exclude_none=True), **new.model_dump(exclude_none=True)}
        if kept:
            merged[name] = Recorded.model_validate(kept)
    _refuse_what_checks_refuse(path, fleet, merged)
    silent = tuple(name for name, new in born.items() if _wants(fleet, name, new))
    return Patch(path, before, render(merged) if merged else before, silent)


def render(recorded: Mapping[str, Recorded]) -> str:
    """The file's text: hosts and facts in order, so that a patch holds nothing but what changed."""
    facts = {"recorded": {name: one.model_dump(exclude_none=True) for name, one in sorted(recorded.items())}}
    return HEAD + "\n" + yaml.dump(facts, Dumper=_Dumper, sort_keys=True, width=1000)


class _Dumper(yaml.SafeDumper):
    """A text of several lines stands as several lines: a certificate can be copied out, and read in a review."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _wants(fleet: Fleet, name: str, new: Recorded) -> bool:
    """Whether a machine did not tell all that it should have."""
    authority = name in fleet.voters and new.authority is None
    return new.wireguard_key is None or new.ssh_host_key is None or authority


def without_stale(folder: Path) -> Fleet:
    """The fleet; what is recorded of machines that left is dropped, for recording anew is the way to mend that."""
    try:
        return load(folder)
    except BadData as bad:
        if not bad.unchecked and all(
            p.field.startswith("recorded.") and "no managed machine" in p.what for p in bad.problems
        ):
            gone = {p.field.split(".")[1] for p in bad.problems}
        else:
            raise
    with tempfile.TemporaryDirectory() as copy:
        for file in folder.glob("*.yaml"):
            shutil.copy(file, copy)
        said = yaml.safe_load((folder / FILE).read_text(encoding="utf-8"))["recorded"]
        left = {name: Recorded.model_validate(one) for name, one in said.items() if name not in gone}
        (Path(copy) / FILE).write_text(render(left), encoding="utf-8")
        return load(Path(copy))


def _born(fleet: Fleet, name: str, seen: Mapping[str, Any]) -> Recorded:
    public = fleet.machines[name].public
    facts = {key: seen.get(key) for key in KEYS}
    # An address that the data states is not written down a second time.
    facts |= {f: seen.get(f) for f in ("ipv4", "ipv6") if getattr(public, f) is None}
    authority = facts["authority"]
    if authority is not None and not PEM.fullmatch(str(authority)):
        raise _odd(name, "authority", authority, "one certificate in PEM")
    try:
        return Recorded.model_validate(facts)
    except ValidationError as error:
        first = error.errors()[0]
        raise _odd(name, ".".join(str(step) for step in first["loc"]), first["input"], first["msg"]) from None


def _odd(name: str, field: str, seen: object, wanted: str) -> Mistake:
    return Mistake(
        f"outputs of {name}: {field}",
        f"{seen!r} is not what it should be ({wanted})",
        "a host's outputs are its keys and addresses, as the host and the cloud gave them",
        f"look at the host and run `pulumi refresh`; nothing of {name} was recorded",
    )


def _plain(field: str, key: str) -> list[str]:
    """A key without its comment; a certificate has none."""
    return key.split() if field == "authority" else key.split()[:2]


def _brief(field: str, key: str) -> str:
    """A key as a sentence can hold it."""
    return f"the one ending in {key.split()[-3][-16:]}" if field == "authority" else key


def _refuse_changed_keys(path: Path, fleet: Fleet, born: Mapping[str, Recorded], replace: Collection[str]) -> None:
    for name, new in born.items():
        old = fleet.recorded.get(name)
        for field, thing in KEYS.items():
            was, now = getattr(old, field, None), getattr(new, field)
            if was and now and _plain(field, was) != _plain(field, now) and name not in replace:
                raise Mistake(
                    f"{shown(path)}: recorded.{name}.{field}",
                    f"the {thing} of {name} was {_brief(field, was)} and is now {_brief(field, now)}",
                    "a recorded key changes only when a person says so: another key may be another machine",
                    f"if {name} was made anew, run again with --replace {name}; if not, find out who answers there",
                )


def _refuse_what_checks_refuse(path: Path, fleet: Fleet, merged: dict[str, Recorded]) -> None:
    for rule, found in findings(fleet.model_copy(update={"recorded": merged})):
        if found.path and found.path[0] == "recorded":
            where = f"{shown(path)}: {'.'.join(str(step) for step in found.path)}"
            raise Mistake(where, found.what, rule, f"{found.way_out}; nothing was written")

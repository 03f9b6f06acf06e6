"""One generated roster after the other through the loader and every rule, and what came of them."""

from __future__ import annotations

import copy
import re
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from components.roster.rights import from_plain, plain, rights, roles_of
from components.roster.words import effects
from model import roster_change
from model.checks import Rule, roster, roster_dated, roster_joins, roster_keys, roster_teams, sentence
from model.errors import BadData
from model.fleet import Fleet
from model.load import checked, load
from model.reading import Reading
from model.roster import Roster
from tests.model.change import bare
from tests.roster_fuzz import grammar, oracle
from tests.roster_fuzz.grammar import AS_OF, Data
from tests.roster_fuzz.mutations import mutated

# One in so many also goes through real files.
FILES = 100
# A stack without an organisation has no repositories to compare with.
WITHOUT: set[object] = {roster_teams.repositories_are_declared}
RULES_AT_LOAD: tuple[Rule, ...] = (*roster.RULES, *roster_joins.RULES, *roster_teams.RULES, *roster_keys.RULES)
RULES = tuple(sentence(rule) for rule in RULES_AT_LOAD if rule not in WITHOUT) + tuple(
    map(sentence, roster_dated.DATED)
)
# A change against what was there, by words of what is said.
CHANGES = {
    "a handle vanishes": "is gone from the roster",
    "a GitHub id changes": "the GitHub id of .* changes",
    "a number changes": "the number in the directory of .* changes",
    "a GitHub id is handed out again": "the GitHub id .* was .*'s",
    "a number is handed out again": "the number in the directory .* was .*'s",
    "a founder more": "is new and came without",
    "too many leave in one change": "people leave within",
}


@dataclass
class Tally:
    """What came of so many rosters."""

    count: int = 0
    accepted: int = 0
    changes: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another's rosters in."""
        self.count += other.count
        self.accepted += other.accepted
        self.changes += other.changes
        self.fired += other.fired
        self.failures += other.failures

    def missing(self, least: int) -> list[str]:
        """The rules that fired less often than so."""
        return [rule for rule in (*RULES, *CHANGES) if self.fired[rule] < least]


@cache
def base() -> Data:
    """The rest of the fleet: the rehearsal's, as a load would have read it."""
    frozen: Data = _frozen(bare("local"))
    return frozen


@cache
def base_text() -> str:
    """The same as a file."""
    return _text(base())


def _frozen(value: Any) -> Any:
    """Plain data as the loader reads it from files, where lists cannot change any more."""
    if isinstance(value, dict):
        return {key: _frozen(inner) for key, inner in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def run(seed: int, numbers: range) -> Tally:
    """So many rosters. The same seed and number make the same roster, in whatever process."""
    tally = Tally()
    for number in numbers:
        rng = Random(f"{seed}:{number}")
        try:
            tally.failures += [f"{seed}:{number}: {what}" for what in _one(rng, number, tally)]
        except Exception:
            tally.failures.append(f"{seed}:{number}: {traceback.format_exc()}")
    return tally


def _one(rng: Random, number: int, tally: Tally) -> Iterator[str]:
    right = grammar.roster(rng)
    as_it_was = copy.deepcopy(right)
    meant = rng.random() < 0.4
    data = right if meant else mutated(right, rng)
    tally.count += 1
    fleet, rules = _judge(data)
    tally.fired.update(rules)
    if number % FILES == 0 and _fits_files(data):
        yield from _through_files(data, accepted=fleet is not None)
    if fleet is None:
        if meant:
            yield f"refused, and was meant to be right: {sorted(rules)}"
        return
    tally.accepted += 1
    yield from oracle.broken(data, base(), AS_OF)
    yield from _rights_hold(fleet, data)
    yield from _change(fleet, as_it_was, rng, tally)


def _judge(data: Any) -> tuple[Fleet | None, set[str]]:
    reading = Reading(data={**base(), "roster": _frozen(data)}, folder="generated")
    try:
        return checked(reading, AS_OF), set()
    except BadData as bad:
        if not all(p.what and p.rule and p.way_out and p.field for p in bad.problems):
            raise RuntimeError(f"said without a place, a rule or a way out: {bad}") from bad
        return None, {p.rule for p in bad.problems}


def _rights_hold(fleet: Fleet, data: Data) -> Iterator[str]:
    held = rights(fleet, AS_OF)
    seen = {name: {right.where for right in its if right.kind == "host-login"} for name, its in held.items()}
    if seen != oracle.logins(data, base(), AS_OF):
        yield f"logins are {seen}"
    if any(held[name] for name, it in data["people"].items() if it.get("left") is not None):
        yield "somebody who left has a right"
    if from_plain(plain(held)) != held:
        yield "rights are not what they were, as plain data"
    if effects(held, held, roles_of(fleet)) or bool(effects({}, held, roles_of(fleet))) != any(held.values()):
        yield "words are not of what changes"


def _change(fleet: Fleet, right: Data, rng: Random, tally: Tally) -> Iterator[str]:
    """From the roster before its mistakes, or one more step on, to what was accepted: as two ledgers in a row."""
    assert fleet.roster is not None
    was, now = roster_change.ledger(Roster.model_validate(_frozen(right))), roster_change.ledger(fleet.roster)
    _meddle(now, rng)
    tally.changes += 1
    said = roster_change.problems(was, now, AS_OF)
    tally.fired.update(name for name, pattern in CHANGES.items() if any(re.search(pattern, s) for s in said))
    if not said:
        plain_was = {"people": {n: _as_said(it) for n, it in was["people"].items()}}
        plain_now = {"people": {n: _as_said(it) for n, it in now["people"].items()}}
        yield from oracle.change_broken(plain_was, plain_now)


def _as_said(it: Data) -> Data:
    """A line of a ledger in the shape of a person's file."""
    return {"github": it["github"], "netauth": it["number"], "decision": None if it["founder"] else {}}


def _meddle(ledger: Data, rng: Random) -> None:
    """What a change could do to people between two applies, in two of three cases."""
    people = ledger["people"]
    one, other = rng.choice([*people]), rng.choice([*people])
    how = rng.randint(0, 10)
    if how == 0:
        del people[one]
    elif how == 1:
        people[one]["github"] += 1_000_000
    elif how == 2:
        people[one]["number"] = rng.choice((None, 2900))
    elif how == 3:
        people[one]["github"] = people[other]["github"]
    elif how == 4:
        people[one]["number"] = people[other]["number"]
    elif how == 5:
        people["somebody-more"] = {**people[one], "github": 1, "number": 2901, "founder": rng.random() < 0.7}
    elif how == 6:
        for it in people.values():
            it["left"] = it["left"] or (AS_OF.isoformat() if rng.random() < 0.5 else None)


def _fits_files(data: Any) -> bool:
    """Whether data can stand in files at all: people are mappings under names that files can have."""
    people = data.get("people") if isinstance(data, dict) else None
    return (
        isinstance(people, dict)
        and set(data) == {"settings", "teams", "people"}
        and all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", str(name)) for name in people)
        and all(isinstance(it, dict) and it for it in people.values())
    )


def _through_files(data: Data, *, accepted: bool) -> Iterator[str]:
    """The same roster as files of a stack: it must be judged alike."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "roster" / "people").mkdir(parents=True)
        (folder / "fleet.yaml").write_text(base_text(), encoding="utf-8")
        _write(folder / "roster" / "settings.yaml", {"roster": data["settings"]})
        _write(folder / "roster" / "teams.yaml", {"teams": data["teams"]})
        for name, it in data["people"].items():
            _write(folder / "roster" / "people" / f"{name}.yaml", it)
        try:
            load(folder, AS_OF)
        except BadData as bad:
            if accepted:
                yield f"refused from files: {bad}"
        else:
            if not accepted:
                yield "accepted from files"


class _Plain(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


_Plain.add_representer(tuple, _Plain.represent_list)


def _text(data: Any) -> str:
    return yaml.dump(data, Dumper=_Plain, allow_unicode=True)


def _write(file: Path, data: Any) -> None:
    file.write_text(_text(data), encoding="utf-8")

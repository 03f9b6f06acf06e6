"""The hand-written table of rights: who may do which verb, as cells to ask for one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from servers import Api, ApiError
from tests.rehearsal.rights_probes import Probes
from tests.rehearsal.rights_verbs import may
from tests.rehearsal.rights_verbs import verbs as all_verbs

FILE = Path(__file__).parent / "rights.yaml"


@dataclass(frozen=True)
class Who:
    """A kind of person: their group in the directory, and which tokens they take from Vault."""

    name: str
    group: str | None
    nomad: str | None
    consul: str | None


@dataclass(frozen=True)
class Cell:
    """One question. `system` is nomad, cluster, consul or vault; `namespace` is Nomad's, else empty."""

    system: str
    namespace: str
    verb: str
    who: str
    allowed: bool

    def __str__(self) -> str:
        where = f"{self.system} {self.namespace}".strip()
        return f"{self.who} {'may' if self.allowed else 'may not'} {self.verb} ({where})"


def _table(system: str, namespace: str, text: str) -> Iterator[Cell]:
    head, *rows = (line.split() for line in text.splitlines() if line.strip())
    assert head[0] == "verb", head
    for verb, *said in rows:
        assert len(said) == len(head) - 1, f"{system} {namespace} {verb}: {said}"
        for who, word in zip(head[1:], said, strict=True):
            assert word in ("yes", "no"), f"{system} {namespace} {verb} {who}: {word}"
            yield Cell(system, namespace, verb, who, word == "yes")


def _read() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def people() -> dict[str, Who]:
    """Everybody whom the table speaks of."""
    return {
        name: Who(name, facts.get("group"), facts.get("nomad"), facts.get("consul"))
        for name, facts in _read()["who"].items()
    }


def cells() -> tuple[Cell, ...]:
    """Every question, in the order in which they stand."""
    data = _read()
    found = [cell for namespace, text in data["nomad"].items() for cell in _table("nomad", namespace, text)]
    for system in ("cluster", "consul", "vault"):
        found += _table(system, "", data[system])
    return tuple(found)


def disagreements(
    questions: Iterable[Cell],
    apis: Mapping[tuple[str, str], Api],
    probes: Probes,
    instead: Mapping[tuple[str, str], bool] | None = None,
) -> list[str]:
    """Ask everything and return where a server says otherwise than the table.

    `apis`: system and kind of person, to a client with that person's token. `instead`: verb and kind of person, to what
    holds where the asked servers differ from the rehearsal's by their nature.
    """
    verbs = all_verbs(probes)
    found = []
    for cell in questions:
        wanted = (instead or {}).get((cell.verb, cell.who), cell.allowed)
        if cell.verb.endswith(("-variable", "-variables")):
            probes.renew(cell.namespace)
        system = "nomad" if cell.system == "cluster" else cell.system
        try:
            said = may(verbs[cell.system, cell.namespace][cell.verb], apis[system, cell.who])
        except ApiError as error:
            found.append(f"{cell}: {error}")
            continue
        if said != wanted:
            found.append(f"{cell}: the server {'allowed' if said else 'refused'} it")
    return found

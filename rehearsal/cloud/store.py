"""What exists in the embedded cloud: one small file per resource, so that a change never rewrites the rest.

DIR/cloud/<package>/<Type>/<id>.json, written atomically; read once when the daemon starts. `counters.json` keeps the
numbers already given out. Ids, numbers and addresses are never guessed from what happens to be left.
"""

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from providers.base.resource import ProviderError

# One block of the rehearsal's /16 per package; a full one continues sixteen blocks further up.
BLOCKS: Final = {"digitalocean": 1, "aws": 2, "gcp": 3}
_PER_BLOCK: Final = 250
_BLOCKS_APART: Final = 16
_BLOCKS: Final = 15


def subnet() -> str:
    """The first two octets of the rehearsal's IPv4 /16. Two rehearsals on one machine have two."""
    return os.environ.get("FLEET_NET_SUBNET") or "10.77"


def subnet6() -> str:
    """The first group of the rehearsal's IPv6 /64: fd77 for 10.77."""
    return f"fd{int(subnet().partition('.')[2]):02d}"


@dataclass
class Record:
    """One resource as the cloud knows it. `private` is the cloud's own business and never an output."""

    package: str
    kind: str
    id: str
    region: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    serial: int
    private: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What the record is kept under: its id, except where ids repeat (an AWS key pair's name, in each region)."""
        return str(self.private.get("key", self.id))


class Store:
    """All records of all packages, in memory and on disk. `lock` guards whoever reads and then writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._records: dict[tuple[str, str], dict[str, Record]] = {}
        self._counters: dict[str, int] = {}
        with contextlib.suppress(FileNotFoundError):
            self._counters = json.loads((folder / "counters.json").read_text())
        for file in sorted(folder.glob("*/*/*.json")):
            record = Record(**json.loads(file.read_text()))
            self._records.setdefault((record.package, record.kind), {})[record.key] = record

    def number(self, counter: str, *, start: int = 1) -> int:
        """The next number of a series; none is given twice, also after a restart."""
        with self.lock:
            value = self._counters.get(counter, start - 1) + 1
            self._counters[counter] = value
            _write(self.folder / "counters.json", self._counters)
            return value

    def address(self, package: str) -> tuple[str, str]:
        """A free public address, v4 and v6, in the package's block. A freed one comes back as late as can be."""
        with self.lock:
            used: set[str] | None = None
            for _ in range(_BLOCKS * _PER_BLOCK):
                number = self.number(f"address-{package}") - 1
                block, place = divmod(number % (_BLOCKS * _PER_BLOCK), _PER_BLOCK)
                third = BLOCKS[package] + block * _BLOCKS_APART
                v4, v6 = _written(third, place + 1)
                if number < _BLOCKS * _PER_BLOCK:
                    return v4, v6
                if used is None:
                    used = {text for record in self.everything() for text in _addresses(record.outputs)}
                if used.isdisjoint((v4, v6)):
                    return v4, v6
        raise ProviderError(f"{package}: no public address is free; the rehearsal has {_BLOCKS * _PER_BLOCK} of them")

    def put(self, record: Record) -> None:
        """Add or change a record."""
        with self.lock:
            self._records.setdefault((record.package, record.kind), {})[record.key] = record
            _write(self._file(record), asdict(record))

    def drop(self, record: Record) -> None:
        """Forget a record."""
        with self.lock:
            self._records.get((record.package, record.kind), {}).pop(record.key, None)
            self._file(record).unlink(missing_ok=True)

    def get(self, package: str, kind: str, id: str, region: str | None = None) -> Record | None:  # noqa: A002
        """One record; with a region, only if it is there: regions of a cloud do not see each other's things."""
        record = self._records.get((package, kind), {}).get(id)
        return record if record is not None and region in (None, record.region) else None

    def all(self, package: str, kind: str, region: str | None = None) -> list[Record]:
        """Every record of a kind, oldest first."""
        with self.lock:
            found = list(self._records.get((package, kind), {}).values())
        return sorted((one for one in found if region in (None, one.region)), key=lambda one: one.serial)

    def everything(self) -> Iterator[Record]:
        """Every record there is."""
        with self.lock:
            groups = [list(group.values()) for group in self._records.values()]
        for group in groups:
            yield from group

    def _file(self, record: Record) -> Path:
        return self.folder / record.package / record.kind / f"{quote(record.key, safe='')}.json"


def _write(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.tmp-{os.getpid()}-{threading.get_ident()}")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(data, file)
    beside.replace(path)


def _written(third: int, last: int) -> tuple[str, str]:
    return f"{subnet()}.{third}.{last}", f"{subnet6()}::{third}:{last}"


def _addresses(value: Any) -> Iterator[str]:
    """Every text inside a value that may be an address."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _addresses(item)
    elif isinstance(value, list):
        for item in value:
            yield from _addresses(item)

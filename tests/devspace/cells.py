"""The cells of the devspace matrix: every way by everybody at every door, what must come of each, and the table.

Shared by the rig on one machine (tests/devspace/rig.py) and the rehearsal.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.devspace.attempt import Attempt
from tests.devspace.doors import KEYS, Cell, Door, Result, Who
from tests.devspace.ways import WAYS

# What is open to nobody: X11Forwarding and PermitTunnel are off, and a key with a command is none.
NOBODY = {"forced command", "X11", "tunnel"}
# What devspace grants: files, and to be there.
FILES = {*(f"key {kind}" for kind in KEYS), "agent", "-N", "subsystem", "scp", "sftp"}
SHELLS = {"shell", "both", "break-glass"}
PLACES = {"devspace", "both"}


def expected(cell: Cell) -> Result:
    """What must come of a cell."""
    may = cell.who.persona in (SHELLS if cell.door.kind == "host" else PLACES)
    granted = cell.way not in NOBODY if cell.door.kind == "host" else cell.way in FILES
    return Result(may and cell.way != "forced command", may and granted)


def entitled(cells: Iterable[Cell]) -> list[Cell]:
    """Those that must work."""
    return [cell for cell in cells if expected(cell).effect]


def all_cells(doors: Sequence[Door], people: Sequence[Who], ways: Iterable[str] = tuple(WAYS)) -> list[Cell]:
    """Every way by everybody at every door."""
    return [Cell(way, door, who) for way in ways for door in doors for who in people]


def tried(cells: Sequence[Cell], at_once: int = 4, first_port: int = 30000) -> dict[Cell, Result]:
    """Try them, a few at a time."""

    def one(numbered: tuple[int, Cell]) -> Result:
        number, cell = numbered
        folder = Path(tempfile.mkdtemp(prefix="devspace-cell-"))
        try:
            return WAYS[cell.way](Attempt(cell, folder, first_port + number))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    with ThreadPoolExecutor(at_once) as pool:
        return dict(zip(cells, pool.map(one, enumerate(cells)), strict=True))


def wrong(found: dict[Cell, Result]) -> dict[Cell, Result]:
    """The cells that are not what they must be."""
    return {cell: result for cell, result in found.items() if result != expected(cell)}


def table(found: dict[Cell, Result]) -> str:
    """The matrix for people: `in+` let in with its effect, `in` without, `-` refused; `!` where it must not be so."""
    doors = list(dict.fromkeys(cell.door for cell in found))
    personas = list(dict.fromkeys(cell.who.persona for cell in found))
    by = {(cell.way, cell.door, cell.who.persona): (result, expected(cell)) for cell, result in found.items()}
    lines = []
    for door in doors:
        lines += [f"| {door.name} | {' | '.join(personas)} |", f"|---|{'---|' * len(personas)}"]
        for way in dict.fromkeys(cell.way for cell in found):
            row = []
            for persona in personas:
                result, wish = by[way, door, persona]
                row.append(
                    ("in+" if result.effect else "in" if result.let_in else "-") + ("" if result == wish else " !")
                )
            lines.append(f"| {way} | {' | '.join(row)} |")
        lines.append("")
    return "\n".join(lines)


def sums(found: dict[Cell, Result]) -> str:
    """What matters, in one line."""
    door = [(cell, result) for cell, result in found.items() if cell.door.kind == "devspace"]
    shells = sum(r.effect for c, r in door if c.way in {"exec", "pty", "scp by exec", "sftp by exec", "rsync", "X11"})
    forwards = sum(r.effect for c, r in door if c.way in {"-L", "-R", "-D", "-W", "tunnel"})
    out = sum(r.effect for c, r in door if c.way == "outside")
    out += sum(r.effect for c, r in found.items() if c.door.kind == "host" and not expected(c).let_in)
    may = entitled(found)
    return (
        f"{len(found)} cells: {shells} shells and {forwards} forwards by devspace, {out} reads or writes by those not "
        f"entitled, {sum(found[c].effect for c in may)} of {len(may)} entitled cells pass"
    )

"""Logins by a real sshd while the directory is broken in each of eight ways. Needs root; leaves the machine alone.

    python -m tests.load.logins                 100 logins of each kind, as the project's claim is stated
    python -m tests.load.logins --logins 8      as CI does it

Beside our look-up stands a plain one, without cache and deadline: what a command-line client gives to sshd. People
offer a wrong key first, so that sshd asks three times in one login. Judged: whoever is known comes in within 2 s of
what is usual, whoever is known to be locked or removed never does, and break-glass takes a second at most.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.load.login_rig import GIVE_UP, PORTS, Login, Rig, inside, missing, rigged

PEOPLE = 10
MORE_AT_MOST = 2.0
GLASS_AT_MOST = 1.0
AT_ONCE = 8
KEYS = ("wrong", "right")


@dataclass(frozen=True)
class Fault:
    """One way of being broken: how it begins, and how it ends."""

    name: str
    begin: Callable[[Rig], None]
    end: Callable[[Rig], None] = lambda rig: rig.proxy.set("", PORTS["netauth"])


def _half_the_keys(rig: Rig) -> None:
    rig.store.without_keys([rig.known[0].keys[0]])


def _all_the_keys(rig: Rig) -> None:
    rig.store.write([*rig.known, *rig.closed])


NONE = Fault("none", lambda rig: rig.proxy.set(""))
FAULTS = (
    NONE,
    Fault("refused", lambda rig: rig.proxy.set("refused")),
    Fault("black-holed", lambda rig: rig.black_hole(True), lambda rig: rig.black_hole(False)),
    Fault("silent after connecting", lambda rig: rig.proxy.set("silent")),
    Fault("slow by 30 s", lambda rig: rig.proxy.set("slow")),
    Fault("garbage", lambda rig: rig.proxy.set("garbage")),
    Fault("garbage under the right certificate", lambda rig: rig.proxy.set("raving")),
    Fault("certificate expired", lambda rig: rig.proxy.set("", PORTS["expired"])),
    Fault("half its keys gone", _half_the_keys, _all_the_keys),
)


@dataclass
class Found:
    """What one way of looking up did under one fault."""

    known: list[Login]
    closed: list[Login]
    glass: list[Login]

    def cells(self) -> list[str]:
        """For the table."""
        return [_cell(self.known), _cell(self.closed), _cell(self.glass)]


def _cell(logins: Sequence[Login]) -> str:
    let_in = sum(it.let_in for it in logins)
    gave_up = sum(it.gave_up for it in logins)
    times = [it.seconds for it in logins]
    longest = f"{statistics.median(times):.2f} · {max(times):.2f} s"
    return f"{let_in} of {len(logins)} in · {longest}" + (
        f" · {gave_up} given up at {GIVE_UP:.0f} s" if gave_up else ""
    )


def under(rig: Rig, fault: Fault, kind: str, count: int) -> Found:
    """So many logins of each kind of people while the directory is broken in this way."""
    rig.refresh()
    fault.begin(rig)
    found = one_way(rig, kind, count)
    fault.end(rig)
    rig.end_waiting()
    return found


def one_way(rig: Rig, kind: str, count: int) -> Found:
    """So many logins of each kind of people. One after the other, unless each would only wait."""
    port, at_once = PORTS[kind], 1 if kind == "ours" else AT_ONCE

    def several(names: Sequence[str], keys: Sequence[str]) -> list[Login]:
        with ThreadPoolExecutor(at_once) as pool:
            tried = [pool.submit(rig.login, names[n % len(names)], port, keys) for n in range(count)]
            return [it.result() for it in tried]

    return Found(
        several([it.name for it in rig.known], KEYS),
        several([it.name for it in rig.closed], KEYS),
        several(["glass"], ("glass",)),
    )


def judged(name: str, found: Found, usual: float) -> tuple[list[str], list[str]]:
    """What our look-up must not do: (whom it lets in and whom not, how long it takes)."""
    wrong, late = [], []
    if out := sum(not it.let_in for it in found.known):
        wrong.append(f"{name}: {out} of {len(found.known)} known people were not let in")
    if (more := max(it.seconds for it in found.known) - usual) > MORE_AT_MOST:
        late.append(f"{name}: a known person's login took {more:.2f} s more than usual")
    if let_in := sum(it.let_in for it in found.closed):
        wrong.append(f"{name}: {let_in} logins of people who are locked or removed were let in")
    if out := sum(not it.let_in for it in found.glass):
        wrong.append(f"{name}: break-glass: {out} of {len(found.glass)} were not let in")
    if (worst := max(it.seconds for it in found.glass)) > GLASS_AT_MOST:
        late.append(f"{name}: break-glass: the slowest took {worst:.2f} s")
    return wrong, late


def row(name: str, kind: str, found: Found) -> str:
    """A line of the table."""
    return f"| {name} | {kind} | {' | '.join(found.cells())} |"


def run(rig: Rig, count: int, say: Callable[[str], None], *, beside: bool = True) -> tuple[list[str], list[str]]:
    """(the table, what went wrong with ours)."""
    lines = [
        "| the directory | look-up | known | locked or removed | break-glass |",
        "|---|---|---:|---:|---:|",
    ]
    wrong: list[str] = []
    slow: list[Fault] = []
    usual = 0.0
    # The plain one last of all: it leaves processes that wait, and they would slow down what is measured after them.
    for kind in ("ours", "plain") if beside else ("ours",):
        for fault in FAULTS:
            begun = time.monotonic()
            found = under(rig, fault, kind, count)
            lines.append(row(fault.name, kind, found))
            if kind == "ours":
                usual = usual or statistics.median(it.seconds for it in found.known)
                others, late = judged(fault.name, found, usual)
                wrong += others
                slow += [fault] if late else []
            say(f"{kind}, {fault.name}: {time.monotonic() - begun:.0f} s")
        if kind == "ours":
            wrong += again(rig, slow, count, lines)
    return lines, wrong


def again(rig: Rig, slow: Sequence[Fault], count: int, lines: list[str]) -> list[str]:
    """What was too late once may be the machine, which has other things to do; too late at another time is ours."""
    wrong: list[str] = []
    for fault in slow:
        usual = statistics.median(it.seconds for it in under(rig, NONE, "ours", count).known)
        found = under(rig, fault, "ours", count)
        lines.append(row(f"{fault.name}, again", "ours", found))
        others, late = judged(fault.name, found, usual)
        wrong += others + late
    return wrong


def main() -> int:
    """Print the table; the exit code says whether our look-up kept its promises."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.logins", description=__doc__.splitlines()[0])
    parser.add_argument("--logins", type=int, default=100, help="of each kind, under each fault (100)")
    parser.add_argument("--no-plain", action="store_true", help="ours alone")
    chosen = parser.parse_args()
    if why := missing():
        print(f"logins: {why}", file=sys.stderr)
        return 2
    if (code := inside("tests.load.logins", sys.argv[1:])) is not None:
        return code
    with rigged(PEOPLE) as rig:
        lines, wrong = run(
            rig, chosen.logins, lambda text: print(f"  {text}", file=sys.stderr, flush=True), beside=not chosen.no_plain
        )
    print(f"{chosen.logins} logins of each kind: how many were let in · median · longest\n")
    print("\n".join(lines))
    for line in wrong:
        print(f"wrong: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

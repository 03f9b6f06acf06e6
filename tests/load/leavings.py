"""Leaving after leaving on the running rehearsal, with the clock: from `up` until no way in works any more.

    python -m tests.load.leavings                       2 leavings, as CI does it
    python -m tests.load.leavings --leavings 50         as the project's claim is stated
    python -m tests.load.leavings --partition a-pdx-us --cache-minutes 2    one host hears nothing of the directory

Made-up people join by one `up` of a copy of the data, and come in wherever they may: every other one is an operator
with root on six hosts, the others keep the mirrors and manage applications. Then one after the other leaves by one
line. Each way in is tried once a second; the clock starts when `up` does, and stops when none has worked for a while.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from components.roster import directory
from model import load
from rehearsal import driver, engine, people
from rehearsal.testhosts import hosts, processes, settings
from tests.load.leaver import Leaver, Way
from tests.rehearsal.support import MIRRORS, SIX, Copy, Rehearsed

LIMIT = 60.0
# Nothing may work again after it has failed for as long.
QUIET = 5.0
FIRST_NUMBER = 2200
PERSON = """\
github: {github}
netauth: {{number: {number}}}
since: 2026-05-04
sponsor: ann
keys:
  laptop: {key}
teams: {{{teams}}}
decision:
  proposal: https://git.fleet.example/members/issues/{number}
  proposed: 2026-04-20
  deadline: 2026-04-28
  approvals: [ann, cy]
  consent: 2026-04-30
"""
OPERATOR = "operators: member, devspace-users: member"
KEEPER = "mirror-keepers: member, app-admins: member, devspace-users: member"


@dataclass(frozen=True)
class Gone:
    """How one leaving went: seconds from the start of `up`."""

    name: str
    up: float
    ways: dict[str, float]

    @property
    def worst(self) -> float:
        return max(self.ways.values())


def teams_of(name: str) -> str:
    """Every other one is an operator."""
    return KEEPER if int(name.removeprefix("leaver")) % 2 else OPERATOR


def join(copy: Copy, run: Path, first: int, count: int) -> None:
    """Files for made-up people, with keys that exist."""
    folder = people.key_folder(run)
    for number in range(first, first + count):
        name = f"leaver{number}"
        key = folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "laptop", "-f", str(key)], check=True)
        text = PERSON.format(
            github=910_000_000 + number,
            number=FIRST_NUMBER + number,
            key=" ".join(key.with_suffix(".pub").read_text().split()[:2]),
            teams=teams_of(name),
        )
        (copy.folder / "roster" / "people" / f"{name}.yaml").write_text(text)


def leave(copy: Copy, name: str) -> None:
    """The one line."""
    left = f"left: {{on: {datetime.now(UTC).date()}, why: wish}}"
    copy.edit(f"roster/people/{name}.yaml", f"teams: {{{teams_of(name)}}}", left)


def names(copy: Copy) -> list[str]:
    """Who joined."""
    return sorted((file.stem for file in copy.folder.glob("roster/people/leaver*.yaml")), key=lambda n: int(n[6:]))


def one(rehearsed: Rehearsed, copy: Copy, name: str, cut: str | None = None, limit: float = LIMIT) -> Gone:
    """Come in everywhere, leave, and look how long it takes. `cut`: only on this host, which hears of nothing."""
    operator = teams_of(name) == OPERATOR
    places = (cut,) if cut else tuple(sorted(SIX if operator else MIRRORS))
    leaver = Leaver(name, load(copy.folder), places, operator, devspace=cut is None)
    with ExitStack() as undo:
        undo.callback(leaver.close)
        _patiently(leaver)
        leaver.enter()
        ways = leaver.ways()
        pool = undo.enter_context(ThreadPoolExecutor(len(ways)))
        ended = threading.Event()
        undo.callback(ended.set)
        watching = [pool.submit(way.watch, ended) for way in ways]
        _all_work(leaver, ways, watching)
        if cut:
            undo.enter_context(cut_off(cut, leaver))
        leave(copy, name)
        begun = time.monotonic()
        applied(rehearsed, copy, ["people"])
        up = time.monotonic() - begun
        _none_works(ways, begun, limit)
        ended.set()
        for future in watching:
            future.result()
        return Gone(leaver.name, up, {way.name: max(way.last - begun, 0.0) for way in ways})


def _patiently(leaver: Leaver) -> None:
    """A host makes accounts at its next look at the directory."""
    doors: dict[str, Callable[[], bool]] = {f"in on {host}": partial(leaver.comes_in, host) for host in leaver.hosts}
    if leaver.devspace:
        doors["into devspace"] = leaver.comes_to_devspace
    for where, comes_in in doors.items():
        end = time.monotonic() + 60
        while not comes_in():
            if time.monotonic() > end:
                raise SystemExit(f"{leaver.name} does not come {where}")
            time.sleep(1)


def _all_work(leaver: Leaver, ways: Sequence[Way], watching: Sequence[Future[None]]) -> None:
    """A way that never worked proves nothing by failing."""
    end = time.monotonic() + 60
    while missing := [way.name for way in ways if not way.first]:
        leaver.insist()
        for future in watching:
            if future.done():
                future.result()
        if time.monotonic() > end:
            raise SystemExit(f"never worked: {', '.join(missing)}")
        time.sleep(0.2)


def _none_works(ways: Sequence[Way], begun: float, limit: float) -> None:
    while (last := max(way.last for way in ways)) > time.monotonic() - QUIET:
        if last - begun > limit + 60:
            working = [way.name for way in ways if way.last > time.monotonic() - QUIET]
            raise SystemExit(f"still works after {limit + 60:.0f} s: {', '.join(working)}")
        time.sleep(0.2)


@contextmanager
def cut_off(host: str, leaver: Leaver) -> Iterator[None]:
    """The host hears nothing of the directory's servers; who comes from outside still reaches the host."""
    servers = [f"{leaver.reached[name]['fabric']}/32" for name in directory.hosts(leaver.fleet)]
    try:
        for server in servers:
            hosts.execute_in(host, "ip", "route", "add", "blackhole", server)
        yield
    finally:
        for server in servers:
            hosts.execute_in(host, "ip", "route", "del", "blackhole", server, check=False)


@contextmanager
def joined(rehearsed: Rehearsed, count: int, cache_minutes: int | None = None) -> Iterator[Copy]:
    """So many made-up people are there and have passwords. Afterwards all have left, and the state knew none of them.

    Without the last, the next `up` would refuse to lose people from its data, as it should.
    """
    copy, before = Copy("leavings"), rehearsed.at.run / "operator" / "before-leavings.json"
    stack(rehearsed, "export", before)
    first = claimed(rehearsed.at.run, count)
    cached = ("roster/settings.yaml", "cache_minutes: 15", f"cache_minutes: {cache_minutes}")
    if count > 2:
        # So many leave within a week that the fleet would rightly refuse it, and here it is what is wanted.
        copy.edit("roster/settings.yaml", "removal_percent: 25", "removal_percent: 100")
    only = ["people", *(["ground"] if cache_minutes is not None else [])]
    try:
        join(copy, rehearsed.at.run, first, count)
        if cache_minutes is not None:
            copy.edit(*cached)
        applied(rehearsed, copy, only)
        doors = people.Doors(load(copy.folder), rehearsed.at.run, driver.outputs(rehearsed.at), rehearsed.at.key)
        people.settle(doors, {"FLEET_NETAUTH_TOKEN": rehearsed.env["FLEET_NETAUTH_TOKEN"]})
        yield copy
    finally:
        for file in sorted(copy.folder.glob("roster/people/leaver*.yaml")):
            if "left:" not in file.read_text():
                leave(copy, file.stem)
        if cache_minutes is not None:
            copy.edit(cached[0], cached[2], cached[1])
        applied(rehearsed, copy, only)
        stack(rehearsed, "import", before)
        before.unlink()
        copy.remove()


def applied(rehearsed: Rehearsed, copy: Copy, only: Sequence[str]) -> None:
    outcome = rehearsed.up(copy.config, only=only)
    if outcome.code != 0:
        raise SystemExit(f"up failed: {outcome.failures or outcome.said[-5:]}")


def stack(rehearsed: Rehearsed, what: str, file: Path) -> None:
    """Keep the state, or put the kept one back."""
    words = ("stack", what, "--stack", engine.STACK, "--file", str(file))
    done = engine.pulumi(rehearsed.env, *words, namespace=settings.internet())
    assert done.returncode == 0, done.stderr


def claimed(run: Path, count: int) -> int:
    """Numbers that nobody of this rehearsal ever had: a name or a number of the directory is never handed out again."""
    file = run / "leavings-next"
    first = int(file.read_text()) if file.is_file() else 0
    file.write_text(str(first + count))
    return first


def told(gone: Gone) -> str:
    groups: dict[str, float] = {}
    for way, seconds in gone.ways.items():
        kind = way.partition(" on ")[0]
        groups[kind] = max(groups.get(kind, 0.0), seconds)
    parts = ", ".join(f"{kind} {seconds:.0f}" for kind, seconds in groups.items())
    return f"{gone.name}: up {gone.up:.0f} s, all out after {gone.worst:.0f} s ({parts})"


def main(words: Sequence[str]) -> int:
    """Print each leaving, then the worst; exit code 1 where one is above its limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.leavings", description=__doc__)
    parser.add_argument("--leavings", type=int, default=2)
    parser.add_argument("--partition", metavar="HOST", help="one leaving, seen on a host that hears nothing")
    parser.add_argument("--cache-minutes", type=int, default=2, help="with --partition: how old an answer may be")
    asked = parser.parse_args(words)
    rehearsed = Rehearsed()
    if not processes.recorded() or not driver.outputs(rehearsed.at):
        raise SystemExit("nothing runs here: `make rehearsal` first")
    limit = asked.cache_minutes * 60.0 if asked.partition else LIMIT
    found = []
    if asked.partition:
        with joined(rehearsed, 1, asked.cache_minutes) as copy:
            found.append(one(rehearsed, copy, names(copy)[0], asked.partition, limit))
            print(told(found[-1]), flush=True)
    else:
        with joined(rehearsed, asked.leavings) as copy:
            for name in names(copy):
                found.append(one(rehearsed, copy, name))
                print(told(found[-1]), flush=True)
    worst = sorted(gone.worst for gone in found)
    print(
        f"{len(found)} leavings: median {worst[len(worst) // 2]:.0f} s, worst {worst[-1]:.0f} s (limit {limit:.0f} s)"
    )
    return 0 if worst[-1] <= limit else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

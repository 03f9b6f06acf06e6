"""The devspace matrix, and what it promises of files, on one machine in namespaces of its own. Needs root.

python -m tests.devspace                all of it
python -m tests.devspace matrix         who may do what at a host's sshd and at devspace
python -m tests.devspace swapped        the same with the two groups swapped: the cells that must turn red do
python -m tests.devspace some-swapped   a third of that
python -m tests.devspace promises       quotas, concurrent uploads, cut connections, a full disk, leaving, a swap
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

from tests.devspace.cells import all_cells, entitled, sums, table, tried, wrong
from tests.devspace.machine import PLACE_GROUP, SHELL_GROUP
from tests.devspace.promises import PROMISES
from tests.devspace.rig import DEVSPACE, HOST, Rig, missing, open_doors, rigged
from tests.devspace.swap import a_new_version_beside_the_old_one
from tests.devspace.ways import WAYS
from tests.load.login_rig import inside

# Whose cells differ when devspace's group gives shells and the other way round.
SWAPPED = {"devspace", "shell"}


def matrix(rig: Rig) -> list[str]:
    """All cells; those that must work are tried before and after as well."""
    cells = all_cells((HOST, DEVSPACE), rig.people)
    begun = time.monotonic()
    before = wrong(tried(entitled(cells), first_port=31000))
    found = tried(cells)
    after = wrong(tried(entitled(cells), first_port=32000))
    print(table(found))
    print(f"{sums(found)}; before and after: {len(before)} and {len(after)} fail ({time.monotonic() - begun:.0f} s)")
    return [
        *(f"before: {cell}: {result}" for cell, result in before.items()),
        *(f"{cell}: {result}\n{result.said[-600:]}" for cell, result in wrong(found).items()),
        *(f"after: {cell}: {result}" for cell, result in after.items()),
    ]


def swapped(rig: Rig, every: int = 1) -> list[str]:
    """With the groups swapped every cell of the two personas that differ turns red, and no other.

    `every`: of so many ways in, one.
    """
    open_doors(rig, PLACE_GROUP, SHELL_GROUP)
    chosen = list(WAYS)[::every]
    cells = [cell for cell in all_cells((HOST, DEVSPACE), rig.people) if cell.way in chosen]
    red = set(wrong(tried(cells, first_port=29000)))
    # A key with a command opens nothing either way.
    wanted = {cell for cell in cells if cell.who.persona in SWAPPED and cell.way != "forced command"}
    print(f"groups swapped: {len(red)} of {len(cells)} cells are red, {len(wanted)} must be")
    open_doors(rig, SHELL_GROUP, PLACE_GROUP)
    return [
        *(f"swapped, and still green: {cell}" for cell in wanted - red),
        *(f"swapped, and red without reason: {cell}" for cell in red - wanted),
    ]


def promises(rig: Rig) -> list[str]:
    """Each promise, one after the other."""
    found = []
    for promise in (*PROMISES, a_new_version_beside_the_old_one):
        begun = time.monotonic()
        try:
            said = promise(rig)
        except AssertionError as broken:
            found.append(f"{promise.__name__}: {broken}")
            said = "broken"
        print(f"{promise.__name__.strip('_').replace('_', ' ')}: {said} ({time.monotonic() - begun:.0f} s)", flush=True)
    return found


PARTS: dict[str, Callable[[Rig], list[str]]] = {
    "matrix": matrix,
    "swapped": swapped,
    "some-swapped": partial(swapped, every=3),
    "promises": promises,
}
ALL = ("matrix", "swapped", "promises")


def main(words: list[str]) -> int:
    """Run the parts; the exit code says whether all is as it must be."""
    if unknown := [word for word in words if word not in PARTS]:
        print(f"devspace: no part {unknown[0]}; there are: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    if why := missing():
        print(f"devspace: {why}", file=sys.stderr)
        return 2
    if (code := inside("tests.devspace", words)) is not None:
        return code
    with rigged() as rig:
        found = [line for name in words or ALL for line in PARTS[name](rig)]
        if found:
            print(rig.say("devspace")[-3000:], rig.say("sshd")[-1500:], file=sys.stderr)
    for line in found:
        print(f"wrong: {line}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

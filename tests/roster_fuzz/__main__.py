"""Generated rosters against the real loader and rules: `python -m tests.roster_fuzz --count 100000 --seed 1`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.roster_fuzz.campaign import CHANGES, RULES, Tally, run

CHUNK = 500
LEAST_ACCEPTED = 30
LEAST_FIRED = 100


def main() -> int:
    """Run them, say how far it is, and print what came of it. 1 if something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.roster_fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="how many rosters")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--fired", type=int, default=LEAST_FIRED, help="how often each rule must fire at the least")
    said = parser.parse_args()
    began = time.monotonic()
    whole = Tally()
    chunks = [range(at, min(at + CHUNK, said.count)) for at in range(0, said.count, CHUNK)]
    with ProcessPoolExecutor(said.processes) as pool:
        for done in as_completed([pool.submit(run, said.seed, chunk) for chunk in chunks]):
            whole.add(done.result())
            print(f"{whole.count} of {said.count}, {time.monotonic() - began:.0f} s", end="\r", file=sys.stderr)
    print(file=sys.stderr)
    for rule in sorted((*RULES, *CHANGES), key=lambda one: whole.fired[one]):
        print(f"{whole.fired[rule]:8}  {rule}")
    for failure in whole.failures[:20]:
        print(failure)
    share = 100 * whole.accepted / max(whole.count, 1)
    missing = whole.missing(said.fired)
    print(
        f"{whole.count} rosters of seed {said.seed} in {time.monotonic() - began:.0f} s: {share:.1f} % accepted, "
        f"{whole.changes} changes, {len(whole.failures)} failures, "
        f"{len(missing)} of {len(RULES) + len(CHANGES)} checks fired less than {said.fired} times"
    )
    return 1 if whole.failures or missing or share < LEAST_ACCEPTED else 0


if __name__ == "__main__":
    sys.exit(main())

"""What a pull costs beside plain rsync, on a tree that has not changed: `python -m tests.services.cost_of_pulls`."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.services.origin import RSYNC, XBPS, origin, written
from tests.services.repository import Repository, write

FOLDERS, PACKAGES = 20, 1000
OLD = ("-vurk", "--links", "--delete-after", "--delay-updates")


def seconds(words: list[str]) -> float:
    began = time.monotonic()
    subprocess.run(words, check=True, capture_output=True)
    return time.monotonic() - began


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(FOLDERS):
            repository = Repository(folder / "tree" / f"part{number}", seed=number)
            repository.fill(PACKAGES)
            write(repository.folder / "otime", b"1")
        with origin(folder / "origin", folder / "tree") as source:
            ways: dict[str, list[str]] = {}
            for title, options in (("rsync -a --delete", ("-a", "--delete")), ("as it was before", OLD)):
                target = f"{folder}/{len(ways)}/"
                ways[title] = [RSYNC, *options, f"rsync://127.0.0.1:{source.port}/m/", target]
            plain = {"indexes and times": XBPS, "in one go": {}}
            for title, fields in plain.items():
                place = folder / title.replace(" ", "-")
                (place / "copy").mkdir(parents=True)
                ways[title] = [str(written(place, source.port, place / "copy", **fields))]
            for words in ways.values():
                seconds(words)
            # One after the other in each round, so that whatever else the machine does meets all of them.
            took: dict[str, list[float]] = {title: [] for title in ways}
            for _ in range(rounds):
                for title, words in ways.items():
                    took[title].append(seconds(words))
            changed = _changed(repository, ways, rounds)
    base = statistics.median(took["rsync -a --delete"])
    print(f"{FOLDERS * PACKAGES} files, {rounds} rounds; median, and times rsync -a --delete")
    for title, all_of_it in took.items():
        median, other = statistics.median(all_of_it), changed[title]
        print(f"  {title:20} {median * 1000:6.0f} ms  {median / base:4.2f}   one index changed {other * 1000:6.0f} ms")


def _changed(repository: Repository, ways: dict[str, list[str]], rounds: int) -> dict[str, float]:
    """The same where three packages of one repository have a new version each time."""
    took: dict[str, list[float]] = {title: [] for title in ways}
    for _ in range(rounds):
        repository.change()
        for title, words in ways.items():
            took[title].append(seconds(words))
    return {title: statistics.median(all_of_it) for title, all_of_it in took.items()}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)

"""What a service says: the logs of all its allocations over Nomad's API, merged line by line."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TextIO

from cli.allocations import ENDED, Allocation, allocations, find
from cli.asking import say
from cli.mistake import Mistake
from cli.way_in import WayIn
from servers import Api, ApiError

# Enough for the lines that a person asks for, and little over a telephone's connection.
BYTES_A_LINE = 160
# What is there already comes at once. A pause ends it; a log that never pauses is cut here.
QUIET_SECONDS, EARLY_SECONDS = 0.7, 2.0

Source = tuple[str, str]
"""An allocation's identity and a task."""
Heard = tuple[Source, "bytes | ApiError | None"]


def log(way: WayIn, service: str, lines: int, follow: bool, stderr: bool, out: TextIO | None = None) -> None:
    """Print the last lines of each allocation, then whatever comes, if it is followed."""
    nomad = way.api("nomad")
    chosen = speaking(allocations(nomad, find(nomad, service)))
    if not chosen:
        raise Mistake(
            service, "no allocation started yet", "a task has a log when it has started", "see `fleet status` for why"
        )
    sources = {(one.id, task.name): one for one in chosen for task in one.tasks}
    several = any(len(one.tasks) > 1 for one in chosen)
    prefix = {key: f"{one.short}{f' {key[1]}' if several else ''}: " for key, one in sources.items()}
    heard: queue.Queue[Heard] = queue.Queue()
    for key in sources:
        what = (nomad, key, "stderr" if stderr else "stdout", lines, follow, heard)
        threading.Thread(target=_listen, args=what, daemon=True).start()
    for text in merged(heard, list(sources), prefix, lines, follow):
        print(text, file=out or sys.stdout, flush=True)


def speaking(found: Sequence[Allocation]) -> list[Allocation]:
    """Whose logs are of interest: all that run, else the newest that ended."""
    begun = [one for one in found if one.tasks]
    alive = [one for one in begun if one.status not in ENDED]
    return sorted(alive, key=lambda one: (one.node, one.id)) or begun[:1]


def merged(
    heard: queue.Queue[Heard], sources: Sequence[Source], prefix: dict[Source, str], lines: int, follow: bool
) -> Iterator[str]:
    """Lines with their prefix: first the last of each source, then each as it comes."""
    rest: dict[Source, bytes] = dict.fromkeys(sources, b"")
    early: dict[Source, list[str]] = {key: [] for key in sources}
    open_ = set(sources)
    first = True
    end = time.monotonic() + EARLY_SECONDS
    while open_ or first:
        try:
            if first and follow:
                key, piece = heard.get(timeout=max(0.0, min(QUIET_SECONDS, end - time.monotonic())))
            else:
                key, piece = heard.get()
        except queue.Empty:
            first = False
            yield from _last(early, prefix, lines)
            continue
        if piece is None or isinstance(piece, ApiError):
            open_.discard(key)
            if piece is not None:
                say(f"{prefix[key]}no log ({piece.text})")
            whole, rest[key] = [rest[key]] if rest[key] else [], b""
        else:
            *whole, rest[key] = (rest[key] + piece).split(b"\n")
        texts = [one.decode("utf-8", errors="replace") for one in whole]
        if first:
            early[key] += texts
            if not open_:
                first = False
                yield from _last(early, prefix, lines)
        else:
            yield from (prefix[key] + text for text in texts)


def _last(early: dict[Source, list[str]], prefix: dict[Source, str], lines: int) -> Iterator[str]:
    for key, texts in early.items():
        yield from (prefix[key] + text for text in texts[-lines:] if lines > 0)
        texts.clear()


def _listen(nomad: Api, key: Source, kind: str, lines: int, follow: bool, heard: queue.Queue[Heard]) -> None:
    """One task's log into the queue, from near its end."""
    allocation, task = key
    try:
        pieces = nomad.stream(
            f"/v1/client/fs/logs/{allocation}",
            task=task,
            type=kind,
            plain=True,
            follow=follow,
            origin="end",
            offset=max(lines, 1) * BYTES_A_LINE,
        )
        for piece in pieces:
            heard.put((key, piece))
        heard.put((key, None))
    except ApiError as error:
        heard.put((key, error))

"""In which order the hosts of one batch are worked on. A canary and pairs find their place here.

Hosts go all at once, but for two layers whose hosts stand in for each other. Servers that already form a cluster go one
at a time. Fronts that already serve go one alone, then half of them all, then the rest. A failed one stops those behind
it. Whether they stand is asked of the hosts themselves, for a state may be lost and a cluster stand all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from providers.hosts.runner import Job, Outcome, Progress, Runner, Tell

NEVER = "never applied by this program"


def _one_by_one(jobs: list[Job]) -> list[list[Job]]:
    return [[job] for job in jobs]


def _one_half_rest(jobs: list[Job]) -> list[list[Job]]:
    half = max(1, len(jobs) // 2)
    return [wave for wave in (jobs[:1], jobs[1:half], jobs[half:]) if wave]


@dataclass(frozen=True)
class _Order:
    """How a layer is changed whose hosts stand in for each other."""

    split: Callable[[list[Job]], list[list[Job]]]
    how: str
    silent_stops: bool
    """Whether a host that cannot be reached stops those behind it, as one that failed does."""
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Two batches of the layer may close at the same time; the second waits for the end of the first."""


# A server that is off may cost the quorum; a mirror that is off says nothing about the change.
_ORDERS: Mapping[str, _Order] = {
    "servers": _Order(_one_by_one, "servers are changed one at a time", silent_stops=True),
    "front": _Order(_one_half_rest, "mirrors are changed one, then half, then the rest", silent_stops=False),
}


def waves(jobs: list[Job], standing: set[str]) -> list[list[Job]]:
    """The batch as waves, each begun when the one before it has ended. `standing`: hosts that were there before."""
    order = _ORDERS.get(jobs[0].layer) if jobs else None
    if order is None or not standing:
        return [jobs] if jobs else []
    return order.split(sorted(jobs, key=lambda job: job.host))


def conduct(jobs: list[Job], run: Runner, tell: Tell, progress: Progress) -> None:
    """Apply a batch, wave by wave."""
    order = _ORDERS.get(jobs[0].layer) if jobs else None
    if order is None:
        for wave in waves(jobs, set()):
            run(wave, "apply", tell, progress)
        return
    with order.turn:
        failed: list[str] = []

        def heard(host: str, outcome: Outcome) -> None:
            if outcome.error and (outcome.reachable or order.silent_stops):
                failed.append(host)
            tell(host, outcome)

        for wave in waves(jobs, _standing(jobs, run, progress)):
            if failed:
                why = f"not begun: {failed[0]} failed before it, and {order.how}"
                for job in wave:
                    tell(job.host, Outcome(error=why))
            else:
                run(wave, "apply", heard, progress)


def _standing(jobs: list[Job], run: Runner, progress: Progress) -> set[str]:
    """The hosts that had the layer before: known of the state, or asked of the host."""
    standing = {job.host for job in jobs if not job.first}
    if standing:
        return standing

    def look(host: str, outcome: Outcome) -> None:
        if not outcome.error and NEVER not in outcome.drift.values():
            standing.add(host)

    run(jobs, "read", look, progress)
    return standing

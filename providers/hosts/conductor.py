"""In which order the hosts of one batch are worked on. A canary and pairs find their place here.

Hosts go all at once, but for servers that already form a cluster: those go one at a time, and a failed one stops the
rest. Whether they do is asked of the hosts themselves, for a state may be lost and a cluster stand all the same.
"""

from __future__ import annotations

import threading

from providers.hosts.runner import Job, Outcome, Progress, Runner, Tell

ONE_BY_ONE = "servers"
NEVER = "never applied by this program"
# Two batches of servers may close at the same time; the second waits for the end of the first.
_TURN = threading.Lock()


def waves(jobs: list[Job], standing: set[str]) -> list[list[Job]]:
    """The batch as waves, each begun when the one before it has ended. `standing`: servers that were there before."""
    if not jobs or jobs[0].layer != ONE_BY_ONE or not standing:
        return [jobs] if jobs else []
    return [[job] for job in sorted(jobs, key=lambda job: job.host)]


def conduct(jobs: list[Job], run: Runner, tell: Tell, progress: Progress) -> None:
    """Apply a batch, wave by wave."""
    if not jobs or jobs[0].layer != ONE_BY_ONE:
        for wave in waves(jobs, set()):
            run(wave, "apply", tell, progress)
        return
    with _TURN:
        failed: list[str] = []

        def heard(host: str, outcome: Outcome) -> None:
            if outcome.error:
                failed.append(host)
            tell(host, outcome)

        for wave in waves(jobs, _standing(jobs, run, progress)):
            if failed:
                why = f"not begun: {failed[0]} failed before it, and servers are changed one at a time"
                for job in wave:
                    tell(job.host, Outcome(error=why))
            else:
                run(wave, "apply", heard, progress)


def _standing(jobs: list[Job], run: Runner, progress: Progress) -> set[str]:
    """The hosts whose servers were set up before: known of the state, or asked of the host."""
    standing = {job.host for job in jobs if not job.first}
    if standing:
        return standing

    def look(host: str, outcome: Outcome) -> None:
        if not outcome.error and NEVER not in outcome.drift.values():
            standing.add(host)

    run(jobs, "read", look, progress)
    return standing

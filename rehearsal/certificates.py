"""Has the rehearsal's certificate issued at once: the job's own time comes once a day."""

from __future__ import annotations

import time

from rehearsal import periodic
from rehearsal.testhosts.settings import RehearsalError
from servers import Api

JOB, NAMESPACE = "certificates", "infrastructure"
SERVED, MIRRORS = "nomad/jobs/front-certificate", "mirror"
SECONDS = 240.0


def obtain(nomad: Api, seconds: float = SECONDS) -> bool:
    """Run the job unless what it is for is there; True if it ran. Raises with the job's own reason."""
    if there(nomad):
        return False
    before = runs(nomad)
    periodic.force(nomad, JOB, NAMESPACE)
    end = time.monotonic() + seconds
    while not there(nomad):
        failed = [one for name, one in runs(nomad).items() if name not in before and one == "failed"]
        # Nomad tries a run that failed once more by itself.
        if len(failed) > 1 or time.monotonic() > end:
            what = "failed twice" if len(failed) > 1 else f"did not end well within {seconds:g} s"
            raise RehearsalError(f"the job {JOB} {what}; `fleet log {JOB}` says why")
        time.sleep(0.5)
    return True


def there(nomad: Api) -> bool:
    """Whether the mirrors have been handed a certificate."""
    found = nomad.get(f"/v1/var/{SERVED}", namespace=MIRRORS, missing_ok=True) or {}
    return bool((found.get("Items") or {}).get("certificate"))


def runs(nomad: Api) -> dict[str, str]:
    """The job's allocations, and how each is."""
    return periodic.runs(nomad, JOB, NAMESPACE)

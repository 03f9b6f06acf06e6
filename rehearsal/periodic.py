"""Jobs of the rehearsal that have a time of their own, run at once."""

from __future__ import annotations

from servers import Api


def force(nomad: Api, job: str, namespace: str) -> None:
    """Have a periodic job run now."""
    nomad.put(f"/v1/job/{job}/periodic/force", namespace=namespace)


def runs(nomad: Api, job: str, namespace: str) -> dict[str, str]:
    """A periodic job's allocations, and how each is."""
    found = nomad.get("/v1/allocations", namespace=namespace)
    return {str(one["ID"]): str(one["ClientStatus"]) for one in found if str(one["JobID"]).startswith(f"{job}/")}

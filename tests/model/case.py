"""What a case of a rule is, and what the cases share."""

from __future__ import annotations

from dataclasses import dataclass, field

from model.checks.rule import Rule
from tests.model.change import Changes

ZONE = "zones/fleet.example"
DROPLET = "machines/a-ams-nl/source"
EC2 = "machines/a-fra-de/source"
GCE = "machines/a-grq-nl/source"
SCOPE = "fabric/scopes/sync"
KEY = "A" * 42 + "A="
OTHER_KEY = "B" * 42 + "A="
ODD = {"proto": "tcp", "ports": "9999", "why": "a test"}
# A front with one tree, under all the names of local's zone that lead to the mirrors.
FRONT = {
    "role": "mirror",
    "duty": "front",
    "certificate": {"names": ["*.fleet.example", "*.s.fleet.example"]},
    "trees": {
        "packages": {
            "names": ["repo.fleet.example", "repo-us.fleet.example", "mirrors.fleet.example"],
            "volume": "dist_mirror",
        }
    },
    "unanswered": {"metrics.fleet.example": "a test"},
}
UNMANAGED = {
    "purpose": "not ours",
    "region": "bru",
    "source": {"kind": "metal", "provider": "a donor", "hardware": "unknown"},
    "os": "debian",
    "managed": False,
    "public": {"ipv4": "10.77.9.9"},
}


@dataclass(frozen=True)
class Case:
    """One changed fact that the rule refuses (of local's data), and one that it lets pass."""

    rule: Rule
    broken: Changes
    twin: Changes
    also: tuple[Rule, ...] = field(default=())


def unmanaged(**changes: object) -> Changes:
    """A machine more, which is not managed."""
    return {"machines/b-bru-be": UNMANAGED | changes}

"""What the directory's server is told, and how it is reached from outside. Pure."""

from __future__ import annotations

from typing import Any

from model import Fleet
from model.directory import authorities, hosts, settings

__all__ = ["SERVICE", "address", "authorities", "desired", "hosts", "names", "serves", "settings"]

# hostconfig's name of the server's service, which must hear of a new certificate.
SERVICE = "fleet-netauth"


def serves(fleet: Fleet, host: str) -> bool:
    """Whether a server of the directory runs on a host."""
    return host in hosts(fleet)


def desired(fleet: Fleet, host: str) -> dict[str, Any]:
    """What hostconfig makes of it. Said only where there is one: other hosts show no difference."""
    wish = settings(fleet)
    if wish is None or not serves(fleet, host):
        return {}
    return {"netauth": {"server": wish.server, "port": wish.port}}


def names(fleet: Fleet, host: str) -> list[str]:
    """The names beyond its own that a host's certificate holds for the directory's sake."""
    wish = settings(fleet)
    return [wish.server] if wish is not None and serves(fleet, host) and wish.server != fleet.fqdn(host) else []


def address(fleet: Fleet) -> str | None:
    """The public address of the server, where the data knows it: then no name server stands before the directory."""
    wish = settings(fleet)
    found = hosts(fleet)
    named = [name for name in found if wish is not None and fleet.fqdn(name) == wish.server]
    one = named or (list(found) if len(found) == 1 else [])
    return fleet.machines[one[0]].public.ipv4 if one else None

"""Where the directory of people stands and what its server is told. Pure."""

from __future__ import annotations

from typing import Any

from model import Fleet
from model.roster import Netauth

# hostconfig's name of the server's service, which must hear of a new certificate.
SERVICE = "fleet-netauth"


def settings(fleet: Fleet) -> Netauth | None:
    """What the data says of the directory; None where the fleet has none."""
    return fleet.roster.settings.netauth if fleet.roster is not None else None


def hosts(fleet: Fleet) -> tuple[str, ...]:
    """The machines where a server of the directory runs. It needs a certificate, so it needs the fabric."""
    wish = settings(fleet)
    if wish is None or fleet.control is None:
        return ()
    return tuple(name for name, machine in fleet.managed.items() if wish.role in machine.roles and machine.fabric)


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


def authorities(fleet: Fleet) -> str:
    """Whose word counts for the server's certificate, as far as it is recorded: PEM."""
    known = [fleet.recorded[name].authority for name in sorted(fleet.voters) if name in fleet.recorded]
    return "".join(pem if pem.endswith("\n") else f"{pem}\n" for pem in known if pem)

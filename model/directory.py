"""Where the directory of people stands, as far as the data say. Pure."""

from __future__ import annotations

from model.fleet import Fleet
from model.roster import Netauth


def settings(fleet: Fleet) -> Netauth | None:
    """What the data say of the directory; None where the fleet has none."""
    return fleet.roster.settings.netauth if fleet.roster is not None else None


def hosts(fleet: Fleet) -> tuple[str, ...]:
    """The machines where a server of the directory runs. It needs a certificate, so it needs the fabric."""
    wish = settings(fleet)
    if wish is None or fleet.control is None:
        return ()
    return tuple(name for name, machine in fleet.managed.items() if wish.role in machine.roles and machine.fabric)


def authorities(fleet: Fleet) -> str:
    """Whose word counts for the server's certificate, as far as it is recorded: PEM."""
    known = [fleet.recorded[name].authority for name in sorted(fleet.voters) if name in fleet.recorded]
    return "".join(pem if pem.endswith("\n") else f"{pem}\n" for pem in known if pem)

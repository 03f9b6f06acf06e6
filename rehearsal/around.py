"""What a fleet uses and does not run: the authority of its public certificates, and the directory of its people."""

from __future__ import annotations

from urllib.parse import urlsplit

from model import Fleet
from rehearsal.testhosts import acme, directory
from rehearsal.testhosts.settings import RehearsalError


def serve(fleet: Fleet) -> dict[str, list[str]]:
    """Start both as the data name them, or leave them running; returns the made-up people and their groups."""
    if fleet.control is not None:
        acme.serve([str(urlsplit(fleet.control.acme.directory).hostname)])
    people = directory.people(fleet)
    if fleet.access is not None:
        ldap = fleet.access.vault.ldap
        within = f"{directory.ENTITIES},"
        if not ldap.user_dn.startswith(within):
            raise RehearsalError(f"access.vault.ldap.user_dn {ldap.user_dn!r}: the rehearsal only has {within}<base>")
        base = ldap.user_dn.removeprefix(within)
        directory.serve(people, base=base, names=[str(urlsplit(ldap.url).hostname)])
    return people

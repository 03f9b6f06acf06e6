"""What a fleet uses and does not run: the authority of its public certificates, the directory of its people, and the
DNS provider's own interface to records, which the embedded cloud answers."""

from __future__ import annotations

import secrets
from pathlib import Path
from urllib.parse import urlsplit

from model import Fleet
from rehearsal import logins
from rehearsal.cloud.records_api import PART as RECORDS
from rehearsal.testhosts import acme, authority, directory, settings
from rehearsal.testhosts.settings import RehearsalError


def serve(fleet: Fleet) -> None:
    """Start them as the data name them, or leave them running."""
    interface()
    if fleet.control is not None:
        acme.serve([str(urlsplit(fleet.control.acme.directory).hostname)])
    if fleet.access is not None and not logins.bridged(fleet):
        ldap = fleet.access.vault.ldap
        within = f"{directory.ENTITIES},"
        if not ldap.user_dn.startswith(within):
            raise RehearsalError(f"access.vault.ldap.user_dn {ldap.user_dn!r}: the rehearsal only has {within}<base>")
        base = ldap.user_dn.removeprefix(within)
        directory.serve(directory.people(fleet), base=base, names=[ldap.host])


def interface() -> Path:
    """What the embedded cloud needs to answer the DNS provider's interface: certificate and token, in one folder."""
    authority.ensure(RECORDS, (), settings.cloud4())
    folder = settings.folder(RECORDS)
    token = folder / "token"
    if not token.is_file():
        draft = token.with_suffix(".new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32) + "\n")
        draft.replace(token)
    return folder


def known() -> dict[str, str]:
    """Values that jobs read and that are known here: the DNS provider's token, and whom to trust around a fleet."""
    folder = interface()
    trusted = [folder / "ca.pem", acme.folder() / "ca.pem"]
    return {
        "digitalocean_token": (folder / "token").read_text().strip(),
        "trust": "".join(one.read_text().strip() + "\n" for one in trusted if one.is_file()),
    }

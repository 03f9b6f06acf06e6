"""A person's login: their password opens Vault, and Vault hands out tokens of Nomad and Consul for an hour."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from cli.mistake import Mistake
from cli.way_in import TOKEN, WayIn
from model import Fleet
from servers import Api, ApiError

Wanted = Mapping[str, Sequence[str]]
"""A system to the names of its roles in Vault, the one to prefer first."""
KNOWN_SECONDS = 5.0
NO_ROLE = "no role of it is granted to this person's groups"
# Where a person's word for "wrong password" and the directory's own differ too much to show only the latter.
_REFUSED = ("ldap operation failed", "invalid username or password", "invalid credentials", "failed to bind")


@dataclass(frozen=True)
class Session:
    """What a login gave. Tokens are shown nowhere."""

    person: str
    tokens: Mapping[str, str] = field(repr=False)
    """The environment's name of a token to the token."""
    seconds: Mapping[str, int]
    """A system to how long its token lives."""
    roles: Mapping[str, str]
    """A system to the role that its token has."""
    policies: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    """Roles that could be had as well, as `nomad/observer`."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """A system to why there is no token of it."""

    @property
    def ends(self) -> float:
        """When the first of the tokens ends, as seconds of the clock."""
        return time.time() + min(self.seconds.values())


def wanted(fleet: Fleet, nomad: str | None = None, consul: str | None = None) -> dict[str, tuple[str, ...]]:
    """The roles that the data knows, in its order; or the one that a person asks for."""
    if fleet.access is None:
        return {"nomad": (nomad,) if nomad else (), "consul": (consul,) if consul else ()}
    vault = fleet.access.vault
    known = {"nomad": tuple(vault.nomad.roles), "consul": tuple(vault.consul.roles)}
    for system, asked in (("nomad", nomad), ("consul", consul)):
        if asked and asked not in known[system]:
            raise Mistake(
                f"--{system} {asked}",
                "no such role",
                f"roles stand under access.vault.{system}.roles in the data",
                f"name one of: {', '.join(known[system])}",
            )
        if asked:
            known[system] = (asked,)
    return known


def tokens(vault_api: Api, user: str, password: str, wanted: Wanted) -> dict[str, str]:
    """Log in and return the tokens by the names that the environment gives them: what `login` does, for programs."""
    return dict(login(vault_api, user, password, wanted).tokens)


def login(vault: Api, user: str, password: str, wanted: Wanted) -> Session:
    """Log in to Vault with a password of the directory, then take the first role of each system that may be read."""
    entered = _entered(vault, user, password)
    token = str(entered["client_token"])
    mine = _with(vault, token)
    found = {TOKEN["vault"]: token}
    seconds = {"vault": int(entered["lease_duration"])}
    roles: dict[str, str] = {}
    refused: dict[str, str] = {}
    more: list[str] = []
    allowed = _readable(mine, wanted)
    for system in wanted:
        for role in wanted[system]:
            if role not in allowed[system]:
                continue
            if system in roles:
                more.append(f"{system}/{role}")
                continue
            try:
                lease = mine.get(f"/v1/{system}/creds/{quote(role, safe='')}")
            except ApiError as error:
                refused[system] = str(error)
                continue
            data = lease["data"]
            found[TOKEN[system]] = str(data["secret_id"] if system == "nomad" else data["token"])
            seconds[system] = int(lease["lease_duration"])
            roles[system] = role
            refused.pop(system, None)
        if system not in roles and system not in refused:
            refused[system] = NO_ROLE
    policies = tuple(p for p in entered.get("policies") or () if p != "default")
    return Session(user, found, seconds, roles, policies, tuple(more), refused)


def await_known(way: WayIn, tokens: Mapping[str, str], seconds: float = KNOWN_SECONDS) -> None:
    """Wait until each server knows the new tokens: a follower hears of one a moment after its leader made it.

    Each is asked for what it knows itself (`stale`), else it would ask its leader. Who does not answer is not waited
    for, and nothing is raised: it is a courtesy to whoever asks next.
    """
    end = time.monotonic() + seconds
    for system in ("nomad", "consul"):
        token = tokens.get(TOKEN[system])
        for api in way.servers(system, token) if token else ():
            while _unknown(api) and time.monotonic() < end:
                time.sleep(0.1)


def _unknown(api: Api) -> bool:
    try:
        api.get("/v1/acl/token/self", stale=True)
    except ApiError as error:
        return error.status in (401, 403, 404)
    return False


def logout(vault: Api) -> None:
    """End a login: its Vault token, and with it every token that Vault handed out to it."""
    vault.put("/v1/auth/token/revoke-self")


def _entered(vault: Api, user: str, password: str) -> dict[str, Any]:
    try:
        said = vault.put(f"/v1/auth/ldap/login/{quote(user, safe='')}", {"password": password})
    except ApiError as error:
        if error.status in (400, 401, 403) and any(word in error.text.lower() for word in _REFUSED):
            raise Mistake(
                f"login of {user}",
                f"refused: {error.text}",
                "name and password are those of the fleet's directory",
                "try again, or name yourself with --as NAME; a forgotten password is set anew by an operator",
            ) from None
        raise
    entered: dict[str, Any] = said["auth"]
    return entered


def _readable(mine: Api, wanted: Wanted) -> dict[str, set[str]]:
    """Which roles this token may read: asked first, so that no token is made only to be left lying."""
    paths = {f"{system}/creds/{role}": (system, role) for system in wanted for role in wanted[system]}
    found: dict[str, set[str]] = {system: set() for system in wanted}
    if paths:
        may = mine.put("/v1/sys/capabilities-self", {"paths": sorted(paths)})
        for path, (system, role) in paths.items():
            if {"read", "root"} & set(may.get(path) or ()):
                found[system].add(role)
    return found


def _with(api: Api, token: str) -> Api:
    """The same server with another token."""
    return Api(api.system, api.address, token, ca_file=api.ca_file, connect_to=api.connect_to, timeout=api.timeout)

"""Tokens of people who may not have them any more: found by who made them, and revoked.

Vault takes a login's Nomad and Consul tokens away with the login itself. They are looked for at Nomad and Consul too,
since Vault may be closed, or slow, at the very moment when somebody has to go.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from servers.api import Api
from servers.errors import ApiError

# Vault's own names of what stands beside every policy.
_OF_EVERYBODY = frozenset({"default"})
MOUNT = "ldap"


@dataclass(frozen=True)
class Token:
    """A token of Vault, by what may be said of it. Its accessor opens nothing."""

    accessor: str
    person: str
    entity: str
    policies: frozenset[str]
    adrift: bool = False
    """Made by somebody's token without hanging on it: Vault keeps no word of whose."""


def vault_tokens(vault: Api) -> Iterator[Token]:
    """Every token of Vault, with the person whose login made it, or who made it by one; nobody where that is open."""
    found = []
    for accessor in (vault.get("/v1/auth/token/accessors", list=True, missing_ok=True) or {"data": {}})["data"].get(
        "keys", ()
    ):
        try:
            said = vault.put("/v1/auth/token/lookup-accessor", {"accessor": accessor})["data"]
        except ApiError as error:
            if error.status == 404 or any(text in error.text for text in ("invalid accessor", "bad token")):
                continue  # it ended meanwhile
            raise
        found.append(_token(accessor, said))
    # A token without a parent has lost the name of who made it, but not the entity.
    persons = {one.entity: one.person for one in found if one.entity and one.person}
    for one in found:
        yield replace(one, person=one.person or persons.get(one.entity, ""))


def _token(accessor: str, said: Mapping[str, Any]) -> Token:
    of_login = str(said.get("path", "")).startswith(f"auth/{MOUNT}/login/")
    person = str((said.get("meta") or {}).get("username", "")) if of_login else ""
    policies = {*(said.get("policies") or ()), *(said.get("identity_policies") or ())}
    entity = str(said.get("entity_id") or "")
    adrift = bool(said.get("orphan")) and not entity and str(said.get("path", "")).startswith("auth/token/create")
    return Token(accessor, person.lower(), entity, frozenset(policies) - _OF_EVERYBODY, adrift)


def revoke_of(vault: Api, people: Collection[str], known: Iterable[Token] | None = None) -> list[str]:
    """Revoke every token of some people; what hangs on one goes with it. Returns what was done, in words.

    `known`: the tokens, where they were listed just before.
    """
    found = tuple(vault_tokens(vault) if known is None else known)
    done = _revoke(vault, (one for one in found if one.person in people))
    adrift = [one.accessor for one in found if one.adrift]
    if adrift:
        done.append(
            f"LOOK AT {len(adrift)} that may be anybody's, with `vault token lookup -accessor`, and revoke what nobody "
            f"claims: {', '.join(adrift)}"
        )
    return done


def revoke_beyond(
    vault: Api, allowed: Mapping[str, Collection[str]], known: Iterable[Token] | None = None
) -> list[str]:
    """Revoke the tokens that may more than their person may by now. Who is not among `allowed` is left alone."""
    theirs = (one for one in (vault_tokens(vault) if known is None else known) if one.person in allowed)
    return _revoke(vault, (one for one in theirs if not one.policies <= set(allowed[one.person])))


def _revoke(vault: Api, doomed: Iterable[Token]) -> list[str]:
    ended: dict[str, int] = {}
    for one in doomed:
        try:
            vault.put("/v1/auth/token/revoke-accessor", {"accessor": one.accessor})
        except ApiError as error:
            # Its parent was revoked a moment ago, and it with that one.
            if error.status not in (400, 403, 404) or _there(vault, one.accessor):
                raise
        ended[one.person] = ended.get(one.person, 0) + 1
    return [f"revoked {count} Vault token{'s' if count > 1 else ''} of {who}" for who, count in sorted(ended.items())]


def _there(vault: Api, accessor: str) -> bool:
    try:
        vault.put("/v1/auth/token/lookup-accessor", {"accessor": accessor})
    except ApiError as error:
        if error.unavailable:
            raise
        return False
    return True


def nomad_tokens(nomad: Api, roles: Collection[str], people: Collection[str]) -> list[str]:
    """Delete the tokens of Nomad that Vault made for some people, by its roles. They carry the person's name."""
    ended: dict[str, int] = {}
    for one in nomad.get("/v1/acl/tokens"):
        who = _named(str(one.get("Name", "")), "vault-{role}-" + MOUNT + "-{who}-[0-9]+", roles, people)
        if who is not None:
            _delete(nomad, one["AccessorID"])
            ended[who] = ended.get(who, 0) + 1
    return [f"deleted {count} Nomad token{'s' if count > 1 else ''} of {who}" for who, count in sorted(ended.items())]


def consul_tokens(consul: Api, roles: Collection[str], people: Collection[str]) -> list[str]:
    """Delete the tokens of Consul that Vault made for some people, by its roles."""
    ended: dict[str, int] = {}
    for one in consul.get("/v1/acl/tokens"):
        form = "Vault {role} " + MOUNT + "-{who} [0-9]+"
        who = _named(str(one.get("Description", "")), form, roles, people)
        if who is not None:
            _delete(consul, one["AccessorID"])
            ended[who] = ended.get(who, 0) + 1
    return [f"deleted {count} Consul token{'s' if count > 1 else ''} of {who}" for who, count in sorted(ended.items())]


def _delete(api: Api, accessor: str) -> None:
    """Delete a token of Nomad or Consul, unless Vault is quicker: it ends what it made a moment after the login."""
    try:
        api.delete(f"/v1/acl/token/{accessor}")
    except ApiError as error:
        # The refusals of a token that is not there look like others; the list does not.
        if error.unavailable or any(one["AccessorID"] == accessor for one in api.get("/v1/acl/tokens")):
            raise


def _named(text: str, form: str, roles: Collection[str], people: Collection[str]) -> str | None:
    """Whose token it is by the name that Vault gave it: by role and person of the data, for both may hold dashes."""
    for role in roles:
        for who in people:
            if re.fullmatch(form.replace("{role}", re.escape(role)).replace("{who}", re.escape(who)), text):
                return who
    return None

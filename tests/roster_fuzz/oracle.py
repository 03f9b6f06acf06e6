"""What must hold of every roster that is accepted, said a second time over the plain data.

It imports neither the model nor its rules: days are compared as text, keys are judged by another library.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

Data = dict[str, Any]
_TORSION = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
}


def broken(roster: Data, base: Data, as_of: date) -> Iterator[str]:
    """What does not hold; nothing if all does. `base` is the rest of the fleet."""
    people, teams, settings = roster.get("people", {}), roster.get("teams", {}), roster["settings"]
    here = {name: it for name, it in people.items() if it.get("left") is None}
    yield from _owners(here, settings)
    yield from _identity(people, teams, settings)
    for name, it in people.items():
        if name not in here and (it.get("teams") or it.get("owner") or it.get("secrets")):
            yield f"{name} left and holds something"
        if name not in here and str(it["left"]["on"]) > as_of.isoformat():
            yield f"{name} leaves in the future"
        yield from _join(name, it, people, settings, as_of)
    yield from _share(people, settings, as_of)
    yield from _teams(here, teams, settings, base)


def _owners(here: Data, settings: Data) -> Iterator[str]:
    owners = {name for name, it in here.items() if it.get("owner")}
    if len(owners) < settings["owners_at_least"]:
        yield "too few owners"
    if not {settings["token_user"], *settings.get("required_owners", ())} <= owners:
        yield "a required owner, or the one with the token, is none"


def _identity(people: Data, teams: Data, settings: Data) -> Iterator[str]:
    for said in (
        [it["github"] for it in people.values()],
        [it["netauth"]["number"] for it in people.values() if it.get("netauth")],
        [" ".join(key.split(" ")[:2]) for it in people.values() for key in it.get("keys", {}).values()],
        [g["netauth"]["group"] for g in _grants(teams, "netauth")]
        + ([settings["netauth"]["primary"].get("group", "people")] if settings.get("netauth") else []),
        [g["netauth"]["number"] for g in _grants(teams, "netauth")],
        [g["github"]["team"] for g in _grants(teams, "github")],
        [g["mail"] for g in _grants(teams, "mail")],
    ):
        if any(one == other for one, other in pairwise(sorted(said))):
            yield "something is of two"
    for it in people.values():
        if any(not strong(key) for key in it.get("keys", {}).values()):
            yield "a key is weak"


def _grants(teams: Data, kind: str) -> list[Data]:
    return [t["grants"] for t in teams.values() if (t.get("grants") or {}).get(kind)]


@lru_cache(maxsize=4096)
def strong(key: str) -> bool:
    """Whether a key is good enough, by another library's reading of it."""
    kind = key.split(" ")[0]
    if kind == "sk-ssh-ed25519@openssh.com":
        return True
    try:
        read = load_ssh_public_key(key.encode())
    except (ValueError, UnsupportedAlgorithm):
        return False
    if isinstance(read, RSAPublicKey):
        return read.key_size >= 3072
    return isinstance(read, Ed25519PublicKey) and read.public_bytes_raw().hex() not in _TORSION


def complete(it: Data, settings: Data, as_of: date) -> bool:
    """Whether a join has begun by a day and was decided."""
    said = it.get("decision")
    if str(it["since"]) > as_of.isoformat():
        return False
    if said is None:
        return str(it["since"]) <= str(settings["founded"])
    days = date.fromisoformat(said["deadline"]) - date.fromisoformat(said["proposed"])
    return (
        days.days >= settings.get("comment_days", 7)
        and said["deadline"] <= as_of.isoformat()
        and len(set(said.get("approvals", ()))) >= settings.get("approvals_at_least", 2)
        and said.get("consent") is not None
        and said["consent"] <= as_of.isoformat()
    )


def _join(name: str, it: Data, people: Data, settings: Data, as_of: date) -> Iterator[str]:
    said = it.get("decision")
    if it["since"] > settings["founded"] and (said is None or it.get("sponsor") is None):
        yield f"{name} came later and nobody decided"
    if it.get("sponsor") is not None and (it["sponsor"] == name or it["sponsor"] not in people):
        yield f"{name} has no sponsor"
    if it["since"] <= as_of.isoformat() and not complete(it, settings, as_of):
        yield f"{name} is in without a complete decision"
    if said is not None:
        if it["since"] < said["deadline"] or it["since"] < (said.get("consent") or ""):
            yield f"{name} joined before the end of the comments or the consent"
        for who in said.get("approvals", ()):
            speaker = people.get(who)
            if who == name or speaker is None or speaker["since"] > said["deadline"]:
                yield f"{name} was approved by {who}"
    left = it.get("left")
    if left is not None and left["why"] == "removal":
        told = left.get("told")
        if told is None or (date.fromisoformat(left["on"]) - date.fromisoformat(told)).days < settings.get(
            "comment_days", 7
        ):
            yield f"{name} was removed in a hurry"


def _share(people: Data, settings: Data, as_of: date) -> Iterator[str]:
    then = as_of - timedelta(days=settings.get("comment_days", 7))
    there = [
        it
        for it in people.values()
        if complete(it, settings, then) and (it.get("left") is None or it["left"]["on"] > then.isoformat())
    ]
    gone = sum(it.get("left") is not None for it in there)
    allowed = settings.get("removal_percent", 25)
    for waiver in settings.get("waivers", ()):
        if waiver["until"] >= as_of.isoformat():
            allowed = max(allowed, waiver["percent"])
    if gone * 100 > allowed * len(there):
        yield "too many left at once"


def _teams(here: Data, teams: Data, settings: Data, base: Data) -> Iterator[str]:
    groups = {g["netauth"]["group"] for g in _grants(teams, "netauth")}
    if not set(base["access"]["vault"]["groups"]) <= groups:
        yield "Vault gives rights to a group of nobody"
    for name, team in teams.items():
        grants = team.get("grants") or {}
        if any(name not in (here.get(owner) or {}).get("teams", {}) for owner in team["owners"]):
            yield f"an owner of {name} is not in it"
        if grants.get("devspace"):
            inside = {name, *_above(teams, name)}
            shells = {n for n, t in teams.items() if (t.get("grants") or {}).get("hosts")}
            if inside & shells or any(name in _above(teams, shell) for shell in shells):
                yield f"{name} is devspace and shell"
            if (grants.get("netauth") or {}).get("group") in base["ssh"]["allow_groups"]:
                yield f"every sshd lets {name} in"
        for secret in grants.get("secrets", ()):
            if secret not in settings.get("secrets", {}):
                yield f"{secret} is nothing"
    for name, it in here.items():
        for team in it.get("teams", {}):
            if team not in teams:
                yield f"{name} is in a team that is none"
            grants = (teams.get(team) or {}).get("grants") or {}
            if (grants.get("hosts") or grants.get("devspace")) and not it.get("netauth"):
                yield f"{name} gets an account without a number"


def _above(teams: Data, name: str) -> set[str]:
    found: set[str] = set()
    while name in teams:
        parent = ((teams[name].get("grants") or {}).get("github") or {}).get("parent")
        if parent is None or parent in found:
            break
        found.add(parent)
        name = parent
    return found


def logins(roster: Data, base: Data, as_of: date) -> dict[str, set[str]]:
    """Who can log in where on a day, worked out from the plain data."""
    found: dict[str, set[str]] = {}
    for name, it in roster["people"].items():
        found[name] = set()
        if it.get("left") is not None or not complete(it, roster["settings"], as_of):
            continue
        for team in it.get("teams", {}):
            hosts = (roster["teams"].get(team, {}).get("grants") or {}).get("hosts")
            for word in hosts["on"] if hosts and hosts.get("login", True) else ():
                found[name] |= {m for m, its in base["machines"].items() if word in ("all", m, *its.get("roles", ()))}
    return found


def change_broken(before: Data, after: Data) -> Iterator[str]:
    """What may not happen from one accepted roster to the next."""
    was, now = before["people"], after["people"]
    if not set(was) <= set(now):
        yield "somebody vanished"
    for name in set(was) & set(now):
        if was[name]["github"] != now[name]["github"]:
            yield "an id changed"
        if was[name].get("netauth") and was[name].get("netauth") != now[name].get("netauth"):
            yield "a number changed"
    ids = {it["github"]: name for name, it in was.items()}
    if any(ids.get(it["github"], name) != name for name, it in now.items()):
        yield "an id is somebody else's"
    if any(now[name].get("decision") is None for name in set(now) - set(was)):
        yield "a founder more"

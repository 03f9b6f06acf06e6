"""Rosters that are right, made from a seed: the grammar of what people may write. Plain data, days as text."""

from __future__ import annotations

import base64
from datetime import date, timedelta
from random import Random
from typing import Any

Data = dict[str, Any]

FOUNDED = date(2024, 2, 1)
AS_OF = date(2026, 6, 1)
PEOPLE, GROUPS = 2001, 3001
SECRETS = ("unseal-share", "state-passphrase", "folder")
BOTS = ("herald", "builder")
# Of the base fleet: the groups that Vault gives rights to, and words that choose machines.
VAULT_GROUPS = ("operators", "app-admins", "observers")
HOSTS = ("all", "mirror", "worker", "control", "a-bru-be", "a-nyc-us")
REPOSITORIES = ("infrastructure", "sites", "void-packages", "docs", ".github", "mirrors")
PERMISSIONS = ("pull", "triage", "push", "maintain", "admin")
CAPABILITIES = ("CREATE_ENTITY", "LOCK_ENTITY", "UNLOCK_ENTITY", "MODIFY_GROUP_MEMBERS")
_SYLLABLES = (
    "an",
    "bo",
    "ce",
    "da",
    "el",
    "fi",
    "gu",
    "ho",
    "ir",
    "ju",
    "ka",
    "li",
    "mo",
    "ne",
    "os",
    "pa",
    "ru",
    "ti",
)


def day(moment: date) -> str:
    """A day as people write it."""
    return moment.isoformat()


def handle(rng: Random) -> str:
    """A made-up name."""
    name = "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4)))
    return f"{name}-{rng.randint(1, 99)}" if rng.random() < 0.15 else name


def ed25519(rng: Random) -> str:
    """A key of the usual type."""
    return f"ssh-ed25519 {wire(b'ssh-ed25519', rng.randbytes(31) + bytes([rng.randrange(1, 127)]))}"


def rsa(rng: Random, bits: int) -> str:
    """A key of RSA, of so many bits."""
    modulus = rng.getrandbits(bits) | 1 | 1 << (bits - 1)
    exponent = (65537).to_bytes(3, "big")
    return f"ssh-rsa {wire(b'ssh-rsa', exponent, modulus.to_bytes(bits // 8 + 1, 'big'))}"


def wire(*parts: bytes) -> str:
    """The parts of a key in OpenSSH's form."""
    return base64.b64encode(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).decode()


def key(rng: Random) -> str:
    """A key that is good enough, with a comment or not."""
    made = rsa(rng, 3072) if rng.random() < 0.03 else ed25519(rng)
    return f"{made} somebody@somewhere" if rng.random() < 0.2 else made


def roster(rng: Random) -> Data:
    """A roster that every rule lets pass on the day AS_OF."""
    people: Data = {}
    numbers = iter(range(PEOPLE, PEOPLE + 500))
    founders = [_person(people, rng, numbers) for _ in range(rng.randint(4, 9))]
    for name in founders:
        people[name]["since"] = day(FOUNDED - timedelta(days=rng.randint(0, 900)))
    owners = rng.sample(founders, rng.randint(2, 4))
    for name in owners:
        people[name]["owner"] = True
    speakers = list(founders)
    for _ in range(rng.randint(0, 6)):
        speakers.append(_joined(people, rng, numbers, speakers))
    members = list(speakers)
    if rng.random() < 0.3:
        _pending(people, rng, numbers, speakers)
    teams = _teams(rng, people, members)
    _leavers(people, rng, numbers)
    if rng.random() < 0.25:
        _recent_leaver(people, rng, numbers)
    return {"settings": _settings(rng, owners, members), "teams": teams, "people": people}


def _settings(rng: Random, owners: list[str], members: list[str]) -> Data:
    settings: Data = {
        "founded": day(FOUNDED),
        "owners_at_least": rng.randint(1, len(owners)),
        "required_owners": rng.sample(owners, rng.randint(0, len(owners))),
        "token_user": rng.choice(owners),
        "comment_days": 7,
        "approvals_at_least": 2,
        "numbers": {"people": "2001-2999", "groups": "3001-3999"},
        "welcome": {"repository": "infrastructure", "channel": "#fleet"},
        "netauth": {
            "server": "netauth.fleet.example",
            "primary": {"group": "people", "number": GROUPS},
        },
        "break_glass": {"operators": ["deploy"]},
        "secrets": {name: {"purpose": "a test", "rotate": "by hand"} for name in SECRETS},
        "bots": dict.fromkeys(BOTS, "a test"),
    }
    if rng.random() < 0.2:
        settings["waivers"] = [
            {
                "allows": "removal_percent",
                "percent": rng.randint(30, 100),
                "reason": "a test",
                "reviewed_by": rng.sample(members, rng.randint(2, 3)),
                "until": day(AS_OF + timedelta(days=rng.randint(-20, 30))),
            }
        ]
    return settings


def _person(people: Data, rng: Random, numbers: Any) -> str:
    """Somebody with nothing but an identity and keys. The handle."""
    name = handle(rng)
    while name in people:
        name = handle(rng)
    people[name] = {
        "github": 900_000_000 + len(people) * 7 + rng.randint(0, 6),
        "netauth": {"number": next(numbers)},
        "keys": {label: key(rng) for label in rng.sample(("laptop", "token", "home"), rng.randint(1, 2))},
        "teams": {},
        "since": day(FOUNDED),
    }
    if rng.random() < 0.1:
        people[name]["welcome"] = False
    return name


def _decided(person: Data, rng: Random, proposed: date, speakers: list[str]) -> None:
    deadline = proposed + timedelta(days=rng.randint(7, 20))
    consent = deadline + timedelta(days=rng.randint(0, 9))
    person["sponsor"] = rng.choice(speakers)
    person["decision"] = {
        "proposal": f"https://git.fleet.example/members/issues/{rng.randint(1, 999)}",
        "proposed": day(proposed),
        "deadline": day(deadline),
        "approvals": rng.sample(speakers, rng.randint(2, min(4, len(speakers)))),
        "consent": day(consent),
    }
    person["since"] = day(consent + timedelta(days=rng.randint(0, 9)))


def _joined(people: Data, rng: Random, numbers: Any, speakers: list[str]) -> str:
    name = _person(people, rng, numbers)
    # One after the other, so that whoever speaks for somebody was there by then.
    after = max(date.fromisoformat(people[s]["since"]) for s in speakers)
    _decided(people[name], rng, after + timedelta(days=rng.randint(1, 60)), speakers)
    return name


def _pending(people: Data, rng: Random, numbers: Any, speakers: list[str]) -> None:
    """Somebody whose comments are open still."""
    name = _person(people, rng, numbers)
    _decided(people[name], rng, AS_OF - timedelta(days=rng.randint(0, 6)), speakers)
    decision = people[name]["decision"]
    people[name]["since"] = day(date.fromisoformat(decision["deadline"]) + timedelta(days=rng.randint(3, 9)))
    del decision["consent"]
    decision["approvals"] = rng.sample(speakers, rng.randint(0, 2))


def _leavers(people: Data, rng: Random, numbers: Any) -> None:
    for _ in range(rng.randint(0, 3)):
        name = _person(people, rng, numbers)
        people[name].update({"since": day(FOUNDED), "left": _left(rng, AS_OF - timedelta(days=rng.randint(20, 800)))})
        people[name].pop("teams")


def _recent_leaver(people: Data, rng: Random, numbers: Any) -> None:
    """One of at least five who were there: within the share."""
    name = _person(people, rng, numbers)
    people[name].update({"since": day(FOUNDED), "left": _left(rng, AS_OF - timedelta(days=rng.randint(0, 6)))})
    people[name].pop("teams")


def _left(rng: Random, on: date) -> Data:
    left: Data = {"on": day(on), "why": rng.choice(("wish", "inactive", "removal", "security"))}
    if left["why"] == "removal":
        left["told"] = day(on - timedelta(days=rng.randint(7, 30)))
    if rng.random() < 0.3:
        left["knew"] = [rng.choice(SECRETS)]
    return left


def _teams(rng: Random, people: Data, members: list[str]) -> Data:
    """The teams that Vault asks for, and some more; everybody in some of them."""
    teams: Data = {}
    numbers = iter(range(GROUPS + 1, GROUPS + 500))
    extra = rng.sample(("mirror-keepers", "builders", "writers", "children", "post"), rng.randint(0, 5))
    devspace = ["devspace-users"] if rng.random() < 0.6 else []
    for name in (*VAULT_GROUPS, *extra, *devspace):
        inside = rng.sample(members, rng.randint(1, len(members)))
        teams[name] = {
            "purpose": "a test",
            "owners": rng.sample(inside, rng.randint(1, min(2, len(inside)))),
            "grants": _grants(rng, name, numbers, devspace=name in devspace),
        }
        for person in inside:
            maintains = rng.random() < 0.3 and not people[person].get("owner")
            people[person]["teams"][name] = "maintainer" if maintains else "member"
    if "children" in teams and "writers" in teams:
        for name in ("writers", "children"):
            teams[name]["grants"].setdefault("github", _github(rng, name))["privacy"] = "closed"
        teams["children"]["grants"]["github"]["parent"] = "writers"
    return teams


def _github(rng: Random, name: str) -> Data:
    chosen = rng.sample(REPOSITORIES, rng.randint(0, 3))
    return {
        "team": name,
        "description": "a test",
        "repositories": {repository: rng.choice(PERMISSIONS) for repository in chosen},
    }


def _grants(rng: Random, name: str, numbers: Any, *, devspace: bool) -> Data:
    grants: Data = {}
    if rng.random() < 0.5 or name == "writers":
        grants["github"] = _github(rng, name)
    if name in VAULT_GROUPS or devspace or rng.random() < 0.5 or not grants:
        grants["netauth"] = {"group": name, "number": next(numbers)}
        if rng.random() < 0.2:
            grants["netauth"]["capabilities"] = rng.sample(CAPABILITIES, 2)
        if not devspace and rng.random() < 0.4:
            grants["hosts"] = {"on": rng.sample(HOSTS, rng.randint(1, 2)), "sudo": rng.random() < 0.4}
    if devspace:
        grants["devspace"] = True
    if rng.random() < 0.3:
        grants["mail"] = f"{name}@fleet.example"
    if rng.random() < 0.2:
        grants["bots"] = [rng.choice(BOTS)]
    if rng.random() < 0.2:
        grants["secrets"] = rng.sample(SECRETS, rng.randint(1, 2))
    return grants

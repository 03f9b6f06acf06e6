"""What goes wrong with people in rosters: mistakes, each aimed at one rule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from random import Random

from tests.roster_fuzz.grammar import AS_OF, FOUNDED, SECRETS, Data, day, ed25519, key, rsa, wire

Mutation = Callable[[Data, Random], None]


def pick(rng: Random, roster: Data, *having: str) -> Data:
    """A person who has some fields, or whoever there is."""
    people = list(roster["people"].values())
    return rng.choice([p for p in people if all(p.get(f) for f in having)] or people)


def here(rng: Random, roster: Data) -> Data:
    return rng.choice([p for p in roster["people"].values() if "left" not in p] or [*roster["people"].values()])


def _shifted(text: str, days: int) -> str:
    return day(date.fromisoformat(text) + timedelta(days=days))


def _decision(rng: Random, roster: Data) -> Data:
    """The decision about somebody; made for a founder where nobody else came."""
    person = pick(rng, roster, "decision")
    if "decision" not in person:
        names = list(roster["people"])
        person.update(
            since=day(FOUNDED + timedelta(days=60)),
            sponsor=names[0],
            decision={
                "proposal": "x",
                "proposed": day(FOUNDED + timedelta(days=30)),
                "deadline": day(FOUNDED + timedelta(days=40)),
                "approvals": names[:2],
                "consent": day(FOUNDED + timedelta(days=41)),
            },
        )
    found: Data = person["decision"]
    return found


def too_many_owners_asked(r: Data, rng: Random) -> None:
    r["settings"]["owners_at_least"] = rng.randint(3, 9)


def owner_resigns(r: Data, rng: Random) -> None:
    pick(rng, r, "owner")["owner"] = False


def owner_leaves(r: Data, rng: Random) -> None:
    person = pick(rng, r, "owner")
    person.update(left={"on": day(AS_OF), "why": "wish"}, owner=False, teams={})


def somebody_leaves_with_all(r: Data, rng: Random) -> None:
    person = here(rng, r)
    person["left"] = {"on": day(AS_OF - timedelta(days=rng.randint(0, 99))), "why": "inactive"}
    if rng.random() < 0.3:
        person["secrets"] = [rng.choice(SECRETS)]


def many_leave(r: Data, rng: Random) -> None:
    for person in r["people"].values():
        if not person.get("owner") and rng.random() < 0.8:
            person.update(left={"on": day(AS_OF - timedelta(days=rng.randint(0, 5))), "why": "wish"}, teams={})
    for team in r["teams"].values():
        # Owners stay in every team, so that nothing but the share is wrong.
        stay = [h for h, p in r["people"].items() if p.get("owner")]
        team["owners"] = stay[:1]
        for name in stay:
            r["people"][name]["teams"][next(n for n, t in r["teams"].items() if t is team)] = "member"


def one_id_twice(r: Data, rng: Random) -> None:
    pick(rng, r)["github"] = pick(rng, r)["github"]


def one_number_twice(r: Data, rng: Random) -> None:
    pick(rng, r)["netauth"] = dict(pick(rng, r)["netauth"])


def handle_of_an_account(r: Data, rng: Random) -> None:
    r["people"][rng.choice(("root", "daemon", "deploy", "mail"))] = r["people"].pop(rng.choice([*r["people"]]))


def no_sponsor(r: Data, rng: Random) -> None:
    person = pick(rng, r, "decision")
    person["since"] = max(person["since"], day(FOUNDED + timedelta(days=1)))
    person.pop(rng.choice(("sponsor", "decision")), None)


def odd_sponsor(r: Data, rng: Random) -> None:
    name = rng.choice([*r["people"]])
    _decision(rng, r)
    person = pick(rng, r, "sponsor")
    own = next(h for h, p in r["people"].items() if p is person)
    person["sponsor"] = rng.choice((own, name, "nobody-at-all"))


def odd_approval(r: Data, rng: Random) -> None:
    said = _decision(rng, r)
    names = [*r["people"]]
    said["approvals"] = [*said["approvals"], rng.choice([names[-1], "nobody-at-all", *said["approvals"][:1]])]


def too_few_approvals(r: Data, rng: Random) -> None:
    _decision(rng, r)["approvals"] = _decision(rng, r)["approvals"][:1]


def no_consent(r: Data, rng: Random) -> None:
    _decision(rng, r).pop("consent", None)


def short_comments(r: Data, rng: Random) -> None:
    said = _decision(rng, r)
    said["deadline"] = _shifted(said["proposed"], rng.randint(-5, 7))


def early_consent(r: Data, rng: Random) -> None:
    said = _decision(rng, r)
    said["consent"] = _shifted(said["deadline"], -rng.randint(1, 9))


def early_join(r: Data, rng: Random) -> None:
    _decision(rng, r)
    person = pick(rng, r, "decision")
    person["since"] = _shifted(person["decision"]["deadline"], -rng.randint(1, 9))


def leaving_before_joining(r: Data, rng: Random) -> None:
    person = pick(rng, r, "left")
    person.update(left={"on": _shifted(person["since"], -rng.randint(1, 99)), "why": "wish"}, teams={}, owner=False)


def hasty_removal(r: Data, rng: Random) -> None:
    person = pick(rng, r, "left")
    person.update(teams={}, owner=False)
    on = day(AS_OF - timedelta(days=rng.randint(10, 90)))
    person["left"] = {"on": on, "why": rng.choice(("removal", "removal", "security"))}
    if rng.random() < 0.6:
        person["left"]["told"] = _shifted(on, -rng.randint(0, 7))


def future_leaving(r: Data, rng: Random) -> None:
    pick(rng, r, "left").update(
        left={"on": day(AS_OF + timedelta(days=rng.randint(1, 40))), "why": "wish"}, teams={}, owner=False
    )


def odd_waiver(r: Data, rng: Random) -> None:
    names = [*r["people"]]
    r["settings"]["waivers"] = [
        {
            "allows": "removal_percent",
            "percent": rng.randint(1, 100),
            "reason": "x",
            "reviewed_by": rng.sample(names, rng.randint(1, 2)) + (["nobody-at-all"] if rng.random() < 0.2 else []),
            "until": day(AS_OF + timedelta(days=rng.randint(-5, 90))),
        }
    ]


def weak_key(r: Data, rng: Random) -> None:
    good = ed25519(rng)
    curve = wire(b"ecdsa-sha2-nistp256", b"nistp256", rng.randbytes(65))
    weak = (
        rsa(rng, rng.choice((1024, 2048))), f"ssh-dss {wire(b'ssh-dss', b'xx')}", f"ecdsa-sha2-nistp256 {curve}",
        good[:-9], good[:40], f"ssh-rsa {good.split(' ')[1]}", f"ssh-ed25519 {wire(b'ssh-ed25519', bytes(32))}",
        f"ssh-ed25519 {wire(b'ssh-ed25519', b'short')}", "ssh-ed25519 ====", f"sk-ssh-ed25519@openssh.com {wire(b'x')}",
    )  # fmt: skip
    pick(rng, r).setdefault("keys", {})["old"] = rng.choice(weak)


def shared_key(r: Data, rng: Random) -> None:
    shared = next(iter(pick(rng, r, "keys").get("keys", {}).values()), key(rng))
    pick(rng, r).setdefault("keys", {})["other"] = f"{shared.rsplit(' ', 1)[0] if shared.count(' ') > 1 else shared} x"


def no_key(r: Data, rng: Random) -> None:
    here(rng, r)["keys"] = {}


def renamed(r: Data, rng: Random) -> None:
    r["people"][rng.choice(("Somebody", "x", "some_body", "somebody", "a" * 40))] = r["people"].pop(
        rng.choice([*r["people"]])
    )


def unfounded(r: Data, rng: Random) -> None:
    r["settings"]["founded"] = _shifted(r["settings"]["founded"], -rng.randint(0, 900))

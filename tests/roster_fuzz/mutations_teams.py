"""What goes wrong with teams in rosters: mistakes, each aimed at one rule."""

from __future__ import annotations

import copy
from random import Random

from tests.roster_fuzz.grammar import Data
from tests.roster_fuzz.mutations_people import here, pick


def _grants(rng: Random, roster: Data, having: str = "") -> Data:
    teams = [t["grants"] for t in roster["teams"].values()]
    chosen: Data = rng.choice([g for g in teams if not having or having in g] or teams)
    return chosen


def one_group_number_twice(r: Data, rng: Random) -> None:
    _grants(rng, r, "netauth")["netauth"]["number"] = rng.choice((3001, 3002, 3003))


def number_out_of_range(r: Data, rng: Random) -> None:
    if rng.random() < 0.5:
        pick(rng, r)["netauth"] = {"number": rng.choice((1, 1000, 2000, 3000, 65534))}
    else:
        _grants(rng, r, "netauth")["netauth"]["number"] = rng.choice((1, 999, 3000, 4000))


def unknown_team(r: Data, rng: Random) -> None:
    here(rng, r).setdefault("teams", {})[rng.choice(("operator", "nothing"))] = "member"


def team_is_gone(r: Data, rng: Random) -> None:
    del r["teams"][rng.choice([*r["teams"]])]


def odd_team_owner(r: Data, rng: Random) -> None:
    rng.choice([*r["teams"].values()])["owners"] = [rng.choice([*r["people"], "nobody-at-all"])]


def owner_as_maintainer(r: Data, rng: Random) -> None:
    person = pick(rng, r, "owner", "teams")
    person["teams"] = dict.fromkeys(person.get("teams") or {}, "maintainer")


def empty_team(r: Data, rng: Random) -> None:
    rng.choice([*r["teams"].values()])["grants"] = {}


def one_grant_twice(r: Data, rng: Random) -> None:
    kind = rng.choice(("github", "netauth", "mail"))
    one, other = _grants(rng, r, kind), _grants(rng, r)
    if kind in one:
        other[kind] = copy.deepcopy(one[kind])


def group_of_hosts(r: Data, rng: Random) -> None:
    group = rng.choice(("sudo", "docker", "wheel"))
    if rng.random() < 0.2:
        r["settings"]["netauth"]["primary"]["group"] = group
    else:
        _grants(rng, r, "netauth").setdefault("netauth", {"number": 3400})["group"] = group


def odd_parent(r: Data, rng: Random) -> None:
    grants = _grants(rng, r, "github")
    grants.setdefault("github", {"team": "odd", "description": "x"})["parent"] = rng.choice([*r["teams"], "nothing"])


def secret_team(r: Data, rng: Random) -> None:
    _grants(rng, r, "github").setdefault("github", {"team": "odd", "description": "x"})["privacy"] = "secret"


def circle_of_parents(r: Data, rng: Random) -> None:
    names = rng.sample([*r["teams"]], 2)
    for name, parent in zip(names, reversed(names), strict=True):
        said = r["teams"][name]["grants"].setdefault("github", {"team": name, "description": "x"})
        said["parent"] = parent


def odd_hosts(r: Data, rng: Random) -> None:
    said = _grants(rng, r, "hosts").setdefault("hosts", {"on": ["all"]})
    said.update(rng.choice(({"on": ["mirrors"]}, {"login": False, "sudo": True}, {"login": False, "sudo": False})))


def not_in_the_directory(r: Data, rng: Random) -> None:
    here(rng, r).pop("netauth", None)


def no_directory(r: Data, _: Random) -> None:
    r["settings"].pop("netauth", None)


def login_without_group(r: Data, rng: Random) -> None:
    grants = _grants(rng, r, rng.choice(("hosts", "devspace")))
    grants.setdefault("hosts", {"on": ["mirror"]})
    grants.pop("netauth", None)


def devspace_with_shell(r: Data, rng: Random) -> None:
    if rng.random() < 0.5:
        _grants(rng, r, "hosts")["devspace"] = True
    else:
        names = rng.sample([*r["teams"]], 2)
        for name in names:
            r["teams"][name]["grants"].setdefault("github", {"team": name, "description": "x"})
        inner, outer = (r["teams"][name]["grants"] for name in names)
        inner["github"]["parent"] = names[1]
        inner["devspace"] = True
        outer["hosts"] = {"on": ["mirror"]}


def group_of_vault_renamed(r: Data, rng: Random) -> None:
    _grants(rng, r, "netauth").setdefault("netauth", {"number": 3401})["group"] = "operator"


def undefined_thing(r: Data, rng: Random) -> None:
    where = rng.randint(0, 3)
    if where == 0:
        _grants(rng, r)["bots"] = ["heralds"]
    elif where == 1:
        _grants(rng, r)["secrets"] = ["unseal"]
    elif where == 2:
        here(rng, r)["secrets"] = ["passphrase"]
    else:
        r["settings"]["break_glass"]["operators"] = ["maintenance"]

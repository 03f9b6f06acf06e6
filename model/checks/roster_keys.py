"""Rules about people's ssh keys: good enough, nobody else's, and there for whoever may log in."""

from __future__ import annotations

from collections.abc import Iterator

from model.checks.roster import of, people_of
from model.checks.rule import Found
from model.fleet import Fleet
from model.reading import Where
from model.ssh_keys import RSA_BITS, body, weakness


def keys_are_strong(fleet: Fleet) -> Iterator[Found]:
    """A key is ed25519, on a token or not, or RSA that is long enough."""
    for handle, person in people_of(fleet):
        for label, key in person.keys.items():
            wrong = weakness(key)
            if wrong:
                way_out = f"make another: ssh-keygen -t ed25519 (RSA: {RSA_BITS} bits at the least)"
                yield Found(of("people", handle, "keys", label), f"the key {wrong}", way_out)


def keys_are_one_persons(fleet: Fleet) -> Iterator[Found]:
    """A key is one person's, written once; those who left and break-glass accounts included."""
    holders: dict[str, list[tuple[Where, str]]] = {}
    for handle, person in people_of(fleet):
        for label, key in person.keys.items():
            holders.setdefault(body(key), []).append((of("people", handle, "keys", label), f"{handle}'s {label}"))
    for name, operator in fleet.operators.items() if fleet.roster else ():
        for key in operator.keys:
            others = holders.get(body(key), ())
            for path, _ in others:
                what = f"it opens the account {name} of every host too, whatever becomes of the person"
                yield Found(path, what, "make another key for one of the two")
    for several in holders.values():
        for path, own in several if len(several) > 1 else ():
            also = ", ".join(said for _, said in several if said != own)
            yield Found(path, f"it is {also} too", "everybody makes a key of their own, one for each place")


def whoever_may_log_in_has_a_key(fleet: Fleet) -> Iterator[Found]:
    """Whoever may log in on hosts has a key to do it with."""
    if fleet.roster is None or fleet.roster.settings.keys_env is not None:
        return
    for handle, person in people_of(fleet):
        teams = [fleet.roster.teams[t] for t in person.teams if t in fleet.roster.teams]
        if not person.keys and any(team.grants.hosts for team in teams):
            yield Found(
                of("people", handle), f"{handle} may log in and has no key", "add `keys: {label: ssh-ed25519 …}`"
            )


RULES = (keys_are_strong, keys_are_one_persons, whoever_may_log_in_has_a_key)

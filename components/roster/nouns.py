"""Lists and counts as people say them: who, and which machines."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

# As many are named without a count before them.
NAMED = 4
# Roles whose plural is not the word and an s: most are no word for a machine by themselves.
PLURALS = {
    "control": "control hosts",
    "mail": "mail hosts",
    "netauth": "directory hosts",
    "proxy": "proxies",
    "root-mirror": "root mirrors",
}


def plural(role: str) -> str:
    """What machines of a role are called: mirrors, proxies, control hosts."""
    word = PLURALS.get(role)
    if word is not None:
        return word
    spoken = role.replace("-", " ")
    if spoken.endswith("y") and spoken[-2:-1] not in ("a", "e", "i", "o", "u"):
        return f"{spoken[:-1]}ies"
    return f"{spoken}es" if spoken.endswith(("s", "x", "ch", "sh")) else f"{spoken}s"


def listed(names: Sequence[str], noun: str) -> str:
    """Names as a list in words; many of them with their count and what they are before them."""
    if len(names) == 1:
        return names[0]
    if len(names) > NAMED and noun:
        return f"{len(names)} {noun} ({', '.join(names)})"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def machines(names: Collection[str], roles: Mapping[str, Sequence[str]]) -> str:
    """Machines as people speak of them: one by its name, several by a role that all have, with their count.

    Of several such roles the one counts that fewest other machines have, then the first by name.
    """
    if len(names) == 1:
        return next(iter(names))
    if roles and set(names) >= set(roles):
        return "every host"
    shared = set.intersection(*(set(roles.get(name, ())) for name in names))
    others = {role: sum(role in its for its in roles.values()) for role in shared}
    if others:
        return f"{len(names)} {plural(min(others, key=lambda role: (others[role], role)))}"
    return f"{len(names)} hosts ({', '.join(sorted(names))})"

"""A change of rights in words: every effect is said, once, the same way each time."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.roster.nouns import listed, machines, plural
from components.roster.rights import KINDS, PERMISSIONS, Right, rights, roles_of
from components.roster.words import effects
from model import load
from tests.model.change import STACKS

ROLES = {
    "a": ["mirror"],
    "b": ["mirror", "proxy"],
    "c": ["mirror"],
    "d": ["worker", "builder"],
    "e": ["worker"],
    "f": ["control"],
}


def held(*texts: str) -> frozenset[Right]:
    """Rights as `kind where`, by words."""
    return frozenset(Right(*text.split(" ", 1)) for text in texts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("role", "word"),
    [
        ("mirror", "mirrors"),
        ("worker", "workers"),
        ("builder", "builders"),
        ("proxy", "proxies"),
        ("relay", "relays"),
        ("gateway", "gateways"),
        ("root-mirror", "root mirrors"),
        ("control", "control hosts"),
        ("mail", "mail hosts"),
        ("netauth", "directory hosts"),
        ("box", "boxes"),
        ("switch", "switches"),
        ("bus", "buses"),
        ("registry", "registries"),
    ],
)
def test_more_than_one_of_a_role(role: str, word: str) -> None:
    assert plural(role) == word


def test_lists_in_words() -> None:
    assert listed(["ann"], "people") == "ann"
    assert listed(["ann", "bo"], "people") == "ann and bo"
    assert listed(["ann", "bo", "cy", "dee"], "people") == "ann, bo, cy and dee"
    assert listed(["ann", "bo", "cy", "dee", "eli"], "people") == "5 people (ann, bo, cy, dee, eli)"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("a", "a"),
        ("ab", "2 mirrors"),
        ("abc", "3 mirrors"),
        ("de", "2 workers"),
        ("ad", "2 hosts (a, d)"),
        ("abcdef", "every host"),
        ("abcde", "5 hosts (a, b, c, d, e)"),
    ],
)
def test_machines_in_words(names: str, said: str) -> None:
    assert machines(set(names), ROLES) == said
    assert machines(names[::-1], ROLES) == said


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"bo": ()}, {"bo": ("host-login a", "host-login b", "host-login c")}, ["bo can log in on 3 mirrors"]),
        (
            {"ann": ("host-sudo a",), "bo": ("host-sudo a",)},
            {"ann": ("host-sudo a",), "bo": ()},
            ["bo may use sudo nowhere any more"],
        ),
        (
            {"ann": ("host-login a",), "bo": ("host-login a", "host-login d")},
            {"ann": ("host-login a",), "bo": ("host-login d",)},
            ["bo can log in on a no more"],
        ),
        (
            {"bo": ("github-repo void-packages:push",)},
            {},
            [
                "nobody can merge to void-packages any more",
                "bo can no longer merge to void-packages",
            ],
        ),
        (
            {"ann": ("github-owner",), "bo": ("github-repo void-packages:push",)},
            {"ann": ("github-owner",), "bo": ("github-repo void-packages:pull",)},
            [
                "nobody but the owners can merge to void-packages any more",
                "bo can no longer merge to void-packages, only read it",
            ],
        ),
        (
            {"ann": ("github-repo a:pull",)},
            {"ann": ("github-repo a:admin", "github-repo b:triage")},
            ["ann can merge to, manage and delete a", "ann can sort the tickets of b"],
        ),
        (
            {},
            {"cy": ("vault-policy apps-admin", "vault-policy observer")},
            ["cy gets a Vault token with the policies apps-admin, observer"],
        ),
        (
            {"ann": ("vault-policy a", "vault-policy b"), "cy": ("vault-policy a",)},
            {"ann": ("vault-policy a", "vault-policy b"), "cy": ("vault-policy b",)},
            ["cy loses the policy a in Vault", "cy gets the policy b in Vault besides"],
        ),
        (
            {"ann": ("vault-policy a",), "cy": ("vault-policy a",)},
            {"ann": ("vault-policy a",)},
            ["cy gets no Vault token any more, which had the policy a"],
        ),
        (
            {},
            {"ann": ("github-team ops:member",), "bo": ("github-team ops:member",)},
            ["ann and bo join the GitHub team ops"],
        ),
        (
            {"ann": ("github-team ops:member",), "bo": ("github-team ops:maintainer",)},
            {"ann": ("github-team ops:maintainer",), "bo": ("github-team ops:member",)},
            ["ann is now a maintainer of the GitHub team ops", "bo is only a member of the GitHub team ops now"],
        ),
        ({}, {"ann": ("github-owner",)}, ["ann becomes an owner of the organisation, and can change everything in it"]),
        (
            {"ann": ("github-owner",), "bo": ("github-owner",)},
            {},
            [
                "nobody is an owner of the organisation any more",
                "ann and bo are no owners of the organisation any more",
            ],
        ),
        (
            {"ann": ("secret share", "bot herald", "mail ops@x.example", "devspace")},
            {"bo": ("secret share", "bot herald", "mail ops@x.example", "devspace")},
            [
                "ann has no place in devspace any more",
                "bo has a place in devspace",
                "mail to ops@x.example does not reach ann any more",
                "mail to ops@x.example reaches bo",
                "ann can command herald no more",
                "bo can command herald",
                "ann knew share, to be made anew",
                "bo knows share",
            ],
        ),
        (
            {"ann": ("netauth-group ops", "netauth-group web", "netauth-capability LOCK_ENTITY")},
            {"ann": ("netauth-group ops",)},
            [
                "ann is in the directory's group web no more",
                "ann may use LOCK_ENTITY in the directory no more",
            ],
        ),
        (
            {"ann": ("host-login a", "host-sudo a", "mail a@x.example", "bot b", "secret s")},
            {},
            [
                "nobody of the roster can log in on a any more",
                "nobody of the roster may use sudo on a any more",
                "mail to a@x.example reaches nobody any more",
                "nobody can command b any more",
                "nobody of the roster knows s any more",
            ],
        ),
    ],
)
def test_a_change_in_words(
    before: dict[str, tuple[str, ...]], after: dict[str, tuple[str, ...]], said: list[str]
) -> None:
    found = effects({h: held(*t) for h, t in before.items()}, {h: held(*t) for h, t in after.items()}, ROLES)
    assert [one for one in found if one in said] == [one for one in said if one in found]
    assert set(said) <= set(found), found
    if len(said) <= 2:
        assert list(found) == said


WHERE = st.sampled_from(["a", "b", "c", "d"])
RIGHTS = st.builds(
    lambda kind, where, level, team: Right(
        kind,
        ""
        if kind in ("github-owner", "devspace")
        else f"{where}:{level}"
        if kind == "github-repo"
        else f"{where}:{team}"
        if kind == "github-team"
        else where,
    ),
    st.sampled_from(KINDS),
    WHERE,
    st.sampled_from(PERMISSIONS),
    st.sampled_from(["member", "maintainer"]),
)
EVERYBODY = st.dictionaries(st.sampled_from(["ann", "bo", "cy"]), st.frozensets(RIGHTS, max_size=8))


def _without_nothing(side: dict[str, frozenset[Right]]) -> dict[str, frozenset[Right]]:
    return {handle: its for handle, its in side.items() if its}


@given(before=EVERYBODY, after=EVERYBODY)
def test_nothing_is_said_exactly_when_nothing_changes(
    before: dict[str, frozenset[Right]], after: dict[str, frozenset[Right]]
) -> None:
    said = effects(before, after, ROLES)
    assert bool(said) == (_without_nothing(before) != _without_nothing(after))
    assert len(set(said)) == len(said)
    assert not any("{" in one or "}" in one for one in said)
    for handle in {*before, *after}:
        if before.get(handle, frozenset()) != after.get(handle, frozenset()):
            assert any(handle in one for one in said)


@given(before=EVERYBODY, after=EVERYBODY)
def test_the_same_change_is_said_the_same_way(
    before: dict[str, frozenset[Right]], after: dict[str, frozenset[Right]]
) -> None:
    turned = dict(reversed(list(before.items())))
    assert effects(before, after, ROLES) == effects(turned, dict(reversed(list(after.items()))), ROLES)


def test_leaving_prod_in_words() -> None:
    fleet = load(STACKS / "prod")
    before = rights(fleet, date(2026, 11, 27))
    said = effects(before, before | {"birch": frozenset()}, roles_of(fleet))
    assert "nobody but the owners can merge to xbps any more" in said
    assert "birch may use sudo nowhere any more" in said
    assert "birch knew secret-folder, state-passphrase and unseal-share, to be made anew" in said
    assert effects(before, before, roles_of(fleet)) == ()
    joined = effects(before, before | {"oak": frozenset()}, roles_of(fleet))
    assert "oak can log in nowhere any more" in joined
    assert "oak can log in on 3 builders" in effects(before | {"oak": frozenset()}, before, roles_of(fleet))

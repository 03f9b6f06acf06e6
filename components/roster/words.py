"""What a change of rights means, in sentences that a person reads in a preview before saying yes. Pure.

`effects` is empty exactly when nothing changes. People who gain or lose the same are named together; machines are
spoken of by their role where one role holds them all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from components.roster.nouns import listed, machines
from components.roster.rights import PERMISSIONS, Kind, Right, Rights

_MAY = {
    "pull": "read",
    "triage": "sort the tickets of",
    "push": "merge to",
    "maintain": "merge to and manage",
    "admin": "merge to, manage and delete",
}
_ORDER = {permission: order for order, permission in enumerate(PERMISSIONS)}
_MERGE = frozenset({"push", "maintain", "admin"})

Roles = Mapping[str, Sequence[str]]
# What of one kind somebody held before and holds after, to sentences without the person.
_Say = Callable[[frozenset[str], frozenset[str]], Iterator[str]]


def effects(before: Rights, after: Rights, roles: Roles | None = None) -> tuple[str, ...]:
    """Every effect of a change, in a fixed order: what nobody can do any more first, then what people lose and gain.

    `roles` are the roles of each machine; without them machines are counted as hosts.
    """
    people: dict[tuple[int, str], list[str]] = {}
    sayings = _sayings(roles or {})
    for handle in sorted({*before, *after}):
        was, now = before.get(handle, frozenset()), after.get(handle, frozenset())
        for order, (kind, say) in enumerate(sayings.items()) if was != now else ():
            had, has = _where(was, kind), _where(now, kind)
            # Nothing changes without a word, whatever a later kind forgets to say.
            unsaid = f"{{who}}: {kind} changes"
            for sentence in tuple(say(had, has)) or (unsaid,) if had != has else ():
                people.setdefault((order, sentence), []).append(handle)
    # By kind, then by people; what one of them loses comes before what is gained, as it was said.
    ordered = sorted(people.items(), key=lambda one: (one[0][0], one[1]))
    each = [_fill(sentence, handles) for (_, sentence), handles in ordered]
    return (*_nobody(before, after, roles or {}), *each)


def _where(held: Collection[Right], kind: Kind) -> frozenset[str]:
    return frozenset(one.where for one in held if one.kind == kind)


def _fill(sentence: str, handles: Sequence[str]) -> str:
    """A sentence with its people: `{who}`, and words that hang on whether they are several, as `{is|are}`."""
    several = len(handles) > 1
    whole = sentence.replace("{who}", listed(handles, "people"))
    while "{" in whole:
        head, _, rest = whole.partition("{")
        choice, _, tail = rest.partition("}")
        one, _, more = choice.partition("|")
        whole = f"{head}{more if several else one}{tail}"
    return whole


def _github_owner(_: frozenset[str], has: frozenset[str]) -> Iterator[str]:
    if has:
        yield "{who} {becomes an owner|become owners} of the organisation, and can change everything in it"
    else:
        yield "{who} {is no owner|are no owners} of the organisation any more"


def _github_team(had: frozenset[str], has: frozenset[str]) -> Iterator[str]:
    was, now = _levels(had), _levels(has)
    for team in sorted({*was, *now}):
        if team not in now:
            yield f"{{who}} {{leaves|leave}} the GitHub team {team}"
        elif team not in was:
            as_what = " as {a maintainer|maintainers}" if now[team] == "maintainer" else ""
            yield f"{{who}} {{joins|join}} the GitHub team {team}{as_what}"
        elif was[team] != now[team]:
            if now[team] == "maintainer":
                yield f"{{who}} {{is|are}} now {{a maintainer|maintainers}} of the GitHub team {team}"
            else:
                yield f"{{who}} {{is|are}} only {{a member|members}} of the GitHub team {team} now"


def _github_repo(had: frozenset[str], has: frozenset[str]) -> Iterator[str]:
    was, now = _levels(had), _levels(has)
    gained: dict[str, list[str]] = {}
    lost: dict[tuple[str, str], list[str]] = {}
    for name in sorted({*was, *now}):
        old, new = was.get(name, ""), now.get(name, "")
        if old == new:
            continue
        if _ORDER.get(new, -1) > _ORDER.get(old, -1):
            gained.setdefault(new, []).append(name)
        else:
            lost.setdefault((old, new), []).append(name)
    for (old, new), names in sorted(lost.items()):
        only = f", only {_MAY[new]} it" if new and len(names) == 1 else f", only {_MAY[new]} them" if new else ""
        yield f"{{who}} can no longer {_MAY[old]} {listed(names, 'repositories')}{only}"
    for new, names in sorted(gained.items()):
        yield f"{{who}} can {_MAY[new]} {listed(names, 'repositories')}"


def _levels(held: Collection[str]) -> dict[str, str]:
    """Name to level; of several levels of one name the widest."""
    parted = [(name, level) for name, _, level in (one.rpartition(":") for one in sorted(held))]
    return dict(sorted(parted, key=lambda one: _ORDER.get(one[1], -1)))


def _vault(had: frozenset[str], has: frozenset[str]) -> Iterator[str]:
    gained, lost = sorted(has - had), sorted(had - has)
    if not had:
        yield f"{{who}} {{gets a Vault token|get Vault tokens}} with {_policies(gained)}"
    elif not has:
        yield f"{{who}} {{gets|get}} no Vault token any more, which had {_policies(lost)}"
    else:
        if lost:
            yield f"{{who}} {{loses|lose}} {_policies(lost)} in Vault"
        if gained:
            yield f"{{who}} {{gets|get}} {_policies(gained)} in Vault besides"


def _policies(names: Sequence[str]) -> str:
    return f"the {'policy' if len(names) == 1 else 'policies'} {', '.join(names)}"


def _on_hosts(can: str, nowhere: str, roles: Roles) -> _Say:
    def say(had: frozenset[str], has: frozenset[str]) -> Iterator[str]:
        gained, lost = has - had, had - has
        if lost and not has:
            yield f"{{who}} {nowhere}"
        elif lost:
            yield f"{{who}} {can} on {machines(lost, roles)} no more"
        if gained:
            yield f"{{who}} {can} on {machines(gained, roles)}"

    return say


def _each(gains: str, loses: str) -> _Say:
    """One sentence for all that is gained and one for all that is lost; `{it}` is the list of them."""

    def say(had: frozenset[str], has: frozenset[str]) -> Iterator[str]:
        for sentence, names in ((loses, sorted(had - has)), (gains, sorted(has - had))):
            if names:
                group = f"group{'s' if len(names) > 1 else ''} {listed(names, '')}"
                yield sentence.replace("{it}", listed(names, "")).replace("{group it}", group)

    return say


def _sayings(roles: Roles) -> dict[Kind, _Say]:
    """How each kind of right is spoken of, in the order in which people read of them."""
    return {
        "github-owner": _github_owner,
        "github-team": _github_team,
        "github-repo": _github_repo,
        "netauth-group": _each(
            "{who} {is|are} in the directory's {group it}", "{who} {is|are} in the directory's {group it} no more"
        ),
        "netauth-capability": _each(
            "{who} may use {it} in the directory", "{who} may use {it} in the directory no more"
        ),
        "vault-policy": _vault,
        "host-login": _on_hosts("can log in", "can log in nowhere any more", roles),
        "host-sudo": _on_hosts("may use sudo", "may use sudo nowhere any more", roles),
        "devspace": _each("{who} {has|have} a place in devspace", "{who} {has|have} no place in devspace any more"),
        "mail": _each("mail to {it} reaches {who}", "mail to {it} does not reach {who} any more"),
        "bot": _each("{who} can command {it}", "{who} can command {it} no more"),
        "secret": _each("{who} {knows|know} {it}", "{who} knew {it}, to be made anew"),
    }


def _nobody(before: Rights, after: Rights, roles: Roles) -> Iterator[str]:
    """What somebody could do before and nobody can do after."""
    was: frozenset[Right] = frozenset[Right]().union(*before.values())
    now: frozenset[Right] = frozenset[Right]().union(*after.values())
    if _where(was, "github-owner") - _where(now, "github-owner"):
        yield "nobody is an owner of the organisation any more"
    if gone := _merged(was) - _merged(now):
        # Owners can do everything to every repository, whatever teams say.
        whom = "nobody but the owners" if _where(now, "github-owner") else "nobody"
        yield f"{whom} can merge to {listed(sorted(gone), 'repositories')} any more"
    if gone := _where(was, "vault-policy") - _where(now, "vault-policy"):
        yield f"nobody gets {_policies(sorted(gone))} in Vault any more"
    if gone := _where(was, "host-login") - _where(now, "host-login"):
        yield f"nobody of the roster can log in on {machines(gone, roles)} any more"
    if gone := _where(was, "host-sudo") - _where(now, "host-sudo"):
        yield f"nobody of the roster may use sudo on {machines(gone, roles)} any more"
    if _where(was, "devspace") - _where(now, "devspace"):
        yield "nobody has a place in devspace any more"
    if gone := _where(was, "mail") - _where(now, "mail"):
        yield f"mail to {listed(sorted(gone), '')} reaches nobody any more"
    if gone := _where(was, "bot") - _where(now, "bot"):
        yield f"nobody can command {listed(sorted(gone), '')} any more"
    if gone := _where(was, "secret") - _where(now, "secret"):
        yield f"nobody of the roster knows {listed(sorted(gone), '')} any more"


def _merged(held: Collection[Right]) -> frozenset[str]:
    """The repositories that somebody can merge to by a team."""
    return frozenset(name for name, level in _levels(_where(held, "github-repo")).items() if level in _MERGE)

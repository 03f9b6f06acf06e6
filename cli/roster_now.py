"""What ends at once for people who go: every place by itself, none waits for another, and each says what it did.

`end` is for an emergency, everywhere. `settle` is what follows an `up` that made somebody leave: the resources are
done by then, and what is no resource is ended here. Both can be run again at any time.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date

from cli import roster_github, roster_hosts
from cli.asking import say
from cli.login_directory import place as directory_place
from cli.mistake import Mistake
from cli.roster_words import roster_of
from cli.together import ask
from cli.way_in import TOKEN, System, WayIn
from components.roster.rights import of_kind, rights, token_roles
from model import Fleet
from providers.netauth.calls import Calls, NetAuthError
from providers.netauth.client import Client
from servers import Api, tokens

SECONDS = 60.0
HOST_SECONDS = 25.0
DIRECTORY_SECONDS = 15.0

Call = Callable[[], list[str]]


@dataclass(frozen=True)
class Report:
    """How it went: places that were done, and those that were not, with the reason."""

    done: Mapping[str, tuple[str, ...]]
    failed: Mapping[str, str]

    @property
    def well(self) -> bool:
        """Whether every place was reached."""
        return not self.failed


def end(way: WayIn, handle: str, seconds: float = SECONDS) -> Report:
    """Take everything from one person now, on everything that can be reached."""
    fleet = way.fleet
    person = roster_of(fleet).people[handle]
    locked = threading.Event()

    def first() -> list[str]:
        try:
            return _directory(fleet, handle)
        finally:
            locked.set()

    def then(call: Call) -> list[str]:
        # Behind the lock: whoever is locked gets no new token and no new session for those that are ended here.
        locked.wait(DIRECTORY_SECONDS + 2)
        return call()

    others = {**_tokens(way, [handle]), **_hosts(way, [handle])}
    return run(
        {
            "directory": first,
            "GitHub": functools.partial(_github, fleet, person.github),
            **{place: functools.partial(then, call) for place, call in others.items()},
        },
        seconds,
    )


def settle(way: WayIn, as_of: date, seconds: float = SECONDS) -> Report:
    """End sessions, what sudo remembers, and tokens of all who left; and tokens that may more than their person."""
    fleet = way.fleet
    roster = roster_of(fleet)
    gone = [handle for handle, person in sorted(roster.people.items()) if person.left is not None]
    allowed = of_kind(rights(fleet, as_of), "vault-policy")
    calls = {
        **_tokens(way, gone),
        "Vault": lambda: tokens.revoke_beyond(_api(way, "vault"), allowed),
        **_hosts(way, gone),
    }
    return run(calls, seconds)


def run(calls: Mapping[str, Call], seconds: float) -> Report:
    """Every place at once; each is told as it ends, and none holds up the others."""

    def told(place: str, call: Call) -> tuple[str, ...]:
        try:
            lines = tuple(call())
        except Exception as error:
            say(f"  NOT DONE  {place}: {_reason(error)}")
            raise
        say(f"  done      {place}: {'; '.join(lines) or 'nothing was left there'}")
        return lines

    answers = ask({place: functools.partial(told, place, call) for place, call in calls.items()}, seconds)
    done, failed = {}, {}
    for place, answer in answers.items():
        if answer.value is not None:
            done[place] = answer.value
        else:
            failed[place] = _reason(answer.error)
    for place in failed:
        if failed[place].startswith("no answer within"):
            say(f"  NOT DONE  {place}: {failed[place]}")
    return Report(done, failed)


def _reason(error: Exception | None) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def _directory(fleet: Fleet, handle: str) -> list[str]:
    where = directory_place(fleet)
    if where is None:
        return []
    calls = Calls(where, patience=DIRECTORY_SECONDS)
    try:
        return lock(Client(calls), handle)
    finally:
        calls.close()


def lock(client: Client, handle: str) -> list[str]:
    """Lock somebody in the directory and take them out of every group. The lock comes first."""
    entity = client.entity(handle)
    if entity is None:
        return []
    found = []
    if not entity.locked:
        client.set_locked(handle, True)
        found.append(f"locked {handle}")
    out = []
    refused: NetAuthError | None = None
    for group in entity.groups:
        try:
            client.set_member(handle, group, False)
            out.append(group)
        except NetAuthError as error:
            refused = error
    if out:
        found.append(f"took {handle} out of {', '.join(out)}")
    if refused is not None:
        raise refused
    return found


def _github(fleet: Fleet, number: int) -> list[str]:
    name = roster_github.organisation(fleet)
    return roster_github.Github(name).remove(number) if name is not None else []


def _tokens(way: WayIn, people: Collection[str]) -> dict[str, Call]:
    roles = token_roles(way.fleet)
    return {
        "Vault": lambda: tokens.revoke_of(_api(way, "vault"), people),
        "Nomad": lambda: tokens.nomad_tokens(_api(way, "nomad"), roles["nomad"], people),
        "Consul": lambda: tokens.consul_tokens(_api(way, "consul"), roles["consul"], people),
    }


def _api(way: WayIn, system: System) -> Api:
    api = way.api(system)
    if not api.has_token:
        raise Mistake(TOKEN[system], "is not set", "an operator does this", f"fleet login -s {way.stack}")
    return api


def _hosts(way: WayIn, people: Collection[str]) -> dict[str, Call]:
    known = roster_of(way.fleet).people
    numbers = {h: it.number for h in people if (it := known[h].netauth) is not None}
    return dict(roster_hosts.calls(way.fleet, way.stack, numbers, HOST_SECONDS)) if numbers else {}

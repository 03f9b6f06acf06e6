"""Opens the rehearsal's control plane, as named people would open a real one, and gets its operator's tokens.

Shares and passwords are of this rehearsal alone: files of its own folder that only its owner reads.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from cli import login, shares, vault
from cli.mistake import Mistake
from cli.way_in import WayIn
from model import Fleet
from rehearsal import certificates, origin, secrets
from rehearsal.engine import Outcome
from servers import Api, ApiError

T = TypeVar("T")

# A control host that starts needs its fabric, its certificate and its gossip keys before its servers start.
ANSWER_SECONDS = 120.0
LOGIN_SECONDS = 60.0
# What stands gives tokens at once; leaders may be on their way after a start of all hosts.
PATIENCE = 20.0
SETTLE_SECONDS = 60.0


class Inside(Protocol):
    """Calls something as a client on the rehearsal's internet would."""

    def __call__(self, action: Callable[[], T]) -> T: ...


class NotOpenError(RuntimeError):
    """The control plane cannot be opened; the text says what is missing."""


@dataclass(frozen=True)
class Doors:
    """The control plane as the rehearsal reaches it: by the hosts' addresses, trusting the rehearsal's authority."""

    way: WayIn
    reached: bool
    """Whether the hosts' addresses are known."""
    authorities: str
    """The control hosts' own authorities, as the stack knows them: PEM."""
    folder: Path
    """The operator's own folder: one file for each holder's share, and for each person's password."""

    @property
    def apis(self) -> dict[str, Api]:
        """Each control host's own Vault."""
        return {host: self.way.own("vault", host, timeout=30.0) for host in self.way.hosts}

    @property
    def held(self) -> list[str]:
        """The shares that the made-up holders keep."""
        return [file.read_text().strip() for file in sorted((self.folder / "shares").glob("*")) if file.is_file()]

    def api(self, system: Any, token: str | None = None, host: str | None = None, timeout: float = 30.0) -> Api:
        """A system through a control host's public address."""
        return self.way.own(system, host or self.way.hosts[0], token=token, timeout=timeout)

    def password(self, person: str) -> str:
        """A made-up person's password."""
        return self.password_file(person).read_text().strip()

    def password_file(self, person: str) -> Path:
        """Where it is: the fleet's own directory keeps its people apart from those of one outside."""
        own = self.folder / "netauth" / person
        return own if own.is_file() else self.folder / "people" / person


def doors(stack: str, fleet: Fleet, outputs: Mapping[str, Mapping[str, Any]], folder: Path) -> Doors:
    """The way in to a stack's control plane by what its outputs say of the hosts."""
    assert fleet.control is not None
    at = {host: f"{outputs[host]['ipv4']}:443" for host in fleet.voters if host in outputs}
    known = [str(outputs[host].get("authority") or "") for host in fleet.voters if host in outputs]
    authorities = "".join(f"{pem.rstrip()}\n" for pem in known if pem)
    return Doors(WayIn(stack, fleet, fleet.control, at), len(at) == len(fleet.voters), authorities, folder)


def await_answers(there: Doors, seconds: float = ANSWER_SECONDS) -> dict[str, vault.State]:
    """Wait until each control host's Vault says how it stands. Raises NotOpenError."""
    end = time.monotonic() + seconds
    while True:
        found = vault.states(there.apis)
        silent = [str(one) for one in found.values() if one.silent is not None]
        if not silent:
            return found
        if time.monotonic() > end:
            raise NotOpenError(f"no answer within {seconds:.0f} s: {'; '.join(silent)}")
        time.sleep(0.5)


def open_up(there: Doors) -> str | None:
    """Initialise Vault if it is new, and unseal each; the root token where it was just made.

    Raises NotOpenError with what is still closed.
    """
    found = await_answers(there)
    root = None
    if not any(one.initialised for one in found.values()):
        holders = there.way.control.unseal.holders
        made = vault.initialise(there.apis, len(holders), there.way.control.unseal.threshold)
        folder = there.folder / "shares"
        shares.prepare(folder)
        shares.write(folder, holders, made.shares)
        root = made.root_token
    end = time.monotonic() + ANSWER_SECONDS
    while closed := [one for one in vault.unseal(there.apis, there.held).values() if not one.open]:
        # One that was too busy to say how it stands has got no share.
        if time.monotonic() > end or not all(one.silent for one in closed):
            raise NotOpenError("; ".join(map(str, closed)))
        time.sleep(0.5)
    if vault.await_active(there.apis) is None:
        raise NotOpenError("every Vault is open, and none leads")
    return root


def operator_of(fleet: Fleet, people: Mapping[str, list[str]]) -> str:
    """The made-up person who may use Vault's management role of Nomad: who brings the fleet up."""
    assert fleet.access is not None
    mighty = {
        group
        for group, it in fleet.access.vault.groups.items()
        if any(
            path in ("nomad/*", "nomad/creds/management")
            for policy in it.policies
            if policy in fleet.access.vault.policies
            for path in fleet.access.vault.policies[policy].paths
        )
    }
    for person, groups in sorted(people.items()):
        if mighty & set(groups):
            return person
    raise NotOpenError(
        f"none of the made-up people is in {', '.join(sorted(mighty)) or 'a group that may run the fleet'}"
    )


def entered(
    there: Doors, person: str, wanted: login.Wanted, seconds: float = LOGIN_SECONDS, *, every: bool = False
) -> dict[str, str]:
    """Log in as a made-up person; patient with servers that are busy or have no leader yet. Names as the environment
    has them.

    A system that this person's groups grant nothing of is left out; with `every` it is waited for like the others.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            session = login.login(there.api("vault"), person, there.password(person), wanted)
            late = {system: why for system, why in session.refused.items() if every or why != login.NO_ROLE}
            if not late:
                login.await_known(there.way, session.tokens)
                return dict(session.tokens)
            problem = "; ".join(f"{system}: {why}" for system, why in late.items())
        except (ApiError, Mistake, FileNotFoundError) as error:
            problem = str(error)
        if time.monotonic() > end:
            raise NotOpenError(f"login of {person}: {problem}")
        time.sleep(1.0)


def tokens(there: Doors, person: str, fleet: Fleet, seconds: float = LOGIN_SECONDS) -> dict[str, str]:
    """Log in as a made-up person who may use all three systems."""
    return entered(there, person, login.wanted(fleet), seconds, every=True)


Apply = Callable[[Sequence[str], Mapping[str, str]], Outcome]
"""Runs the program: layers (none: all), and what the environment says beyond the rehearsal's own."""


def in_order(
    apply: Apply, look: Callable[[], Doors], fleet: Fleet, person: str, inside: Inside, *, bridged: bool
) -> Outcome:
    """Bring the program up on a control plane that may be new, shut, half made or open.

    The very first time its parts come one after the other, since tokens come from a Vault that the program itself
    brings: ground and servers, then Vault's own policies with the root token, people where Vault asks the
    fleet's own directory (`bridged`), then everything with a person's tokens.
    """
    root: str | None = None
    if look().reached and inside(lambda: answering(look())):
        there = look()
        root = inside(lambda: open_up(there))
        mine = {}
        with contextlib.suppress(NotOpenError):
            mine = inside(lambda: tokens(there, person, fleet, 0.0 if root else PATIENCE))
        if mine:
            return whole(apply, there, fleet, mine, inside)
    begun = apply(("ground", "servers"), {})
    if begun.code != 0:
        return begun
    there = look()
    root = inside(lambda: open_up(there)) or root or inside(lambda: vault.root_token(there.api("vault"), there.held))
    begun = apply(("vault",), {"VAULT_TOKEN": root})
    if begun.code != 0:
        return begun
    if bridged:
        begun = apply(("people",), {"VAULT_TOKEN": root})
        if begun.code != 0:
            return begun
    mine = inside(lambda: tokens(there, person, fleet))
    # It has done what it was for, and somebody else has shown that they have a way in.
    inside(lambda: there.api("vault", root).put("/v1/auth/token/revoke-self"))
    return whole(apply, there, fleet, mine, inside)


def whole(apply: Apply, there: Doors, fleet: Fleet, mine: Mapping[str, str], inside: Inside) -> Outcome:
    """The whole program with a person's tokens, and the secrets that its jobs wait for."""
    nomad = there.api("nomad", mine["NOMAD_TOKEN"])

    def write() -> None:
        inside(lambda: secrets.write(fleet, nomad, {"authorities": there.authorities}))

    # As soon as Nomad takes them: `up` waits for services that roll out by their data, and those for their secrets.
    with meanwhile(write):
        outcome = apply((), mine)
    if outcome.code == 0:
        patiently(write)
        if certificates.JOB in fleet.services:
            inside(lambda: patiently(lambda: certificates.obtain(nomad)))
        if origin.JOB in fleet.services:
            origin.fill(fleet)
            inside(lambda: patiently(lambda: origin.first_pages(fleet, nomad)))
    return outcome


@contextlib.contextmanager
def meanwhile(action: Callable[[], object]) -> Iterator[None]:
    """Try something again and again while the block runs, until the servers have taken it once."""
    ended = threading.Event()

    def again() -> None:
        while not ended.is_set():
            with contextlib.suppress(ApiError):
                action()
                return
            ended.wait(2.0)

    thread = threading.Thread(target=again, name="meanwhile", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def patiently(action: Callable[[], T], seconds: float = SETTLE_SECONDS) -> T:
    """Do what may be repeated, until the servers have settled.

    A server that has just got its own tokens starts anew, and knows nobody's newer token until it has caught up.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            return action()
        except ApiError:
            if time.monotonic() > end:
                raise
            time.sleep(1.0)


def answering(there: Doors) -> bool:
    """Whether each Vault says how it stands, open or not."""
    return all(one.silent is None for one in vault.states(there.apis).values())

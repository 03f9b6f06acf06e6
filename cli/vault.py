"""Opening Vault for the first time and after every stop: shares go to each control host's own Vault.

Left out: what a person sees and types (`cli.bootstrap`, `cli.unseal`). A rehearsal calls the functions here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from cli.together import ask
from servers import Api, ApiError, vault_health

Apis = Mapping[str, Api]
"""A control host to the API of its own Vault."""
JOIN_SECONDS = 60.0
_NOT_YET = ("not initialized", "not yet initialized", "raft")


@dataclass(frozen=True)
class State:
    """One host's Vault: what it says of itself, or why it says nothing. `apart`: open, out of touch with its leader."""

    host: str
    silent: str | None = None
    initialised: bool = False
    sealed: bool = True
    active: bool = False
    apart: bool = False
    version: str = ""
    threshold: int = 0
    given: int = 0

    @property
    def open(self) -> bool:
        """Whether it serves."""
        return self.silent is None and self.initialised and not self.sealed

    @property
    def missing(self) -> int:
        """How many more shares it needs."""
        return max(0, self.threshold - self.given) if self.sealed else 0

    def __str__(self) -> str:
        """A line for a person: where, and what is left to do there."""
        at = f"Vault on {self.host}"
        if self.silent is not None:
            return f"{at}: no answer ({self.silent})"
        if not self.initialised:
            return f"{at}: new, it waits for `fleet bootstrap` or to join the others"
        if self.sealed:
            return f"{at}: sealed, {self.missing} more share{'s' if self.missing != 1 else ''}"
        return f"{at}: open{', it leads' if self.active else ', without contact to its leader' if self.apart else ''}"


@dataclass(frozen=True)
class Shares:
    """What `sys/init` gives once. It is in no file and no log unless a person put it there."""

    shares: tuple[str, ...] = field(repr=False)
    root_token: str = field(repr=False)
    threshold: int = 1


class WrongShareError(Exception):
    """Shares that were given do not open this Vault."""


def state(host: str, api: Api) -> State:
    """What one Vault says of itself. Never raises."""
    try:
        health: dict[str, Any] = vault_health(api)
        seal: dict[str, Any] = api.get("/v1/sys/seal-status")
    except ApiError as error:
        return State(host, silent=error.text or str(error))
    if health.get("removed_from_cluster"):
        return State(host, silent="the others have removed it from their cluster")
    leads = not health.get("standby", True) and not health.get("sealed", True)
    # A standby that has never had a leader says nothing of one.
    apart = not leads and health.get("ha_connection_healthy") is False
    return replace(_state(host, seal), active=leads, apart=apart)


def states(apis: Apis, seconds: float = 5.0) -> dict[str, State]:
    """Every host's Vault, asked at once and within a deadline."""
    answers = ask({host: partial(state, host, api) for host, api in apis.items()}, seconds)
    return {host: answer.value or State(host, silent=str(answer.error)) for host, answer in answers.items()}


def initialise(apis: Apis, shares: int, threshold: int, pgp_keys: Sequence[str] = ()) -> Shares:
    """Initialise the first host's Vault; the others join it once it is open. Raises ApiError where it was done before.

    With `pgp_keys` (one for each share, base64 of the public key) each share comes encrypted for its holder.
    """
    body: dict[str, Any] = {"secret_shares": shares, "secret_threshold": threshold}
    if pgp_keys:
        body["pgp_keys"] = list(pgp_keys)
    made = next(iter(apis.values())).put("/v1/sys/init", body)
    return Shares(tuple(made["keys_base64"]), made["root_token"], threshold)


def give(host: str, api: Api, share: str, wait: float = 0.0) -> State:
    """Give one share to one host's Vault. A Vault that is about to join the others is waited for."""
    end = time.monotonic() + wait
    while True:
        try:
            said: dict[str, Any] = api.put("/v1/sys/unseal", {"key": share})
            return _state(host, said)
        except ApiError as error:
            if error.status == 400 and any(word in error.text.lower() for word in _NOT_YET):
                if time.monotonic() < end:
                    time.sleep(0.5)
                    continue
                return State(host)
            if error.status in (400, 500) and not error.sealed:
                raise WrongShareError(error.text) from error
            if error.status is None or error.status >= 502:
                return State(host, silent=error.text or str(error))
            raise


def unseal(apis: Apis, shares: Iterable[str], wait: float = JOIN_SECONDS) -> dict[str, State]:
    """Open every Vault with the given shares and say how each stands then.

    One that knows its keys goes first: a new one can only join when another is open.
    """
    given = list(shares)
    before = states(apis)
    first = [host for host, one in before.items() if one.initialised]
    after = dict(before)
    for host in [*first, *(host for host in apis if host not in first)]:
        if before[host].silent is None and not before[host].open:
            after[host] = _open(host, apis[host], given, wait)
            if after[host].open and not first:
                first.append(host)
    return after


def await_open(host: str, api: Api, seconds: float) -> State:
    """One host's Vault as soon as it is open, or as it stands when the time is over."""
    end = time.monotonic() + seconds
    while True:
        now = state(host, api)
        if now.open or time.monotonic() >= end:
            return now
        time.sleep(0.3)


def await_active(apis: Apis, seconds: float = JOIN_SECONDS) -> str | None:
    """The host whose Vault leads, as soon as one does; None where none did in time."""
    end = time.monotonic() + seconds
    while True:
        leading = [host for host, one in states(apis).items() if one.open and one.active]
        if leading or time.monotonic() >= end:
            return leading[0] if leading else None
        time.sleep(0.3)


def root_token(api: Api, shares: Iterable[str]) -> str:
    """A new root token, made with shares: for who has no other way in. The one who asks must revoke it."""
    api.delete("/v1/sys/generate-root/attempt")
    begun = api.put("/v1/sys/generate-root/attempt", {})
    for share in shares:
        said = api.put("/v1/sys/generate-root/update", {"key": share, "nonce": begun["nonce"]})
        if said["complete"]:
            return _decoded(said["encoded_token"], begun["otp"])
    api.delete("/v1/sys/generate-root/attempt")
    raise WrongShareError(f"{begun['required']} shares are needed for a root token, and fewer were given")


def _open(host: str, api: Api, shares: list[str], wait: float) -> State:
    """Give shares to one Vault until it is open, and wait until it says so itself."""
    now = State(host)
    for share in shares:
        now = give(host, api, share, wait)
        if now.silent is not None or now.open:
            break
        if now.initialised and now.sealed and now.given == 0:
            break  # all that were needed came, and it goes on by itself: it has joined and fetches the data
    return await_open(host, api, wait if len(shares) >= max(1, now.threshold) else 0.0)


def _state(host: str, seal: Mapping[str, Any]) -> State:
    return State(
        host,
        initialised=bool(seal.get("initialized")),
        sealed=bool(seal.get("sealed", True)),
        version=str(seal.get("version", "")),
        threshold=int(seal.get("t") or 0),
        given=int(seal.get("progress") or 0),
    )


def _decoded(encoded: str, otp: str) -> str:
    """Vault hides the new token under a password of the same length that only the one who asked was told."""
    import base64

    hidden = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    return bytes(a ^ b for a, b in zip(hidden, otp.encode(), strict=True)).decode()

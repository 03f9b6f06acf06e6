"""New unseal shares for Vault: the old ones hold until enough of the new ones were given back, so that none is lost.

Shares travel in requests and to their holders (cli.shares); they are in no command line, no log and no message.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cli import shares as handing
from cli.asking import say, secret
from cli.mistake import Mistake
from servers import Api, ApiError

GiveBack = Callable[[Sequence[str]], Sequence[str]]
"""Hands shares to their holders, and returns as many as open Vault, as the holders kept them."""


def under_way(vault: Api) -> str | None:
    """The nonce of a rekeying that somebody began; None where there is none."""
    said = vault.get("/v1/sys/rekey/init")
    return str(said["nonce"]) if said.get("started") else None


def cancel(vault: Api, nonce: str) -> None:
    """End a rekeying; the shares that there are stay as they are."""
    vault.delete("/v1/sys/rekey/init", {"nonce": nonce})


def rekey(
    vault: Api, given: Sequence[str], shares: int, threshold: int, hand_over: GiveBack, pgp_keys: Sequence[str] = ()
) -> None:
    """Make new shares with enough of the present ones. Raises Mistake, and then the present ones still hold."""
    body: dict[str, Any] = {"secret_shares": shares, "secret_threshold": threshold, "require_verification": True}
    if pgp_keys:
        body["pgp_keys"] = list(pgp_keys)
    begun = vault.put("/v1/sys/rekey/init", body)
    nonce = str(begun["nonce"])
    try:
        made = _made(vault, nonce, given, int(begun["required"]))
        _proved(vault, str(made["verification_nonce"]), hand_over(tuple(made["keys_base64"])), threshold)
    except BaseException:
        # An interrupt counts as well: what is half made would stop the next attempt.
        if (left := under_way(vault)) is not None:
            cancel(vault, left)
        raise


def _made(vault: Api, nonce: str, given: Sequence[str], required: int) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for share in given:
        try:
            said = vault.put("/v1/sys/rekey/update", {"key": share, "nonce": nonce})
        except ApiError as error:
            if error.unavailable:
                raise
            raise _wrong(f"Vault refuses them ({error.text})") from None
        if said.get("complete"):
            return said
    raise _wrong(f"{required} different ones are needed, and {len(set(given))} were given")


def _wrong(what: str) -> Mistake:
    return Mistake(
        "present shares",
        what,
        "new shares are made with as many of the present ones as open Vault",
        "ask the holders, and run it again; the present shares still hold",
    )


def _proved(vault: Api, nonce: str, kept: Sequence[str], threshold: int) -> None:
    for share in kept:
        try:
            if vault.put("/v1/sys/rekey/verify", {"key": share, "nonce": nonce}).get("complete"):
                return
        except ApiError as error:
            if error.unavailable:
                raise
            break
    raise Mistake(
        "new shares",
        f"{threshold} different ones that are right were not given back",
        "the new shares hold when it is shown that they were kept",
        "run it again; the present shares still hold, and the new ones are worth nothing",
    )


def to_files(folder: Path, holders: Sequence[str], threshold: int) -> GiveBack:
    """Each share into a file that only its owner reads; given back is what is read there again."""
    handing.prepare(folder)

    def hand_over(shares: Sequence[str]) -> Sequence[str]:
        handing.write(folder, holders, shares)
        say(f"{len(shares)} new shares are in {folder}, one file for each holder; the old files there are overwritten.")
        return handing.read(folder, holders)[:threshold]

    return hand_over


def to_people(holders: Sequence[str], threshold: int, encrypted: bool) -> GiveBack:
    """Each share to its holder's eyes at this terminal; then as many as open Vault are typed again."""
    if not sys.stdin.isatty():
        raise Mistake(
            "fleet rotate",
            "no terminal to show the shares at",
            "each holder sees their own share once, or it is written to a file of its own",
            "run it at a terminal, or name a folder with --shares-to",
        )

    def hand_over(shares: Sequence[str]) -> Sequence[str]:
        handing.show(holders, shares, encrypted)
        say(f"Now {threshold} holders show that they have it: nothing changes before that.")
        what = "New share, decrypted" if encrypted else "New share"
        return [secret(f"{what}, {number} of {threshold}") for number in range(1, threshold + 1)]

    return hand_over

"""A shared secret made anew: by the tool that its `rotate:` names, or by a person who then says that it is done."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli import roster_passphrase, roster_rekey
from cli import shares as handing
from cli.asking import say, secret, secrets
from cli.mistake import Mistake
from cli.roster_secrets import Known
from cli.way_in import WayIn, way_in

REKEY, PASSPHRASE = "vault operator rekey", "pulumi stack change-secrets-provider"


@dataclass(frozen=True)
class Shares:
    """Who holds unseal shares from now on (none: as before), and how they get to them."""

    holders: Sequence[str] = ()
    folder: Path | None = None
    pgp_keys: Path | None = None


def rotate(stack: str, one: Known, shares: Shares) -> None:
    """Make a secret anew. Returns when it is; raises Mistake where it is not."""
    if REKEY in one.rotate:
        unseal_shares(way_in(stack), shares)
    elif PASSPHRASE in one.rotate:
        environment, new = roster_passphrase.asked()
        roster_passphrase.change(stack, environment, new)
    elif not _is_done(one):
        raise Mistake(
            one.name,
            f"is made anew by hand: {one.rotate}",
            "what is written down as done was done",
            f"do it, then: fleet rotate {one.name} --done",
        )


def unseal_shares(way: WayIn, shares: Shares) -> None:
    """New shares for the holders, made with the present ones: a line each on standard input, or asked for."""
    unseal = way.control.unseal
    holders = tuple(shares.holders) or unseal.holders
    if len(holders) < unseal.threshold:
        raise Mistake(
            "--holder",
            f"{len(holders)} would hold a share, and {unseal.threshold} open Vault",
            "enough people hold shares",
            "name each holder with --holder, those who stay too",
        )
    encrypted = handing.public_keys(shares.pgp_keys, holders) if shares.pgp_keys else []
    if shares.folder is not None and not encrypted:
        hand_over = roster_rekey.to_files(shares.folder, holders, unseal.threshold)
    else:
        hand_over = roster_rekey.to_people(holders, unseal.threshold, bool(encrypted))
    vault = way.anonymous("vault")
    if roster_rekey.under_way(vault) is not None:
        raise Mistake(
            "vault operator rekey",
            "is under way already",
            "one change of shares ends before the next begins",
            "let it end, or end it with `vault operator rekey -cancel`",
        )
    say(f"{len(holders)} new shares, any {unseal.threshold} open Vault: for {', '.join(holders)}.")
    say(f"{unseal.threshold} of the present holders ({', '.join(unseal.holders)}) give theirs.")
    roster_rekey.rekey(vault, _present(unseal.threshold), len(holders), unseal.threshold, hand_over, encrypted)
    say("The new shares hold; the old ones open nothing any more.")


def _present(threshold: int) -> list[str]:
    if not sys.stdin.isatty():
        return secrets("Present shares")
    return [secret(f"Present share {number} of {threshold}") for number in range(1, threshold + 1)]


def _is_done(one: Known) -> bool:
    if not sys.stdin.isatty():
        return False
    print(f"{one.name}: {one.rotate}\nIs it done? (yes) ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == "yes"

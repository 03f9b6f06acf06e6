"""The very first time: Vault is made, its shares go to their holders, and one root token sets up everybody's own way.

Every step says what was done before, so the command can be run again after any interruption.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from cli import shares as handing
from cli import vault
from cli.asking import say
from cli.login import login, logout, wanted
from cli.mistake import Mistake
from cli.shell import hand_over, surroundings
from cli.way_in import TOKEN, WayIn
from servers import Api, ApiError

NEXT = """\
The root token may do everything and is for one thing: it gives people their own way in.
  1. make up STACK={stack} ONLY=vault
  2. fleet bootstrap -s {stack} --finish --as NAME   (NAME logs in; then the root token is revoked)
  3. fleet login -s {stack}, then make up STACK={stack}"""


def bootstrap(way: WayIn, folder: Path | None, keys: Path | None, wait: float) -> None:
    """Take the first steps that are still to be done."""
    unseal = way.control.unseal
    encrypted = handing.public_keys(keys, unseal.holders) if keys else []
    if folder:
        handing.prepare(folder)
    elif not sys.stdin.isatty():
        raise Mistake(
            "fleet bootstrap",
            "no terminal to show the shares at",
            "each holder sees their own share once, or it is written to a file of its own",
            "run it at a terminal, or name a folder with --shares-to",
        )
    apis = {host: way.own("vault", host, timeout=30.0) for host in way.hosts}
    before = await_all(apis, wait)
    if any(one.initialised for one in before.values()):
        _go_on(way, apis, folder, encrypted=bool(encrypted))
        return
    say(f"Making Vault on {way.hosts[0]}: {len(unseal.holders)} shares, any {unseal.threshold} open it.")
    made = vault.initialise(apis, len(unseal.holders), unseal.threshold, encrypted)
    if folder:
        handing.write(folder, unseal.holders, made.shares)
        say(f"{len(made.shares)} shares are in {folder}, one file for each holder.")
    else:
        handing.show(unseal.holders, made.shares, encrypted=bool(encrypted))
    if encrypted:
        say("Now the holders decrypt their shares and open every Vault with `fleet unseal`.")
    else:
        _opened(apis, vault.unseal(apis, made.shares))
    _hand_over_root(way, made.root_token)


def await_all(apis: Mapping[str, Api], wait: float) -> dict[str, vault.State]:
    """Wait until every control host's Vault answers. Raises Mistake, with the reason of a silent one."""
    end = time.monotonic() + wait
    said: set[str] = set()
    while True:
        now = vault.states(apis)
        silent = {host: one for host, one in now.items() if one.silent is not None}
        if not silent:
            return now
        for one in silent.values():
            if str(one) not in said:
                say(f"waiting: {one}")
                said.add(str(one))
        if time.monotonic() >= end:
            raise Mistake(
                f"Vault on {', '.join(silent)}",
                f"no answer within {wait:g} s ({next(iter(silent.values())).silent})",
                "Vault is made when all control hosts answer over their public name",
                "bring them up with `make up ONLY=servers`, and look with `fleet log <host>`",
            )
        time.sleep(1.0)


def finish(way: WayIn, person: str, password: str) -> None:
    """Show that a person can log in, then revoke the root token of this shell."""
    root = way.api("vault")
    if not _is_root(root):
        raise Mistake(
            TOKEN["vault"],
            "is no root token that works",
            "the root token of `fleet bootstrap` is revoked from the shell that has it",
            "if it was revoked already nothing is left to do; `fleet login` shows whether people can log in",
        )
    session = login(way.anonymous("vault"), person, password, wanted(way.fleet))
    mine = way.api("vault", token=session.tokens[TOKEN["vault"]])
    if not session.policies:
        logout(mine)
        raise Mistake(
            f"login of {person}",
            "works, and gives no rights at all",
            "the root token goes when somebody else can do what is needed",
            "put the person into a group of the directory that access.vault.groups names, then try again",
        )
    logout(mine)
    say(f"{person} can log in, with {', '.join(session.policies)}.")
    logout(root)
    say("The root token is revoked. From now on: `fleet login`.")


def _go_on(way: WayIn, apis: vault.Apis, folder: Path | None, encrypted: bool) -> None:
    """Vault was made before: open it where shares are at hand, and say what is left."""
    given = handing.read(folder, way.control.unseal.holders) if folder and not encrypted else []
    now = vault.states(apis)
    say("Vault was made before; no new shares.")
    if given and not all(one.open for one in now.values()):
        now = vault.unseal(apis, given)
    _opened(apis, now)
    if not all(one.open for one in now.values()):
        say("What is left: `fleet unseal`, by as many holders as are missing.")
        return
    token = way.api("vault")
    if _is_root(token):
        say("This shell has a root token.")
        say(NEXT.format(stack=way.stack))
    elif given:
        say("A new root token is made with the shares.")
        _hand_over_root(way, vault.root_token(next(iter(apis.values())), given))
    else:
        say("Nothing is left to do here: `fleet login`. Who has no way in at all: docs/runbooks/control.md.")


def _opened(apis: vault.Apis, after: Mapping[str, vault.State]) -> None:
    if all(one.open for one in after.values()):
        vault.await_active(apis)
        after = vault.states(apis)
    for one in after.values():
        say(str(one))


def _hand_over_root(way: WayIn, token: str) -> None:
    say(NEXT.format(stack=way.stack))
    say("Revoke it without the rest: `fleet logout`. Nothing keeps a copy of it.")
    if sys.stdout.isatty():
        say("This shell has it; leaving the shell revokes it.")
    names = surroundings(way, {TOKEN["vault"]: token}, "root")
    if hand_over(names):
        root = way.api("vault", token=token)
        if _is_root(root):
            logout(root)
            say("The root token is revoked. If people cannot log in yet, `fleet bootstrap --root` makes another.")


def new_root(way: WayIn, given: list[str]) -> None:
    """A root token for whoever has no other way in, made with as many shares as open Vault."""
    try:
        token = vault.root_token(way.anonymous("vault"), given)
    except vault.WrongShareError as error:
        raise Mistake(
            "shares", str(error), "a root token needs as many shares as open Vault", "ask the holders, then try again"
        ) from None
    _hand_over_root(way, token)


def _is_root(api: Api) -> bool:
    try:
        found = api.get("/v1/auth/token/lookup-self")
    except ApiError as error:
        if error.unavailable:
            raise
        return False
    return "root" in found["data"]["policies"]

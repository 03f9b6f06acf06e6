"""The verbs with which people get in: login, logout, and opening Vault."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from cli import bootstrap as first
from cli import login as logins
from cli.asking import name, say, secret, secrets
from cli.login_directory import place as people_place
from cli.login_directory import tokens as people_tokens
from cli.mistake import Mistake
from cli.shell import hand_over, lasting, surroundings, told, unsets
from cli.unseal import unseal as give_share
from cli.way_in import TOKEN, way_in
from servers import Api, ApiError

Stack = Annotated[str, typer.Option("--stack", "-s", envvar="FLEET_STACK", help="a stack of the project")]
As = Annotated[str | None, typer.Option("--as", metavar="NAME", help="your name in the fleet's directory")]


def login(
    stack: Stack,
    as_: As = None,
    nomad: Annotated[str | None, typer.Option(metavar="ROLE", help="which rights in Nomad; else the first")] = None,
    consul: Annotated[str | None, typer.Option(metavar="ROLE", help="which rights in Consul; else the first")] = None,
) -> None:
    """Get tokens of Vault, Nomad, Consul and the directory: a shell at a terminal, else lines for `eval`."""
    way = way_in(stack)
    person, roles = name(as_), logins.wanted(way.fleet, nomad, consul)
    api = way.anonymous("vault")
    password = secret(f"Password of {person}")
    session = logins.login(api, person, password, roles)
    people, no_people = people_tokens(people_place(way.fleet), person, password)
    logins.await_known(way, session.tokens)
    say(f"Vault: {', '.join(session.policies) or 'no rights'}, {lasting(session.seconds['vault'])}")
    for system in ("nomad", "consul"):
        if system in session.roles:
            say(f"{system.capitalize()}: {session.roles[system]}, {lasting(session.seconds[system])}")
        else:
            say(f"{system.capitalize()}: no token, {session.refused[system]}")
    if people or no_people:
        say(f"Directory of people: {(no_people and f'no token, {no_people}') or 'a token, for some minutes'}")
    if session.more:
        say(f"Also yours with --nomad or --consul: {', '.join(session.more)}")
    ends = session.ends
    names = surroundings(way, {**session.tokens, **people}, told(person, ends))
    if sys.stdout.isatty():
        say("`exit` ends this login and its tokens.")
    if hand_over(names):
        _forget(way.api("vault", token=session.tokens[TOKEN["vault"]]), ends)


def logout(stack: Stack) -> None:
    """Revoke the tokens of this shell's login."""
    way = way_in(stack)
    if not _token_there():
        raise Mistake(
            TOKEN["vault"], "is not set, so this shell has no login", "a login ends where it began", "nothing to do"
        )
    logins.logout(way.api("vault"))
    say("Revoked: the Vault token and the Nomad and Consul tokens that came with it.")
    if sys.stdout.isatty():
        say("They are still set in this shell: `exit` it.")
    else:
        print(unsets(), end="")


def bootstrap(
    stack: Stack,
    as_: As = None,
    shares_to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="write one file for each holder instead of showing shares")
    ] = None,
    pgp_keys: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="encrypt each share for <holder>.asc of this folder")
    ] = None,
    wait: Annotated[float, typer.Option(help="seconds to wait for the control hosts")] = 300.0,
    finish: Annotated[bool, typer.Option("--finish", help="when a person can log in: revoke the root token")] = False,
    root: Annotated[bool, typer.Option("--root", help="emergency: a new root token, made with shares")] = False,
) -> None:
    """Make Vault the first time: shares to their holders, all three opened, one root token to go on with."""
    way = way_in(stack)
    if finish:
        person = name(as_)
        first.finish(way, person, secret(f"Password of {person}"))
    elif root:
        first.new_root(way, _enough_shares(way.control.unseal.threshold))
    else:
        first.bootstrap(way, shares_to, pgp_keys, wait)


def unseal(
    stack: Stack, hosts: Annotated[list[str] | None, typer.Argument(metavar="HOST", help="none: all")] = None
) -> None:
    """Give your share to the Vault of each control host, and see what is left to do."""
    if not give_share(way_in(stack), hosts):
        raise typer.Exit(1)


def add(app: typer.Typer) -> None:
    """Make these verbs known."""
    for verb in (login, logout, bootstrap, unseal):
        app.command()(verb)


def _token_there() -> bool:
    return bool(os.environ.get(TOKEN["vault"]))


def _enough_shares(threshold: int) -> list[str]:
    if not sys.stdin.isatty():
        return secrets("Shares")
    return [secret(f"Share {number} of {threshold}") for number in range(1, threshold + 1)]


def _forget(api: Api, ends: float) -> None:
    """The shell of a login has ended: so do its tokens, unless they ended before."""
    try:
        logins.logout(api)
        say("Logged out: the tokens are revoked.")
    except ApiError as error:
        if error.unavailable and time.time() < ends:
            say(f"The tokens could not be revoked ({error.text}); they end by themselves.")

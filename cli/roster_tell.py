"""Words to the others: a note to the channel and a mail, sent where there is a way, else said for a person to send."""

from __future__ import annotations

import os
import smtplib
from collections.abc import Sequence
from email.message import EmailMessage

import httpx

from cli.asking import say
from cli.roster_words import roster_of
from model import Fleet

HOOK, SMTP, SENDER = "FLEET_CHANNEL_HOOK", "FLEET_SMTP", "FLEET_MAIL_FROM"
SECONDS = 10.0


class UntoldError(Exception):
    """A way to tell people that did not work; for the person at the terminal."""


def channel(fleet: Fleet, text: str) -> bool:
    """A note to the roster's channel, by the bridge that $FLEET_CHANNEL_HOOK names. False: to be posted by hand.

    The bridge takes `{"channel": "#name", "text": …}`. Its address may hold a secret and is shown nowhere.
    """
    where = roster_of(fleet).settings.welcome.channel
    hook = os.environ.get(HOOK)
    if not hook:
        say(f"Post this to {where} (no bridge: {HOOK} is not set):\n    {text}")
        return False
    try:
        httpx.post(hook, json={"channel": where, "text": text}, timeout=SECONDS).raise_for_status()
    except httpx.HTTPStatusError as error:
        raise UntoldError(f"the bridge to {where} refuses ({error.response.status_code})") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UntoldError(f"the bridge to {where} does not answer ({type(error).__name__})") from None
    return True


def operators(fleet: Fleet) -> tuple[str, ...]:
    """The mail aliases of the teams that operate the fleet: those with sudo, or that change the directory."""
    teams = [team.grants for team in roster_of(fleet).teams.values()]
    found = [
        it.mail
        for it in teams
        if it.mail and ((it.hosts and it.hosts.sudo) or (it.netauth and it.netauth.capabilities))
    ]
    return tuple(dict.fromkeys(found))


def mail(to: Sequence[str], subject: str, text: str) -> bool:
    """A mail by the server that $FLEET_SMTP names (`host` or `host:port`). False: to be sent by hand."""
    server = os.environ.get(SMTP)
    if not to:
        say("No team of operators has a mail alias: nobody gets a mail.")
        return False
    if not server:
        say(f"Mail this to {', '.join(to)} ({SMTP} is not set): {subject}\n    {text}")
        return False
    message = EmailMessage()
    message["From"] = os.environ.get(SENDER) or f"fleet@{to[0].partition('@')[2]}"
    message["To"] = ", ".join(to)
    message["Subject"] = subject
    message.set_content(text)
    host, _, port = server.partition(":")
    try:
        with smtplib.SMTP(host, int(port or 25), timeout=SECONDS) as connection:
            connection.send_message(message)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise UntoldError(f"the mail server {host} did not take the mail ({type(error).__name__}: {error})") from None
    return True

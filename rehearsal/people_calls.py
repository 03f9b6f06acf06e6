"""`python -m rehearsal.people_calls`: asks the rehearsal's NetAuth server, from inside the rehearsal's network.

A process of its own, since a connection's threads do not follow one thread into another network. What it is to do comes
by standard input and what it found goes to standard output, both as JSON: passwords and tokens are no arguments. With
`--lines` each line is a question, for whoever asks every second and has no time for a start of Python each time.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from providers.netauth.calls import Calls, NetAuthError, Place
from providers.netauth.client import Client


def token(place: Place, name: str, secret: str, patience: float) -> dict[str, Any]:
    """A token of somebody, or why there is none."""
    try:
        return {"token": Calls(place, patience=patience).token(name, secret)}
    except NetAuthError as error:
        return {"problem": str(error)}


def settle(place: Place, held: str, passwords: dict[str, str], first: str) -> dict[str, Any]:
    """Give people their passwords, and lock the entity with which all began."""
    client = Client(Calls(place, token=lambda: held))
    try:
        for name, secret in sorted(passwords.items()):
            found = client.entity(name)
            if found is not None and not found.locked:
                client.set_secret(name, secret)
        if client.entity(first) is not None:
            client.set_locked(first, True)
    except NetAuthError as error:
        return {"problem": str(error)}
    return {}


def look(place: Place, name: str) -> dict[str, Any]:
    """Somebody as the directory knows them; nothing for nobody."""
    found = Client(Calls(place)).entity(name)
    return asdict(found) if found is not None else {}


def answered(asked: dict[str, Any]) -> dict[str, Any]:
    """What came of one question, over a connection of its own."""
    place = Place(**asked["place"])
    if asked["verb"] == "token":
        return token(place, asked["name"], asked["secret"], asked["patience"])
    if asked["verb"] == "look":
        return look(place, asked["name"])
    return settle(place, asked["token"], asked["passwords"], asked["first"])


def main() -> int:
    """Do what is asked."""
    if sys.argv[1:] == ["--lines"]:
        for line in sys.stdin:
            print(json.dumps(answered(json.loads(line))), flush=True)
        return 0
    json.dump(answered(json.load(sys.stdin)), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())

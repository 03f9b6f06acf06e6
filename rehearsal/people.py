"""The people of the rehearsal's roster: keys to come in with, passwords, and the operator's token of the directory.

Keys and passwords are of this rehearsal alone: files of its own folder that only its owner reads. A token is asked for
whenever one is needed and kept nowhere.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.roster import directory
from model import Fleet
from rehearsal import checks, engine
from rehearsal.control import NotOpenError
from rehearsal.logins import members
from rehearsal.testhosts import settings
from toolchain.places import ROOT

# With whom it all begins: made on the server's host, and locked once people can do the same.
FIRST = "first"
# The server waits for its certificate, which waits for the control hosts.
PATIENCE = 60.0


@dataclass(frozen=True)
class Doors:
    """How the rehearsal reaches its directory."""

    fleet: Fleet
    run: Path
    outputs: Mapping[str, Mapping[str, Any]]
    key: Path

    @property
    def place(self) -> dict[str, Any]:
        """As the provider has it."""
        wish = directory.settings(self.fleet)
        assert wish is not None
        address = directory.address(self.fleet) or ""
        return {"server": wish.server, "address": address, "port": wish.port, "authorities": self.authorities}

    @property
    def authorities(self) -> str:
        """The control hosts' own authorities, as the stack knows them."""
        known = [str(self.outputs[name].get("authority") or "") for name in self.fleet.voters if name in self.outputs]
        return "".join(f"{pem.rstrip()}\n" for pem in known if pem)

    @property
    def passwords(self) -> Path:
        """One file for each person."""
        return self.run / "operator" / "netauth"


def key_folder(run: Path) -> Path:
    """Where people's keys are."""
    return run / "people-keys"


def trust_file(run: Path) -> Path:
    """Whom to trust for the directory's server."""
    return run / "netauth-ca.pem"


def make_keys(fleet: Fleet, run: Path) -> None:
    """A pair for each person who is here or was, once."""
    folder = key_folder(run)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for handle in fleet.roster.people if fleet.roster is not None else ():
        file = folder / handle
        if not (file.is_file() and file.with_suffix(".pub").is_file()):
            file.unlink(missing_ok=True)
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{handle}@rehearsal", "-f", str(file)]
            subprocess.run(words, check=True)


def tokens(doors: Doors) -> dict[str, str]:
    """The operator's token of the directory, as the environment has it; nothing without a directory.

    A directory that is new gets its first entity, by a person with a way in to its host. Raises NotOpenError.
    """
    if not directory.hosts(doors.fleet) or not doors.authorities:
        return {}
    trust_file(doors.run).write_text(doors.authorities)
    operator = operator_of(doors.fleet)
    file = doors.passwords / operator
    if file.is_file():
        found = ask(doors, {"verb": "token", "name": operator, "secret": file.read_text().strip(), "patience": 20.0})
        if "token" in found:
            return {"FLEET_NETAUTH_TOKEN": str(found["token"])}
    secret = begin(doors)
    found = ask(doors, {"verb": "token", "name": FIRST, "secret": secret, "patience": PATIENCE})
    if "token" not in found:
        raise NotOpenError(f"the directory: {found['problem']}")
    return {"FLEET_NETAUTH_TOKEN": str(found["token"])}


def begin(doors: Doors) -> str:
    """Make the first entity on the server's host; its secret, which is kept nowhere. Raises NotOpenError."""
    host = directory.hosts(doors.fleet)[0]
    operator = checks.Operator(doors.key, doors.run / "operator" / "known_hosts", doors.outputs)
    operator.write_known_hosts()
    secret, end = secrets.token_urlsafe(32), time.monotonic() + PATIENCE
    command = engine.inside_network(operator.ssh(host, f"sudo fleet-netauth root {FIRST}"), settings.internet())
    while True:
        done = subprocess.run(command, input=f"{secret}\n", capture_output=True, text=True)
        if done.returncode == 0:
            return secret
        if time.monotonic() > end:
            raise NotOpenError(f"{host} makes no first entity of the directory: {(done.stdout + done.stderr).strip()}")
        time.sleep(1.0)


def settle(doors: Doors, token: Mapping[str, str]) -> None:
    """After an apply: everybody has a password, and the first entity, which has done what it was for, is locked."""
    if not token:
        return
    known: dict[str, str] = {}
    doors.passwords.mkdir(mode=0o700, parents=True, exist_ok=True)
    for handle in members(doors.fleet):
        file = doors.passwords / handle
        if not file.is_file():
            known[handle] = secrets.token_urlsafe(18)
    found = ask(
        doors, {"verb": "settle", "token": token["FLEET_NETAUTH_TOKEN"], "passwords": known, "first": FIRST}
    )  # fmt: skip
    if "problem" in found:
        raise NotOpenError(f"the directory: {found['problem']}")
    for handle, secret in known.items():
        file = doors.passwords / handle
        file.touch(mode=0o600)
        file.write_text(secret + "\n")


def operator_of(fleet: Fleet) -> str:
    """The made-up person who may change everything in the directory. Raises NotOpenError."""
    assert fleet.roster is not None
    mighty = {
        name
        for name, team in fleet.roster.teams.items()
        if team.grants.netauth is not None and "GLOBAL_ROOT" in team.grants.netauth.capabilities
    }
    for handle in members(fleet):
        if mighty & set(fleet.roster.people[handle].teams):
            return handle
    raise NotOpenError("nobody of the roster may change everything in the directory (capability GLOBAL_ROOT)")


def calls(*words: str) -> list[str]:
    """The command line of people_calls, to be run in the project's folder."""
    return engine.inside_network([sys.executable, "-m", "rehearsal.people_calls", *words], settings.internet())


def question(doors: Doors, what: dict[str, Any]) -> str:
    """What people_calls is to do, as it reads it."""
    return json.dumps({**what, "place": doors.place})


def ask(doors: Doors, what: dict[str, Any]) -> dict[str, Any]:
    """Have people_calls do something."""
    done = subprocess.run(calls(), cwd=ROOT, input=question(doors, what), capture_output=True, text=True)
    if done.returncode != 0:
        return {"problem": done.stderr.strip().rpartition("\n")[2] or f"ended with {done.returncode}"}
    found: dict[str, Any] = json.loads(done.stdout)
    return found

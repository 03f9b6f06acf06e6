"""One person's ways in to the rehearsal, each tried once a second: when was the last time that it worked?

New logins and live sessions on every host and in devspace, root by sudo that was asked for its password before, a token
of the directory, a login at Vault, tokens of Vault, Nomad and Consul that they hold, and the membership at GitHub.
"""

from __future__ import annotations

import functools
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli import login
from cli.roster_github import organisation
from model import Fleet
from model.placement import all_groups, eligible
from rehearsal import control, driver, engine, people
from rehearsal.checks import Operator
from rehearsal.place import Place, place
from rehearsal.preview import ask
from rehearsal.testhosts import network, settings
from servers import ApiError
from tests.devspace.client import sftp
from tests.load.sessions import ASIDE, Asking, Files, Session

PAUSE = 1.0
# After so many seconds a question has no answer, which counts as if they still came in: not for long, then.
UNANSWERED = 5.0
SELF = {
    "vault": ("VAULT_TOKEN", "/v1/auth/token/lookup-self"),
    "nomad": ("NOMAD_TOKEN", "/v1/acl/token/self"),
    "consul": ("CONSUL_HTTP_TOKEN", "/v1/acl/token/self"),
}
# What a session says every second, and whether it could still become root. On their first visit no password is kept,
# and a busy directory that answers late is a refusal: sudo is asked again.
SESSION = (
    'read secret; for turn in 1 2 3 4 5; do [ "$secret" ] || break; '
    'echo "$secret" | sudo -S -v 2>/dev/null && break; sleep 1; done; '
    "while :; do sudo -n true 2>/dev/null && echo root || echo in; sleep 1; done"
)


SFTP_PORT = 2022


def place_of(fleet: Fleet) -> str:
    """The machine where devspace is."""
    ((service, placed), *_) = [
        (service, placed)
        for service, placed in all_groups(fleet)
        if placed.service == "devspace" and "sftp" in placed.group.ports
    ]
    return next(iter(eligible(fleet, service, placed)))


def sftp_of(
    name: str, fleet: Fleet, reached: Mapping[str, Mapping[str, Any]], at: Place, connect: int = 15
) -> list[str]:
    """The command line of somebody's sftp in the rehearsal's devspace. `connect`: seconds that it tries to."""
    key, address = people.key_folder(at.run) / name, reached[place_of(fleet)]["ipv4"]
    words = sftp(key, f"{name}@{address}", SFTP_PORT, "-o", f"ConnectTimeout={connect}")
    return engine.inside_network(words, settings.internet())


def _ends_well(argv: Sequence[str], said: bytes | None = None) -> bool:
    try:
        done = subprocess.run(argv, input=said, capture_output=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


@dataclass
class Way:
    """One way in: `works` is asked again and again; `last` is when it last worked."""

    name: str
    works: Callable[[], bool]
    last: float = 0.0
    first: float = 0.0

    def watch(self, ended: threading.Event) -> None:
        """Try once a second until told to end."""
        while not ended.is_set():
            begun = time.monotonic()
            if self.works():
                # It worked at some moment of the try: the later end counts.
                self.last = time.monotonic()
                self.first = self.first or self.last
            ended.wait(max(0.0, PAUSE - (time.monotonic() - begun)))


@dataclass
class Leaver:
    """Somebody of the roster, with all that they can try."""

    name: str
    fleet: Fleet
    hosts: tuple[str, ...]
    sudo: bool
    devspace: bool = True
    at: Place = field(default_factory=place)
    sessions: dict[str, Session] = field(default_factory=dict)
    files: Files | None = None
    tokens: dict[str, str] = field(default_factory=dict)
    asking: Asking | None = None

    # What follows does not change while they are here, and is asked by every try of every way in.

    @functools.cached_property
    def reached(self) -> dict[str, dict[str, Any]]:
        return driver.outputs(self.at)

    @functools.cached_property
    def doors(self) -> people.Doors:
        return people.Doors(self.fleet, self.at.run, self.reached, self.at.key)

    @functools.cached_property
    def control(self) -> control.Doors:
        return control.doors(engine.STACK, self.fleet, self.reached, self.at.key.parent)

    @functools.cached_property
    def secret(self) -> str:
        return self.control.password(self.name)

    def ssh(self, host: str, command: str) -> list[str]:
        """The command line of an ssh of theirs."""
        key, known = people.key_folder(self.at.run) / self.name, self.at.run / "operator" / "known_hosts"
        inner = Operator(key, known, self.reached, self.name).ssh(host, command)
        return [*ASIDE, *engine.inside_network(inner, settings.internet())]

    def comes_in(self, host: str) -> bool:
        """Whether a new login on a host succeeds."""
        return _ends_well(self.ssh(host, "true"))

    def sftp(self) -> list[str]:
        """The command line of an sftp of theirs, which reads its commands from standard input."""
        return sftp_of(self.name, self.fleet, self.reached, self.at)

    def comes_to_devspace(self) -> bool:
        """Whether a new login in devspace succeeds."""
        return _ends_well(self.sftp(), b"ls\n")

    def enter(self) -> None:
        """Come in everywhere: sessions that stay, and tokens."""
        self.asking = Asking(self.doors)
        if self.devspace:
            self.files = Files(self.sftp())
        for host in self.hosts:
            self.sessions[host] = Session(self.ssh(host, SESSION), self.secret if self.sudo else "")
        wanted = login.wanted(self.fleet)
        self.tokens = network.from_internet(lambda: control.entered(self.control, self.name, wanted))

    def insist(self) -> None:
        """Once more where a session ended before it began, as on a machine that had too much to do."""
        sessions: list[Session | Files] = [*self.sessions.values(), *filter(None, [self.files])]
        for one in sessions:
            if not one.heard and one.child.poll() is not None:
                one.begin()

    def holds(self, system: str) -> bool:
        """Whether a token that they hold is good."""
        variable, path = SELF[system]
        return self._asked(lambda: self.control.api(system, self.tokens[variable], timeout=UNANSWERED).get(path))

    def vault_lets_in(self) -> bool:
        body = {"password": self.secret}
        vault = self.control.api("vault", timeout=UNANSWERED)
        return self._asked(lambda: vault.put(f"/v1/auth/ldap/login/{self.name}", body))

    def directory_lets_in(self) -> bool:
        assert self.asking is not None, "nobody came in yet"
        found = self.asking.ask({"verb": "token", "name": self.name, "secret": self.secret, "patience": 5.0})
        return "token" in found

    def at_github(self) -> bool:
        path = f"/orgs/{organisation(self.fleet)}/memberships/{self.name}"
        found: Mapping[str, Any] = ask(self.at.socket, {"cmd": "github", "method": "GET", "path": path})
        return bool(found["status"] == 200)

    def ways(self) -> list[Way]:
        """All of them."""
        found = [Way(f"login on {host}", lambda host=host: self.comes_in(host)) for host in self.hosts]  # type: ignore[misc]
        for host, session in self.sessions.items():
            found.append(Way(f"session on {host}", lambda s=session: time.monotonic() - s.heard < 1.5))  # type: ignore[misc]
            if self.sudo:
                found.append(Way(f"root on {host}", lambda s=session: time.monotonic() - s.root < 1.5))  # type: ignore[misc]
        if self.files is not None:
            files = self.files
            found.append(Way("login in devspace", self.comes_to_devspace))
            found.append(Way("session in devspace", lambda: time.monotonic() - files.heard < 2.5))
        found += [
            Way(f"token of {system}", lambda system=system: self.holds(system))  # type: ignore[misc]
            for system, (variable, _) in SELF.items()
            if variable in self.tokens
        ]
        found.append(Way("login at Vault", self.vault_lets_in))
        found.append(Way("login at the directory", self.directory_lets_in))
        found.append(Way("member at GitHub", self.at_github))
        return found

    def close(self) -> None:
        """End what is left of the sessions."""
        for session in self.sessions.values():
            session.close()
        if self.asking is not None:
            self.asking.close()
        if self.files is not None:
            self.files.close()

    def _asked(self, action: Callable[[], Any]) -> bool:
        try:
            network.from_internet(action)
        except ApiError as error:
            # No answer is no proof that they are out.
            return error.unavailable
        return True

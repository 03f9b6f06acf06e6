"""A provider, a runner and an ssh that touch nothing, for the tests of this folder."""

from __future__ import annotations

import threading
from typing import Any

from providers.base.resource import Resource
from providers.base.servicer import Provider
from providers.hosts import ssh
from providers.hosts.runner import Job, Outcome, Progress, Tell

ADDRESS = "192.0.2.1"


class Listening(Provider):
    """Keeps what is said to the person at the terminal."""

    name = "hosts"

    def __init__(self, *resources: Resource) -> None:
        super().__init__(resources)
        self.said: list[tuple[str, str]] = []

    def log(self, message: str, *, severity: str = "info", urn: str = "") -> None:
        self.said.append((severity, message))


class Runs:
    """A runner that answers from a table and remembers each run."""

    def __init__(self, **answers: Outcome) -> None:
        self.answers = answers
        self.runs: list[tuple[str, tuple[str, ...]]] = []
        self.jobs: list[Job] = []
        self._lock = threading.Lock()

    def __call__(self, jobs: list[Job], mode: str, tell: Tell, progress: Progress) -> None:
        with self._lock:
            self.runs.append((mode, tuple(sorted(job.host for job in jobs))))
            self.jobs.extend(jobs)
        for job in jobs:
            tell(job.host, self.answers.get(job.host, Outcome(reachable=True, fingerprint="f1")))


class Machine:
    """An ssh that answers once for each call, or raises."""

    def __init__(self, *answers: str | Exception, host_key: str = "ssh-ed25519 AAAA") -> None:
        self.answers = list(answers)
        self.host_key = host_key
        self.scripts: list[str] = []
        self.connections: list[ssh.Connection] = []

    def __call__(self, connection: ssh.Connection, script: str, *, deadline: float = 0.0) -> ssh.Answer:
        self.scripts.append(script)
        self.connections.append(connection)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return ssh.Answer(answer, self.host_key, "root")


def inputs(host: str = "a-ams-nl", *, members: int = 1, **changes: Any) -> dict[str, Any]:
    """A State's inputs, small and valid."""
    return {
        "host": host,
        "layer": "ground",
        "members": members,
        "connection": {"address": ADDRESS, "port": 22, "users": ["deploy", "root"], "host_key": None, "become": True},
        "desired": desired(host) | changes,
    }


def desired(host: str) -> dict[str, Any]:
    return {
        "hostname": host,
        "fqdn": f"{host}.example.org",
        "os": "debian",
        "users": {
            "deploy": {"groups": ["sudo"], "keys": ["ssh-ed25519 AAAA"], "sudo": "all-nopasswd"},
        },
        "time": {"servers": [], "set_clock": False},
        "resolver": {"kind": "unbound"},
        "ssh": {"port": 22, "allow_groups": ["sudo"]},
        "firewall": {"openings": {"ssh": {"proto": "tcp", "ports": "22", "from": ["world"]}}},
    }


def identity_inputs(**changes: Any) -> dict[str, Any]:
    return {
        "host": "a-ams-nl",
        "connection": {"address": ADDRESS, "port": 22, "users": ["root"], "host_key": None},
        "fabric_interface": "void0",
    } | changes

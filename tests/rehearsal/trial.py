"""A new version of a service on trial in the rehearsal: `fleet`'s own commands, the data, and clients that ask."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from rehearsal import engine
from rehearsal.testhosts import settings
from tests.rehearsal.support import MIRRORS, Copy, Rehearsed, copied
from toolchain.places import ROOT

WITHIN = 180.0


def said(rehearsed: Rehearsed, *words: str) -> subprocess.CompletedProcess[str]:
    """One `fleet` command, as the operator gives it."""
    argv = engine.inside_network([sys.executable, "-m", "cli", *words, "-s", engine.STACK], settings.internet())
    return subprocess.run(argv, cwd=ROOT, env=rehearsed.env, capture_output=True, text=True, timeout=600, check=False)


def until(
    rehearsed: Rehearsed, words: Sequence[str], enough: Callable[[subprocess.CompletedProcess[str]], bool]
) -> str:
    """Ask again until it says enough; returns what it printed."""
    end = time.monotonic() + WITHIN
    while True:
        done = said(rehearsed, *words)
        if enough(done):
            return done.stdout
        assert time.monotonic() < end, f"fleet {' '.join(words)}: {done.stdout}{done.stderr}"
        time.sleep(2)


def idle(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether nothing of a service is tried any more."""
    return "no canary waits" in " ".join(done.stderr.split())


@contextmanager
def on_trial(rehearsed: Rehearsed, service: str, *, refresh: bool = False) -> Iterator[Copy]:
    """A copy of the data to change a service in. Afterwards the project's own is back, a change that waits as well.

    `refresh`: the state does not know of all that came of it.
    """
    try:
        with copied(rehearsed, f"trial-{service}", refresh=refresh) as copy:
            yield copy
    finally:
        until(rehearsed, ("promote", service), lambda done: done.returncode == 0 or idle(done))


def changed(rehearsed: Rehearsed, copy: Copy, service: str) -> None:
    """Apply a change of a service."""
    outcome = rehearsed.up(copy.config, only=["services"])
    assert outcome.code == 0, outcome.failures or outcome.said[-5:]
    assert f"service-{service}" in outcome.changed


def promoted(rehearsed: Rehearsed, service: str) -> None:
    """Promote it once Nomad has seen it well for a while, and wait until it is all that runs."""
    until(rehearsed, ("promote", service), lambda done: done.returncode == 0)
    until(rehearsed, ("compare", service), idle)


@contextmanager
def asked(
    at: Mapping[str, Mapping[str, Any]], right: Sequence[str], name: str, path: str = "/"
) -> Iterator[dict[str, dict[str, Any]]]:
    """Clients that never retry, at each mirror over HTTPS; at the end what came of it, by mirror."""
    hashes = ",".join(hashlib.sha256(text.encode()).hexdigest() for text in right)
    found: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        clients = {}
        for host in sorted(MIRRORS):
            words = [str(ROOT / "tests/load/client.py"), str(at[host]["ipv4"]), name, f"{path}={hashes}"]
            words += ["--connections", "6", "--pause", "0.15", "--reopen", "20", "--seconds", "3600"]
            argv = engine.inside_network([sys.executable, *words], settings.internet())
            clients[host] = stack.enter_context(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True))
            stack.callback(clients[host].terminate)
        time.sleep(2)
        yield found
        for host, client in clients.items():
            client.send_signal(signal.SIGTERM)
            found[host] = json.loads(client.communicate(timeout=60)[0])


def row(page: str, name: str) -> list[str]:
    """What a row of the comparison says of old and new."""
    (found,) = [line for line in page.splitlines() if line.startswith(f"{name} ")]
    return found[16:].split()


def instances(page: str, which: str) -> list[str]:
    """The instances that the comparison names, host and short id of each."""
    text = " ".join(page.split())
    found = re.search(rf" {which}: ((?:[a-z-]+/[0-9a-f]+(?:, )?)+)", text)
    assert found, page
    return found[1].rstrip(", ").split(", ")

"""A service that is no nginx, half changed by `up` and chosen by `fleet`, while clients outside ask both mirrors."""

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

import pytest

from rehearsal import driver, engine
from rehearsal.testhosts import settings
from tests.rehearsal.support import MIRRORS, Copy, Rehearsed, copied
from toolchain.places import ROOT

pytestmark = pytest.mark.rehearsal
SERVICE, NAME = "bulletin", "bulletin.s.fleet.example"
PAGE = "services/files/bulletin/index.html"
SAYS = "No notices."
WELCOME = "  local/site/index.html: {file: index.html, on_change: noop}"
# Its check is well, and whoever asks for the page itself is told of an error.
BAD = '  local/site/cgi-bin/index.cgi: {file: bad, perms: "0755", on_change: noop}'
FAILING = "#!/bin/sh\nprintf 'Status: 500 Broken\\r\\nContent-Type: text/plain\\r\\n\\r\\nbroken'\n"
WITHIN = 180.0


def said(rehearsed: Rehearsed, *words: str) -> subprocess.CompletedProcess[str]:
    """One `fleet` command, as the operator gives it."""
    argv = engine.inside_network([sys.executable, "-m", "cli", *words, "-s", engine.STACK], settings.internet())
    return subprocess.run(argv, cwd=ROOT, env=rehearsed.env, capture_output=True, text=True, timeout=120, check=False)


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


@contextmanager
def asked(
    at: Mapping[str, Mapping[str, Any]], right: Sequence[str], name: str = NAME, path: str = "/"
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


@pytest.fixture
def data(rehearsed: Rehearsed) -> Iterator[Copy]:
    """A copy of the data. Afterwards the project's own page is back, which is a change that waits, too."""
    try:
        # Withdrawn is withdrawn on the servers; the state learns of it from a look, as the command says.
        with copied(rehearsed, "canary", refresh=True) as copy:
            yield copy
    finally:
        until(
            rehearsed,
            ("promote", SERVICE),
            lambda done: done.returncode == 0 or "no canary waits" in done.stderr,
        )


def changed(rehearsed: Rehearsed, copy: Copy) -> None:
    outcome = rehearsed.up(copy.config, only=["services"])
    assert outcome.code == 0, outcome.failures or outcome.said[-5:]
    assert f"service-{SERVICE}" in outcome.changed


def idle(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether nothing of a service is tried any more."""
    return "no canary waits" in " ".join(done.stderr.split())


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


def test_a5_04_half_of_a_service_is_compared_and_one_version_is_chosen_and_no_request_fails(
    rehearsed: Rehearsed, data: Copy
) -> None:
    first = (data.folder / PAGE).read_text()
    second = first.replace(SAYS, "Packages are frozen.")
    assert first != second
    with asked(driver.outputs(rehearsed.at), (first, second)) as found:
        # One that is as good as the old one is promoted.
        data.edit(PAGE, SAYS, "Packages are frozen.")
        changed(rehearsed, data)
        page = until(rehearsed, ("compare", SERVICE), lambda done: done.returncode == 0)
        print(page)
        assert page.rstrip().endswith("no worse")
        assert row(page, "instances") == ["2", "1"]
        old, new = row(page, "version")
        assert int(new) > int(old)
        pair, canary = instances(page, "old"), instances(page, "new")
        assert len({*pair, *canary}) == 3, "each is told from the others"
        done = said(rehearsed, "promote", SERVICE)
        assert done.returncode == 0, done.stderr
        assert f"promoted: version {new} takes the place of version {old}" in done.stdout

        # One that answers 500 is withdrawn. Its answers are seen in the comparison, and by no client.
        data.edit("services/bulletin.yaml", WELCOME, BAD)
        (data.folder / "services/files/bulletin/bad").write_text(FAILING)
        (data.folder / PAGE).unlink()
        until(
            rehearsed,
            ("compare", SERVICE),
            lambda done: "no canary waits, its last deployment is successful" in " ".join(done.stderr.split()),
        )
        changed(rehearsed, data)
        page = until(rehearsed, ("compare", SERVICE), lambda done: "worse: " in done.stdout)
        print(page)
        assert int(row(page, "5xx")[0]) == 0
        assert int(row(page, "5xx")[1]) >= 3
        done = said(rehearsed, "withdraw", SERVICE)
        assert done.returncode == 0, done.stderr
        assert f"withdrawn: version {new} goes on" in done.stdout
        assert "UP=--refresh" in done.stdout
        until(rehearsed, ("compare", SERVICE), lambda done: "no canary waits" in " ".join(done.stderr.split()))
        # Until the one that was withdrawn has ended.
        time.sleep(15)
    print(found)
    assert {host: it["failed"] for host, it in found.items()} == {host: {} for host in MIRRORS}
    assert all(it["answers"] >= 1000 and set(it["statuses"]) == {"200"} for it in found.values())

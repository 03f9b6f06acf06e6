"""The mirrors' front as clients outside meet it: files and services at every mirror, nothing else, whoever dies."""

from __future__ import annotations

import contextlib
import errno
import secrets
import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from cli import vault
from components.ground import openings
from model import Fleet, load
from rehearsal import checks_front, driver
from rehearsal.checks_front import SilentError, ask
from rehearsal.place import STACKS
from rehearsal.testhosts import hosts, network
from tests.rehearsal.support import MIRRORS, SIX, Rehearsed
from tests.rehearsal.test_control_plane import open_again

pytestmark = pytest.mark.rehearsal
WORKER = "a-bru-be"
FILES, SERVICE = "repo.fleet.example", "infradocs.s.fleet.example"
BATCH, SILENCE = 2048, 0.2
T = TypeVar("T")


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load(STACKS)


@pytest.fixture(scope="module")
def at(rehearsed: Rehearsed) -> Mapping[str, Mapping[str, Any]]:
    return driver.outputs(rehearsed.at)


def until(look: Callable[[], T], seconds: float, what: str) -> T:
    """What is seen from outside, as soon as it is more than nothing."""
    end = time.monotonic() + seconds
    problem: object = "nothing"
    while time.monotonic() < end:
        try:
            if found := network.from_internet(look):
                return found
        except SilentError as error:
            problem = error
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {seconds:.0f} s ({problem})")


def test_a5_01_every_name_at_every_mirror_and_no_other(
    rehearsed: Rehearsed, fleet: Fleet, at: Mapping[str, Mapping[str, Any]]
) -> None:
    ca = rehearsed.at.env["FLEET_ACME_CA"]
    check = network.from_internet(lambda: checks_front.names(fleet, at, ca))
    assert check.asked >= 2 * 2 * 6
    assert check.wrong == []


def test_a5_01_a_file_of_the_origin_is_at_each_mirror_and_is_had_in_parts(
    rehearsed: Rehearsed, at: Mapping[str, Mapping[str, Any]]
) -> None:
    ca, name = rehearsed.at.env["FLEET_ACME_CA"], f"trial-{secrets.token_hex(4)}.txt"
    text = secrets.token_hex(2000)
    hosts.execute_in(WORKER, "sh", "-c", f"printf %s {text} > /srv/root-mirror/{name}")
    try:
        for host in sorted(MIRRORS):
            address = str(at[host]["ipv4"])

            def there(address: str = address) -> bool:
                return ask(address, FILES, f"/{name}", ca=ca).status == 200

            until(there, 150, f"the file at {host}")
            found = network.from_internet(lambda address=address: ask(address, FILES, f"/{name}", ca=ca))  # type: ignore[misc]
            assert found.body.decode() == text
            assert found.headers["accept-ranges"] == "bytes"
    finally:
        hosts.execute_in(WORKER, "rm", "-f", f"/srv/root-mirror/{name}")


def test_a5_01_a_service_of_the_worker_answers_through_each_mirror(
    rehearsed: Rehearsed, at: Mapping[str, Mapping[str, Any]]
) -> None:
    ca = rehearsed.at.env["FLEET_ACME_CA"]
    for host in sorted(MIRRORS):
        found = network.from_internet(lambda host=host: ask(str(at[host]["ipv4"]), SERVICE, ca=ca))  # type: ignore[misc]
        assert found.status == 200
        assert b"<html" in found.body.lower()
        assert "strict-transport-security" in found.headers


def declared(fleet: Fleet, host: str) -> set[int]:
    """The tcp ports that the data open on a host to somebody outside."""
    opened = set()
    for rule in openings(fleet, host).values():
        if rule.proto == "tcp":
            first, _, last = str(rule.ports).partition("-")
            opened |= set(range(int(first), int(last or first) + 1))
    return opened


def scanned(address: str, wanted: set[int]) -> set[int]:
    """Every tcp port that lets a client through, to somebody or to nobody. What is shut stays silent.

    The wanted ones that were not heard in all that noise are tried once more by themselves.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = set()
    for first in range(1, 65536, BATCH):
        with contextlib.ExitStack() as stack:
            poll = stack.enter_context(select.epoll())
            asked = {}
            for port in range(first, min(first + BATCH, 65536)):
                line = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
                line.setblocking(False)
                line.connect_ex((address, port))
                poll.register(line, select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP)
                asked[line.fileno()] = (port, line)
            # Until nothing more comes: a machine that is busy meanwhile takes nothing from the time that is silent.
            while events := poll.poll(SILENCE):
                for number, _ in events:
                    port, line = asked[number]
                    poll.unregister(line)
                    if line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (0, errno.ECONNREFUSED):
                        found.add(port)
    return found | {port for port in wanted - found if lets_through(address, port)}


def lets_through(address: str, port: int) -> bool:
    """Whether a client gets through to a port, with time for the answer."""
    try:
        with socket.create_connection((address, port), 10):
            return True
    except ConnectionRefusedError:
        return True
    except OSError:
        return False


def test_a5_01_a_scan_finds_the_declared_ports_and_no_other(fleet: Fleet, at: Mapping[str, Mapping[str, Any]]) -> None:
    asked = [(host, str(address)) for host in SIX for address in (at[host]["ipv4"], at[host]["ipv6"]) if address]
    assert len(asked) == 2 * len(SIX), "each host has both kinds of address"

    def scan() -> list[set[int]]:
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda one: scanned(one[1], declared(fleet, one[0])), asked))

    found = network.from_internet(scan)
    wrong = {
        f"{host} at {address}": sorted(ports ^ declared(fleet, host))
        for (host, address), ports in zip(asked, found, strict=True)
        if ports != declared(fleet, host)
    }
    assert wrong == {}


@pytest.fixture
def _mirrors_back(rehearsed: Rehearsed) -> Iterator[None]:
    yield
    for host in sorted(MIRRORS):
        if host not in hosts.running():
            rehearsed.start(host)


@pytest.mark.usefixtures("_mirrors_back")
def test_a5_02_one_mirror_killed_and_the_other_answers_for_all(
    rehearsed: Rehearsed, fleet: Fleet, at: Mapping[str, Mapping[str, Any]]
) -> None:
    ca = rehearsed.at.env["FLEET_ACME_CA"]
    dead, alive = sorted(MIRRORS)
    hosts.stop(dead)
    check = network.from_internet(lambda: checks_front.names(fleet, {alive: at[alive]}, ca))
    assert check.asked >= 2 * 6
    assert check.wrong == []
    rehearsed.start(dead)
    until(lambda: ask(str(at[dead]["ipv4"]), FILES, ca=ca).status == 200, 60, "the mirror is back")


def test_a5_05_all_hosts_cold_and_vault_sealed_and_mirrors_serve_https(
    rehearsed: Rehearsed, fleet: Fleet, at: Mapping[str, Mapping[str, Any]]
) -> None:
    ca = rehearsed.at.env["FLEET_ACME_CA"]
    doors = driver.doors(rehearsed.at, fleet)
    with ThreadPoolExecutor(len(SIX)) as pool:
        list(pool.map(hosts.stop, SIX))
        list(pool.map(rehearsed.start, SIX))
    try:
        for host in sorted(MIRRORS):
            address = str(at[host]["ipv4"])
            until(lambda address=address: ask(address, FILES, ca=ca).status == 200, 60, f"{host} serves")  # type: ignore[misc]
        states = network.from_internet(lambda: vault.states(doors.apis))
        assert not any(one.open for one in states.values()), "nobody has opened Vault yet"
    finally:
        open_again(rehearsed)
    for host in sorted(MIRRORS):
        until(lambda host=host: _served(at, host, ca), 60, f"the service of the worker at {host}")  # type: ignore[misc]


def _served(at: Mapping[str, Mapping[str, Any]], host: str, ca: str) -> bool:
    return ask(str(at[host]["ipv4"]), SERVICE, ca=ca).status == 200

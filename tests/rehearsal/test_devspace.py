"""The devspace matrix on the running rehearsal: a control host, a mirror, the worker, and devspace as its job there.

The whole matrix, with every kind of key, stands in tests/devspace; here each class of host is tried, and the job.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping

import pytest

from model import load
from rehearsal import driver, engine, people
from rehearsal.checks_front import Answer, ask
from rehearsal.place import STACKS
from rehearsal.testhosts import network, settings
from tests.devspace.cells import entitled, sums, table, tried, wrong
from tests.devspace.client import sftp
from tests.devspace.doors import Cell, Door, Result, Who
from tests.devspace.ways import WAYS
from tests.load.leaver import SFTP_PORT, place_of
from tests.load.leavings import OPERATOR, joined, names, teams_of
from tests.rehearsal.support import MIRRORS, Rehearsed

pytestmark = pytest.mark.rehearsal

PUBLIC = "devspace.s.fleet.example"
CLASSES = ("a-ams-nl", "a-nyc-us", "a-bru-be")
# People of the rehearsal have one key each, without options.
EVERY = [way for way in WAYS if way not in ("key ecdsa", "key rsa", "forced command")]
KNOWN_SECONDS = 60.0
ON_HOSTS = ("key ed25519", "-L", "-R", "-W", "exec", "sftp", "subsystem")


@pytest.fixture(scope="module")
def cells(rehearsed: Rehearsed) -> Iterator[list[Cell]]:
    """Everybody at every door, while somebody is there who may use both kinds."""
    reached = driver.outputs(rehearsed.at)
    within = tuple(engine.inside_network([], settings.internet()))
    doors = [Door(name, "host", str(reached[name]["ipv4"]), int(reached[name]["port"]), within) for name in CLASSES]
    fleet = load(STACKS)
    devspace = Door("devspace", "devspace", str(reached[place_of(fleet)]["ipv4"]), SFTP_PORT, within)
    folder = people.key_folder(rehearsed.at.run)
    with joined(rehearsed, 2) as copy:
        both = next(name for name in names(copy) if teams_of(name) == OPERATOR)
        who = [
            Who(persona, name, {"ed25519": key})
            for persona, name, key in (
                ("devspace", "eli", folder / "eli"),
                ("shell", "cy", folder / "cy"),
                ("both", both, folder / both),
                ("removed", "nobody-here", folder / "eli"),
                ("locked", "ivy", folder / "ivy"),
                ("root", "root", rehearsed.at.key),
                ("break-glass", "deploy", rehearsed.at.key),
                ("wrong case", both.upper(), folder / both),
            )
        ]
        # A host learns of somebody new at its next look in the directory.
        theirs = [Cell("key ed25519", door, who[2]) for door in (*doors, devspace)]
        end = time.monotonic() + KNOWN_SECONDS
        while unknown := wrong(tried(theirs, at_once=4, first_port=40000)):
            assert time.monotonic() < end, told(unknown)
            time.sleep(2)
        yield [
            *(Cell(way, door, it) for way in ON_HOSTS for door in doors for it in who),
            *(Cell(way, devspace, it) for way in EVERY for it in who),
        ]


def told(found: Mapping[Cell, Result]) -> str:
    """What was said at cells that are wrong."""
    return "\n".join(f"{cell}: {result}\n{result.said[-800:]}" for cell, result in found.items())


def test_devspace_opens_files_alone_and_no_host_opens_by_it(cells: list[Cell]) -> None:
    assert len(cells) >= 300
    before = wrong(tried(entitled(cells), at_once=6, first_port=41000))
    assert before == {}, told(before)
    for door in dict.fromkeys(cell.door for cell in cells):
        part = tried([cell for cell in cells if cell.door == door], at_once=6, first_port=42000)
        print(table(part))
        print(f"{door.name}: {sums(part)}")
        found = wrong(part)
        assert found == {}, told(found)


def test_what_is_public_is_read_by_https_and_nothing_else_is(rehearsed: Rehearsed, cells: list[Cell]) -> None:
    cell = next(c for c in cells if c.door.kind == "devspace" and c.who.persona == "devspace")
    key = cell.who.keys["ed25519"]
    words = sftp(key, f"{cell.who.name}@{cell.door.address}", SFTP_PORT)
    done = subprocess.run(
        [*cell.door.prefix, *words], input="put /etc/hostname public/shown\nput /etc/hostname hidden\n",
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ca, reached = rehearsed.at.env["FLEET_ACME_CA"], driver.outputs(rehearsed.at)
    for host in sorted(MIRRORS):
        address = str(reached[host]["ipv4"])

        def asked(path: str, address: str = address) -> Answer:
            return network.from_internet(lambda: ask(address, PUBLIC, path, ca=ca))

        assert asked(f"/{cell.who.name}/shown").status == 200
        assert b"shown" in asked(f"/{cell.who.name}/").body
        assert b"hidden" not in asked(f"/{cell.who.name}/").body
        for path in (f"/{cell.who.name}/hidden", f"/home/{cell.who.name}/hidden", "/../home/", "/incoming/", "/login/"):
            assert asked(path).status in (400, 403, 404), path

"""A new version of devspace on the running rehearsal, tried beside the old one while people come, stay and upload."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from model import load
from rehearsal import driver, engine, people
from rehearsal.testhosts import settings
from tests.load.leaver import SFTP_PORT, Files, place_of
from tests.rehearsal.support import Copy, Rehearsed, copied
from tests.rehearsal.test_canary import idle, row, until

pytestmark = pytest.mark.rehearsal
SERVICE, PERSON = "devspace", "eli"
OLD, NEW = "resources: {cpu: 100, memory: 128}", "resources: {cpu: 100, memory: 129}"


def sftp(rehearsed: Rehearsed) -> list[str]:
    """The command line of somebody's sftp, which reads its commands from standard input."""
    address = driver.outputs(rehearsed.at)[place_of(load(driver.STACKS))]["ipv4"]
    options = ("BatchMode=yes", "ConnectTimeout=10", "IdentitiesOnly=yes", "StrictHostKeyChecking=no")
    words = [word for option in (*options, "UserKnownHostsFile=/dev/null") for word in ("-o", option)]
    key = people.key_folder(rehearsed.at.run) / PERSON
    argv = ["sftp", "-F", "none", *words, "-i", str(key), "-P", str(SFTP_PORT), "-b", "-", f"{PERSON}@{address}"]
    return engine.inside_network(argv, settings.internet())


@contextmanager
def coming(argv: Sequence[str], file: Path) -> Iterator[list[tuple[int, str]]]:
    """Somebody comes in again and again, uploads a file and goes; nothing is tried twice. How each time ended."""
    found: list[tuple[int, str]] = []
    ended = threading.Event()

    def again() -> None:
        while not ended.wait(0.2):
            done = subprocess.run(argv, input=f"put {file} again\n", capture_output=True, text=True, check=False)
            found.append((done.returncode, done.stderr))

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def data(rehearsed: Rehearsed) -> Iterator[Copy]:
    """A copy of the data. Afterwards the project's own is back, which is a change that waits, too."""
    try:
        with copied(rehearsed, "devspace-beside") as copy:
            yield copy
    finally:
        until(rehearsed, ("promote", SERVICE), lambda done: done.returncode == 0 or idle(done))


def test_a_new_version_is_tried_beside_the_old_one_and_nobody_notices(
    rehearsed: Rehearsed, data: Copy, tmp_path: Path
) -> None:
    file = tmp_path / "upload"
    file.write_bytes(b"of the rehearsal\n" * 1000)
    argv = sftp(rehearsed)
    with coming(argv, file) as found:
        stays = Files(argv)
        data.edit("services/devspace.yaml", OLD, NEW)
        outcome = rehearsed.up(data.config, only=["services"])
        assert outcome.code == 0, outcome.failures or outcome.said[-5:]
        page = until(rehearsed, ("compare", SERVICE), lambda done: "no worse" in done.stdout or done.returncode == 0)
        print(page)
        old, new = row(page, "version")
        assert int(new) > int(old)
        # Not before Nomad has seen it well for a while, too.
        until(rehearsed, ("promote", SERVICE), lambda done: done.returncode == 0)
        until(rehearsed, ("compare", SERVICE), idle)
        promoted, before = time.monotonic(), len(found)
        while len(found) < before + 10:
            time.sleep(0.5)
        # Who was there before all of this is still there, in the old one, which waits for them.
        assert stays.heard > promoted, "the one who stayed was cut"
        stays.close()
    failed = [text[-500:] for code, text in found if code]
    print(f"{len(found)} logins and uploads, {len(failed)} failed")
    assert failed == []

"""A new version of devspace on the running rehearsal, tried beside the old one while people come, stay and upload."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from model import load
from rehearsal import driver
from rehearsal.place import STACKS
from tests.load.leaver import sftp_of
from tests.load.sessions import Files
from tests.rehearsal.support import Rehearsed
from tests.rehearsal.trial import changed, on_trial, promoted, row, until
from tests.servers.real import wait_for

pytestmark = pytest.mark.rehearsal
SERVICE, PERSON = "devspace", "eli"
OLD, NEW = "resources: {cpu: 100, memory: 128}", "resources: {cpu: 100, memory: 129}"


@contextmanager
def coming(argv: Sequence[str], file: Path) -> Iterator[list[tuple[int, str]]]:
    """Somebody comes in again and again, uploads a file and goes; nothing is tried twice. How each time ended."""
    found: list[tuple[int, str]] = []
    ended = threading.Event()

    def again() -> None:
        while not ended.wait(0.2):
            try:
                done = subprocess.run(
                    argv, input=f"put {file} again\n", capture_output=True, text=True, check=False, timeout=60
                )
                found.append((done.returncode, done.stderr))
            except subprocess.TimeoutExpired as late:
                found.append((-1, f"hangs: {late.stderr!r}"))

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def test_a_new_version_is_tried_beside_the_old_one_and_nobody_notices(rehearsed: Rehearsed, tmp_path: Path) -> None:
    file = tmp_path / "upload"
    file.write_bytes(b"of the rehearsal\n" * 1000)
    argv = sftp_of(PERSON, load(STACKS), driver.outputs(rehearsed.at), rehearsed.at, connect=10)
    with on_trial(rehearsed, SERVICE) as data, coming(argv, file) as found, closing(Files(argv)) as stays:
        wait_for("somebody who stays", lambda: stays.heard, 30)
        data.edit("services/devspace.yaml", OLD, NEW)
        changed(rehearsed, data, SERVICE)
        page = until(rehearsed, ("compare", SERVICE), lambda done: "no worse" in done.stdout or done.returncode == 0)
        print(page)
        old, new = row(page, "version")
        assert int(new) > int(old)
        promoted(rehearsed, SERVICE)
        since, before = time.monotonic(), len(found)
        wait_for("ten more uploads", lambda: len(found) >= before + 10, 120)
        # Who was there before all of this is still there, in the old one, which waits for them.
        assert stays.heard > since, "the one who stayed was cut"
    failed = [text[-500:] for code, text in found if code]
    print(f"{len(found)} logins and uploads, {len(failed)} failed")
    assert failed == []

"""A new version of devspace beside the old one, with OpenSSH's own clients coming in all the while."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

from tests.devspace.doors import Who
from tests.devspace.machine import PLACE_GROUP
from tests.devspace.promises import MEGABYTE, batch, begun, gone, home, made, whole
from tests.devspace.rig import HTTP, Rig

CLIENTS = 4
SIZE = 2 * MEGABYTE


def a_new_version_beside_the_old_one(rig: Rig) -> str:
    who = rig.who("devspace")
    rig.devspace(PLACE_GROUP, drain_seconds=60)
    # As hosts with a shared port have it.
    Path("/proc/sys/net/ipv4/tcp_migrate_req").write_text("1")
    slow, short = made(rig, "slow", SIZE, b"s"), made(rig, "short", 100_000, b"k")
    under_way = begun(rig, who, slow, "slow")
    ended = threading.Event()
    done: list[tuple[int, str]] = []
    threads = [threading.Thread(target=_uploads, args=(who, short, n, ended, done)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        rig.devspace(PLACE_GROUP, "devspace-new", HTTP + 1, drain_seconds=60)
        old = rig.running["devspace"]
        old.send_signal(signal.SIGINT)
        said, _ = under_way.communicate(timeout=60)
        code = old.wait(30)
        also = len(done)
        while len(done) < also + CLIENTS and all(thread.is_alive() for thread in threads):
            ended.wait(0.1)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert under_way.returncode == 0, f"the upload under way was cut: {said[-500:]}"
    assert code == 0, f"the old one ends with {code}"
    failed = [text[-500:] for result, text in done if result]
    assert failed == [], f"{len(failed)} of {len(done)} clients failed, such as: {failed[0]}"
    assert whole(home(rig, who, "slow"), SIZE, b"s")
    names = [home(rig, who, f"short{n}") for n in range(CLIENTS)]
    assert [file.name for file in names if not whole(file, 100_000)] == []
    gone(rig, who)
    by_new = rig.metrics(HTTP + 1)["devspace_logins_total"]
    held = sum(file.stat().st_size for file in home(rig, who, "").rglob("*") if file.is_file())
    used = rig.metrics(HTTP + 1)["devspace_used_bytes"]
    rig.end("devspace-new")
    rig.devspace(PLACE_GROUP)
    assert held <= used, f"{held} bytes are there, and {used:.0f} are counted"
    return f"{len(done)} clients came in meanwhile ({by_new:.0f} to the new one), and the upload under way ended whole"


def _uploads(who: Who, file: Path, number: int, ended: threading.Event, done: list[tuple[int, str]]) -> None:
    while not ended.is_set():
        done.append(batch(who, f"put {file} short{number}\n"))

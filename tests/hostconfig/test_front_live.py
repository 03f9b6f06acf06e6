"""A mirror's front under load: what replaces it is never noticed by a client that does not retry. Needs root."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hostconfig.front_places import SLOTS
from tests.executable import executable
from tests.hostconfig.front_plant import FILES, Plant, came_of, planted, right, wrapper

pytestmark = pytest.mark.rehearsal
BIG = 30 * 2**20


@pytest.fixture
def plant() -> Iterator[Plant]:
    with planted() as made:
        made.supervise()
        made.first()
        yield made


def package(plant: Plant, seconds: float, connections: int = 50, *words: str) -> subprocess.Popen[str]:
    """Clients that fetch the package over and over, some of them over new connections; not before they are at it.

    With a pause, so that the machine has time for the front.
    """
    words = ("--reopen", "30", "--pause", "0.05", *words)
    client = plant.load(FILES, right("/package.xbps"), *words, seconds=seconds, connections=connections)
    plant.until(lambda: in_slot(plant, plant.serving()) >= connections / 2, what="the clients")
    return client


def in_slot(plant: Plant, slot: str) -> int:
    """How many clients are connected to a slot."""
    port = f"sport = :{plant.place.https + int(slot)}"
    return len(plant.run("ss", "-Htn", "state", "established", port).stdout.splitlines())


def ended(client: subprocess.Popen[str]) -> dict[str, Any]:
    """What it counted up to now."""
    client.send_signal(signal.SIGTERM)
    return came_of(client)


def download(plant: Plant, rate: int) -> subprocess.Popen[str]:
    """One slow client with a big file."""
    return plant.load(FILES, right("/big.iso", "x" * BIG), "--download", str(rate))


def verdict(plant: Plant, **changes: Any) -> tuple[int, str, str, float]:
    """What a swap to this comes to: code, all words, the reason, seconds."""
    plant.want(**changes)
    started = time.monotonic()
    done = plant.swap(check=False)
    return done.returncode, done.stdout, done.stderr, time.monotonic() - started


def test_good_swaps_fail_nobody_and_a_download_goes_on(plant: Plant) -> None:
    (plant.tree / "big.iso").write_text("x" * BIG)
    slow, fast = download(plant, BIG // 16), package(plant, 14)
    time.sleep(1)
    for hsts in (1, 2):
        before = plant.serving()
        code, words, reason, _ = verdict(plant, hsts=hsts)
        assert (code, reason) == (0, ""), words
        assert "promoted: no worse than the old one" in words
        assert "2 of 2 probes" in words or "1 of 2 probes" in words
        assert plant.serving() != before
        assert f"max-age={hsts}\n" in plant.ask(FILES, "/package.xbps")[1]
    fetched, counted = came_of(slow), came_of(fast)
    assert fetched["failed"] == ""
    assert counted["failed"] == {}
    assert counted["answers"] > 1000
    plant.until(lambda: len(plant.slots()) == 1, 30, "the end of those that were replaced")
    kept = sorted(Path(plant.place.state, "comparisons").iterdir())
    assert len(kept) == 2
    assert kept[-1].read_text().endswith("promoted: no worse than the old one\n")


def test_a_stock_reload_fails_clients() -> None:
    """Beside it: the same clients, the same file, and nginx told to read its configuration again."""
    with planted() as plant:
        folder = plant.folder
        conf = folder / "stock.conf"
        key = ["-newkey", "rsa:2048", "-nodes", "-keyout", f"{folder}/key", "-out", f"{folder}/certificate"]
        plant.run("openssl", "req", "-x509", "-subj", "/CN=x", *key)
        conf.write_text(
            f"pid {folder}/pid; daemon off; user root; worker_processes 2; events {{}} http {{ access_log off;"
            f"server {{"
            f"listen 443 ssl; ssl_certificate {folder}/certificate; ssl_certificate_key {folder}/key;"
            f"keepalive_requests 1000000; root {plant.tree}; }} }}"
        )
        plant.begin("nginx", "-e", "stderr", "-c", str(conf))
        plant.until(lambda: plant.ask(FILES, "/package.xbps")[0] == 200)
        # Without a pause: who asks all the time meets every reload.
        client = plant.load(FILES, right("/package.xbps"), "--reopen", "30", seconds=6, connections=50)
        for _ in range(3):
            time.sleep(1)
            plant.run("nginx", "-e", "stderr", "-c", str(conf), "-s", "reload")
        assert sum(came_of(client)["failed"].values()) > 0


def test_a_configuration_that_nginx_refuses_changes_nothing(plant: Plant) -> None:
    client, before = package(plant, 5), plant.serving()
    conf = Path(plant.place.etc, "nginx.conf")
    bad = conf.read_text().replace("sendfile on;", "sendfile perhaps;")
    candidate = plant.folder / "candidate"
    candidate.write_text(bad)
    judged = plant.run(plant.place.script(), "check", str(candidate), check=False)
    assert judged.returncode == 1
    assert judged.stderr.startswith('invalid value "perhaps" in "sendfile" directive')
    conf.write_text(bad)
    done = plant.swap(check=False)
    assert done.returncode == 1
    assert done.stderr.startswith('refused by nginx: invalid value "perhaps" in "sendfile" directive')
    assert done.stderr.count("\n") == 1
    assert plant.serving() == before
    assert plant.run(plant.place.script(), "serves", check=False).returncode == 1
    assert "!what is wanted is not what serves" in plant.run(plant.place.script(), "status").stdout
    assert came_of(client)["failed"] == {}


WORSE = {
    "empty": ("s|root .*/tree;|root /nonexistent;|", "answers 404"),
    "erring": (r"s|root .*/tree;|& return 500;|", "answers 500"),
    "slow": (r"s|root .*/tree;|& limit_rate 8k;|", "slow: "),
    "hanging": (r"s|root .*/tree;|& limit_rate 1;|", "no answer within 3 s"),
}


@pytest.mark.parametrize("name", ["empty", "erring", "slow", "hanging"])
def test_a_worse_version_is_withdrawn_before_a_client_meets_it(plant: Plant, name: str) -> None:
    client, before = package(plant, 8), plant.serving()
    change, words = WORSE[name]
    code, _, reason, seconds = verdict(plant, program=wrapper(plant.folder, name, change))
    assert code == 1
    assert reason.startswith("withdrawn: ")
    assert words in reason
    assert seconds < 10
    assert plant.serving() == before
    assert came_of(client)["failed"] == {}
    plant.until(lambda: len(plant.slots()) == 1, 30, "the end of the candidate")


def test_a_version_that_does_not_start_is_withdrawn(plant: Plant) -> None:
    program = executable(plant.folder / "dying", '#!/bin/sh\ncase $1 in -t) exec nginx "$@" ;; esac\nexit 3\n')
    client, before = package(plant, 7), plant.serving()
    code, _, reason, seconds = verdict(plant, program=str(program))
    assert (code, plant.serving()) == (1, before)
    assert reason.startswith("withdrawn: it does not answer within 5 s")
    assert seconds < 10
    assert came_of(client)["failed"] == {}


def test_what_only_clients_see_is_withdrawn_within_seconds(plant: Plant) -> None:
    client = package(plant, 60)
    change = r"s|root .*/tree;|& if (\$remote_addr != 127.0.0.1) { return 500; }|"
    swap = {"share": 20, "watch": 20, "probes": [{"name": FILES, "path": "/package.xbps"}]}
    code, words, reason, seconds = verdict(plant, program=wrapper(plant.folder, "two-faced", change), swap=swap)
    assert code == 1
    assert "answers failed" in reason, words
    assert seconds < 10
    counted = ended(client)
    assert set(counted["failed"]) == {"status 500"}
    assert counted["failed"]["status 500"] < counted["answers"] / 4
    kept = sorted(Path(plant.place.state, "comparisons").iterdir())
    assert "withdrawn: " in kept[-1].read_text()


def test_with_all_slots_in_use_the_next_swap_waits(plant: Plant) -> None:
    (plant.tree / "big.iso").write_text("x" * BIG)
    swap = {"share": 50, "watch": 0, "longest_drain": 30}
    clients = []
    for hsts in (1, 2, 3):
        clients.append(download(plant, BIG // 90))
        plant.until(lambda: in_slot(plant, plant.serving()) > 0, what="the download")
        assert verdict(plant, hsts=hsts, swap=swap)[0] == 0
    assert plant.slots() == [str(slot) for slot in SLOTS]
    code, words, _, seconds = verdict(plant, hsts=4, swap=swap)
    assert code == 0
    assert "all slots are taken: waits" in words
    assert seconds > 3
    plant.until(lambda: "they are ended" in plant.log() + words)
    assert came_of(clients[0])["failed"] != "", "only what exceeds the declared time is ended"
    for client in clients[1:]:
        client.kill()


def test_a_renewal_that_was_withdrawn_is_tried_again(plant: Plant) -> None:
    """What looked worse for a moment may be a certificate that is needed."""
    nothing, flag = "s|x-never|x|", plant.folder / "flag"
    assert verdict(plant, program=wrapper(plant.folder, "own", nothing))[0] == 0
    before, withdrawn = plant.serving(), Path(plant.place.run, "withdrawn")
    flag.write_text(WORSE["erring"][0])
    wrapper(plant.folder, "own", f"$(cat {flag})")
    plant.until(withdrawn.exists, what="the withdrawal")
    assert plant.serving() == before
    flag.write_text(nothing)
    time.sleep(7)
    assert plant.serving() == before, "not at once"
    withdrawn.write_text("0\n")
    plant.until(lambda: plant.serving() != before, what="the second try")


def test_a_swap_goes_on_without_whoever_asked(plant: Plant) -> None:
    plant.want(hsts=7)
    before = plant.serving()
    asking = plant.begin(plant.place.script(), "swap")
    plant.until(lambda: Path(plant.place.run, "candidate").exists())
    asking.send_signal(signal.SIGKILL)
    asking.wait()
    plant.running.remove(asking)
    plant.until(lambda: plant.serving() != before, what="the promotion")
    plant.run(plant.place.script(), "serves")


def test_a_swap_that_is_broken_off_is_withdrawn(plant: Plant) -> None:
    client, before = package(plant, 8), plant.serving()
    plant.want(hsts=7, swap={"watch": 60, "share": 50})
    plant.begin(plant.place.script(), "swap")
    plant.until(lambda: ":50" in Path(plant.place.run, "share").read_text())
    found = plant.run("pgrep", "-f", plant.place.script("conduct")).stdout.split()
    for pid in found:
        # What it began for a moment looks like it, and may have ended.
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    plant.until(lambda: Path(plant.place.run, "share").read_text() == f"{before}:100\n")
    assert plant.serving() == before
    plant.until(lambda: len(plant.slots()) == 1, 30, "the end of the candidate")
    assert came_of(client)["failed"] == {}


def test_after_a_reboot_what_served_last_serves_with_nothing_else_there(plant: Plant) -> None:
    assert verdict(plant, hsts=9)[0] == 0
    serving = plant.serving()
    plant.reboot()
    assert plant.ask(FILES, "/package.xbps")[0] == 0
    plant.supervise()
    plant.until(lambda: plant.ask(FILES, "/package.xbps")[0] == 200)
    assert plant.serving() == serving
    assert "max-age=9\n" in plant.ask(FILES, "/package.xbps")[1]


def test_a_lost_packet_filter_comes_back(plant: Plant) -> None:
    plant.run("nft", "flush", "ruleset")
    plant.until(lambda: plant.ask(FILES, "/package.xbps")[0] == 200, 30)


def test_a_log_that_grows_is_turned_over_without_a_lost_request(plant: Plant) -> None:
    log = Path(plant.place.logs, plant.serving(), "access.log")
    client = package(plant, 60)
    with log.open("a") as file:
        file.truncate(70 * 2**20)
    plant.until(lambda: Path(f"{log}.1").exists())
    plant.until(lambda: log.exists() and log.stat().st_size > 0)
    assert ended(client)["failed"] == {}


def test_the_client_counts_what_fails(plant: Plant) -> None:
    """A judge that sees nothing would find everything good."""
    wrong = came_of(plant.load(FILES, right("/package.xbps", "other"), "/missing", seconds=1, connections=2))["failed"]
    assert set(wrong) == {"wrong body", "status 404"}
    client = plant.load(FILES, right("/package.xbps"), seconds=5, connections=20)
    plant.until(lambda: in_slot(plant, plant.serving()) >= 20, what="the clients")
    pid = int(Path(plant.place.run, f"pid.{plant.serving()}").read_text())
    os.kill(pid, signal.SIGTERM)
    failed = came_of(client)["failed"]
    assert any(kind in failed for kind in ("closed unanswered", "reset", "truncated")), failed

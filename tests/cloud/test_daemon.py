"""The daemon: its socket, its state after a restart, and the addresses it gives out."""

import contextlib
import queue
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rehearsal.cloud.daemon import Cloud, _Control, _Line, ask
from rehearsal.cloud.errors import RehearsalError
from rehearsal.cloud.store import Record, Store

ROOT = Path(__file__).resolve().parents[2]


Start = Callable[[Path], subprocess.Popen[bytes]]


def serving(run: Path) -> list[str]:
    return [sys.executable, "-m", "rehearsal.cloud", "serve", "--run", str(run), "--plan-only"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a daemon and waits until it serves; what a failed test leaves is ended."""
    with contextlib.ExitStack() as stack:

        def started(run: Path) -> subprocess.Popen[bytes]:
            daemon = stack.enter_context(subprocess.Popen(serving(run), cwd=ROOT, stdout=subprocess.DEVNULL))
            stack.callback(daemon.kill)
            deadline = time.monotonic() + 60
            while True:
                try:
                    ask(run / "cloud.sock", {"cmd": "ping"})
                    return daemon
                except (RehearsalError, OSError):
                    assert daemon.poll() is None, "the daemon ended"
                    assert time.monotonic() < deadline, "the daemon does not answer"
                    time.sleep(0.1)

        yield started


def test_the_daemon_serves_again_after_a_kill_and_knows_what_was(tmp_path: Path, start: Start) -> None:
    # A path longer than the system allows for a socket.
    run = tmp_path / ("deep-" * 18)
    daemon = start(run)
    assert isinstance(ask(run / "cloud.sock", {"cmd": "provider", "package": "aws"})["port"], int)
    with pytest.raises(RehearsalError, match="no stand-in for 'azure'; it has: digitalocean, aws, gcp"):
        ask(run / "cloud.sock", {"cmd": "provider", "package": "azure"})
    daemon.kill()
    daemon.wait(30)
    Store(run / "cloud").put(Record("digitalocean", "Tag", "t", "", {"name": "t"}, {"name": "t"}, 1))
    daemon = start(run)
    assert ask(run / "cloud.sock", {"cmd": "state"})["digitalocean"]["Tag"]["t"]["inputs"] == {"name": "t"}
    ask(run / "cloud.sock", {"cmd": "stop"})
    assert daemon.wait(30) == 0
    with pytest.raises(RehearsalError, match="start one with `make rehearsal`"):
        ask(run / "cloud.sock", {"cmd": "ping"})


def test_one_place_has_one_daemon(tmp_path: Path, start: Start) -> None:
    daemon = start(tmp_path)
    second = subprocess.run(serving(tmp_path), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (second.returncode, "is serving at" in second.stderr) == (1, True)
    ask(tmp_path / "cloud.sock", {"cmd": "stop"})
    daemon.wait(30)


def test_who_says_stop_is_answered_before_the_daemon_ends(tmp_path: Path) -> None:
    class Answered(queue.SimpleQueue[None]):
        def put(self, item: None, block: bool = True, timeout: float | None = None) -> None:
            answers.append(asking.recv(100, socket.MSG_PEEK | socket.MSG_DONTWAIT))
            super().put(item, block, timeout)

    answers: list[bytes] = []
    cloud = Cloud(tmp_path, plan_only=True)
    cloud.stopping = Answered()
    control = _Control(str(tmp_path / "s"), _Line, bind_and_activate=False)
    control.cloud = cloud
    asking, answering = socket.socketpair()
    with control, answering, asking:
        asking.sendall(b'{"cmd": "stop"}\n')
        asking.shutdown(socket.SHUT_WR)
        _Line(answering, b"", control)
    assert answers == [b'{"ok": true}\n']
    cloud.stopping.get(timeout=0)


def test_addresses_come_back_only_when_all_were_given(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.address("aws") == ("10.77.2.1", "fd77::2:1")
    assert store.address("gcp") == ("10.77.3.1", "fd77::3:1")
    store._counters["address-aws"] = 250
    assert store.address("aws") == ("10.77.18.1", "fd77::18:1")
    store._counters["address-aws"] = 15 * 250
    store.put(Record("aws", "Eip", "e", "", {}, {"publicIp": "10.77.2.1"}, 1))
    assert store.address("aws") == ("10.77.2.2", "fd77::2:2")

"""The public names' certificate: a placeholder at once, then one of a certificate authority, and the last good one."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostconfig import ways_in
from tests.hostconfig.doors import HOSTS, HTTP, NAMES, PLATFORM, Authority, Door, desired
from tests.hostconfig.enrolment import openssl
from tests.pebble import Pebble

A, B, _ = HOSTS
pytestmark = pytest.mark.servers
DIRECTORY, MANAGEMENT, DNS = 24000, 24001, 24053


def answer_names(addresses: list[str]) -> socket.socket:
    """A DNS server that knows every name at these addresses."""
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    line.bind(("127.0.0.1", DNS))
    # A closed socket wakes nobody who waits for it.
    line.settimeout(0.1)

    def serve() -> None:
        while True:
            try:
                question, who = line.recvfrom(512)
            except TimeoutError:
                continue
            except OSError:
                return
            end = question.index(b"\0", 12) + 5
            asked_for_ipv4 = question[end - 4 : end - 2] == b"\0\1"
            found = [b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(it) for it in addresses if asked_for_ipv4]
            head = question[:2] + b"\x81\x80\0\1" + bytes([0, len(found)]) + b"\0\0\0\0"
            line.sendto(head + question[12:end] + b"".join(found), who)

    threading.Thread(target=serve, daemon=True).start()
    return line


class Directory(Pebble):
    """An authority that finds every name at one host."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.dns = answer_names([HOSTS[A]])
        super().__init__(folder, DIRECTORY, MANAGEMENT, DNS, http=HTTP, tls=24443)
        self.start()

    def close(self) -> None:
        """End it and its names."""
        self.stop()
        self.dns.close()


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    made = Directory(tmp_path / "pebble")
    yield made
    made.close()


@pytest.fixture
def door(tmp_path: Path, directory: Directory) -> Iterator[Door]:
    made = opened(tmp_path, A, directory)
    yield made
    made.close()


def opened(folder: Path, own: str, directory: Directory) -> Door:
    """A control host with everything that fleet-acme needs."""
    if not (folder / "authority").exists():
        Authority(folder / "authority", "ours")
    wish = desired(own, directory=directory.directory, trust=directory.trust).ways_in
    assert wish is not None
    made = Door(folder / own, own, (folder / "authority" / "ca.pem").read_text(), wish)
    place = made.place
    for path, text in {
        place.conf: ways_in.dehydrated_conf(wish, place),
        place.domains: ways_in.domains(wish),
        place.trusted: directory.trust,
    }.items():
        Path(path).write_text(text)
    Path(place.lock).parent.mkdir(parents=True, exist_ok=True)
    script = ways_in.acme_script(wish, PLATFORM, place, reload=f"kill -HUP {made.process.pid}")
    # The test hosts' nginx has other ports in the configuration that is tested.
    made.script(place.acme, script)
    return made


def run(door: Door) -> tuple[bool, str]:
    """One pass of fleet-acme."""
    done = subprocess.run([door.place.acme], text=True, capture_output=True, check=False, timeout=120)
    return done.returncode == 0, done.stdout + done.stderr


def served(door: Door, root: str, seconds: float = 60.0) -> bool:
    """Whether a client that trusts this root, and nothing else, is convinced by all three names."""
    file = Path(door.place.state) / "root-of-the-test"
    file.write_text(root)
    end = time.monotonic() + seconds
    while True:
        try:
            for name in NAMES.values():
                door.tls(name, ca=str(file)).close()
            return True
        except OSError:  # also TLS that does not convince, and a door that opens anew
            if time.monotonic() > end:
                return False
            time.sleep(0.1)


def test_a_placeholder_stands_in_until_a_certificate_is_there_and_a_damaged_one_never_does(
    door: Door, directory: Directory
) -> None:
    assert not served(door, directory.root(), 0)
    with door.tls(NAMES["vault"]):
        pass
    done, said = run(door)
    assert done, said
    assert "new certificate, notAfter=" in said
    assert served(door, directory.root())
    live = Path(door.place.live)
    assert live.stat().st_mode & 0o777 == 0o600
    before = live.read_text()
    assert run(door) == (True, ""), "nothing is due"
    assert live.read_text() == before
    key = (Path(door.place.state) / "certs" / "control" / "privkey.pem").resolve()
    key.write_text(openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))
    done, said = run(door)
    assert (done, said) == (False, "fleet-acme: what was obtained does not fit its key\n")
    assert live.read_text() == before


def test_each_control_host_gets_its_own_and_answers_for_the_others(
    tmp_path: Path, door: Door, directory: Directory
) -> None:
    other = opened(tmp_path, B, directory)
    try:
        done, said = run(other)
        assert done, f"the names lead to {A} only, where {B}'s challenges are asked for\n{said}"
        assert served(other, directory.root())
        assert not served(door, directory.root(), 0)
    finally:
        other.close()


def test_the_loop_tries_again_soon_and_the_last_good_certificate_is_served_meanwhile(
    door: Door, directory: Directory
) -> None:
    directory.stop()
    loop = subprocess.Popen([door.place.acme, "loop"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert loop.stdout is not None
    assert loop.stdout.readline().startswith("fleet-acme: ")
    directory.start()
    while "new certificate" not in (line := loop.stdout.readline()):
        assert line, "the loop ended"
    loop.terminate()
    assert loop.wait(timeout=5) == 0
    loop.stdout.close()
    root = directory.root()
    assert served(door, root)
    # The certificate authority comes back and remembers nobody, as after a move to another one.
    directory.stop()
    shutil.rmtree(Path(door.place.state) / "certs")
    directory.start()
    done, said = run(door)
    assert not done
    assert "does not know our account any more" in said
    assert served(door, root)
    done, said = run(door)
    assert done, said
    assert served(door, directory.root())

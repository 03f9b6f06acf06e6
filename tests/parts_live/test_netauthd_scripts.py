"""The directory's server by its own scripts, in a folder: born keys, the first entity, copies, restarts, a new leaf."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostconfig.desired import Netauth
from hostconfig.netauthd import SERVICE, Places, config_text, run_script, tool_script
from hostconfig.parts import Platform
from providers.netauth.calls import TRUST, Calls, NetAuthError, Place
from providers.netauth.client import Client
from tests.executable import executable
from tests.servers.real import binary, free_ports

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux"),
]
NAME = "netauth.fleet.example"
PLATFORM = Platform("debian", "runit", kernel_wireguard=False)
SECRET = "known to this test alone"
# Does for one service what runit does: start at once when it ends, stop by TERM, pass HUP on.
SV = """#!/bin/sh
[ "$1" != -w ] || shift 2
verb=$1 place=$2
case $verb in
    down) touch "$place/down"; kill -TERM "$(cat "$place/pid")" 2>/dev/null
        while kill -0 "$(cat "$place/pid")" 2>/dev/null; do sleep 0.02; done ;;
    up) rm -f "$place/down" ;;
    restart) kill -TERM "$(cat "$place/pid")" ;;
    hup) kill -HUP "$(cat "$place/pid")" ;;
esac
exit 0
"""
RUNSV = """#!/bin/sh
while [ -d "$1" ] && [ ! -e "$1/exit" ]; do
    if [ -e "$1/down" ]; then sleep 0.02; continue; fi
    # HUP ends it here, also where whoever runs the tests has learned to ignore it.
    env --default-signal=HUP "$2" >>"$1/log" 2>&1 &
    echo $! >"$1/pid"
    wait $!
done
"""


class Host:
    """A folder that is a host as far as the scripts see it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_ports(1)[0]
        for part in ("bin", "etc/fleet/netauth", "etc/fleet/pki", "service", "usr/local/sbin", "var/lib/fleet"):
            (folder / part).mkdir(parents=True)
        for name in ("netauthd", "nsutil"):
            (folder / "bin" / name).symlink_to(binary(name))
        self.place = Places(
            **{
                name: f"{folder}{getattr(Places, name)}"
                for name in ("etc", "home", "copies", "metrics", "tool", "run", "ca", "leaf", "key")
            },
            path=f"{folder}/bin:{Places.path}",
        )
        self.service = folder / "service" / SERVICE
        self.service.mkdir()
        wish = Netauth(server=NAME, port=self.port, hash_cost=4)
        self.write(self.place.tool, tool_script(wish, PLATFORM, self.place, "root", str(folder / "service")))
        self.write(self.place.run, run_script(PLATFORM, self.place, "root"))
        self.write(f"{self.place.etc}/config.toml", config_text(wish, self.place))
        self.write(folder / "bin" / "sv", SV)
        self.write(folder / "bin" / "runsv", RUNSV)
        self.keeper = subprocess.Popen([folder / "bin" / "runsv", self.service, self.place.run])

    def write(self, path: str | Path, text: str) -> None:
        executable(Path(path), text)

    def leaf(self, days: int = 2) -> None:
        """A new certificate, as fleet-renew would put it there: the key first, each file whole."""
        new = self.folder / "new"
        new.mkdir(exist_ok=True)
        words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days"]
        key = Path(self.place.key)
        if key.exists():
            words = ["openssl", "req", "-x509", "-key", str(key), "-days"]
        else:
            words += [str(days), "-keyout", str(key)]
        more = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-out", str(new / "signed")]
        subprocess.run([*words, *([] if str(days) in words else [str(days)]), *more], check=True, capture_output=True)
        for target in (self.place.leaf, self.place.ca):
            made = new / Path(target).name
            made.write_text((new / "signed").read_text())
            made.rename(target)

    def tool(self, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.place.tool, *words], input=said, capture_output=True, text=True, timeout=60)

    def calls(self, patience: float = 10.0, token: str = "") -> Calls:
        place = Place(NAME, "127.0.0.1", self.port, Path(self.place.ca).read_text())
        return Calls(place, patience=patience, token=lambda: token)

    def client(self) -> Client:
        return Client(self.calls(token=self.calls().token("first", SECRET)), second_look=0.05)

    def metric(self, name: str) -> float:
        text = (Path(self.place.metrics) / "netauth.prom").read_text()
        return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    def stop(self) -> None:
        (self.service / "exit").touch()
        (self.service / "down").touch()
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((self.service / "pid").read_text()), signal.SIGKILL)
        try:
            self.keeper.wait(5)
        finally:
            self.keeper.kill()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.delenv(TRUST, raising=False)
    made = Host(tmp_path)
    try:
        made.leaf()
        yield made
    finally:
        made.stop()


def begun(host: Host) -> Client:
    done = host.tool("root", "first", said=f"{SECRET}\n")
    assert done.returncode == 0, (done.stdout, done.stderr, (host.service / "log").read_text())
    return host.client()


def test_keys_are_born_here_and_the_first_entity_may_do_everything(host: Host) -> None:
    client = begun(host)
    client.create_entity("bo", 2001, "a password of bo's")
    keys = Path(host.place.etc) / "keys"
    assert (keys / "rsa-private.tokenkey").stat().st_mode & 0o777 == 0o400
    assert host.calls().token("bo", "a password of bo's")
    log = (host.service / "log").read_text()
    assert SECRET not in log
    assert "a password of bo's" not in log
    for path in host.folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert SECRET.encode() not in path.read_bytes(), path
    before = (keys / "rsa-private.tokenkey").read_bytes()
    subprocess.run([host.folder / "bin" / "sv", "restart", host.service], check=True)
    assert host.calls().well()
    assert (keys / "rsa-private.tokenkey").read_bytes() == before


def test_a_weak_or_missing_secret_makes_nobody(host: Host) -> None:
    begun(host)
    for said in ("", "short\n"):
        done = host.tool("root", "second", said=said)
        assert done.returncode == 1
        assert "at least 12 characters" in done.stdout
    assert host.tool("root", "../first", said=f"{SECRET}\n").returncode == 1
    assert host.client().entity("second") is None


def test_a_copy_is_whole_is_restored_and_what_was_there_is_kept(host: Host) -> None:
    client = begun(host)
    for number in range(5):
        client.create_entity(f"bo{number}", 2001 + number, "not of interest")
    made = host.tool("backup")
    assert "6 entries in" in made.stdout, made
    copy = next(Path(host.place.copies).glob("netauth-*.tar.gz"))
    assert copy.stat().st_mode & 0o777 == 0o600
    with tarfile.open(copy) as opened:
        assert not [name for name in opened.getnames() if "tokenkey" in name]
    client.create_entity("late", 2010, "not of interest")
    client.set_locked("bo1", True)
    done = host.tool("restore", str(copy))
    assert "restored 6 entries" in done.stdout, (done.stdout, done.stderr)
    client = host.client()
    assert client.entity("late") is None
    found = client.entity("bo1")
    assert found is not None
    assert not found.locked
    assert len(list(Path(host.place.home).glob("kv.before-*/entities/late"))) == 1
    damaged = host.folder / "damaged.tar.gz"
    damaged.write_bytes(copy.read_bytes()[:200])
    for wrong in (str(damaged), str(host.folder / "missing")):
        done = host.tool("restore", wrong)
        assert done.returncode == 1
        assert "nothing was changed" in done.stdout
    assert host.client().entity("bo1") is not None


def test_a_copy_under_load_is_never_less_than_what_was_there(host: Host) -> None:
    client, over = begun(host), threading.Event()

    def change() -> None:
        number = 0
        while not over.is_set():
            number += 1
            client.set_meta("first", primary_group=f"g{number}", home="/", shell="/bin/sh")

    worker = threading.Thread(target=change)
    worker.start()
    try:
        for _ in range(10):
            done = host.tool("backup")
            assert done.returncode == 0, done.stdout
    finally:
        over.set()
        worker.join()


def test_a_restart_is_short_and_a_new_certificate_is_taken_up(host: Host) -> None:
    begun(host)
    tries: dict[str, list[float]] = {"restart": [], "hup": []}
    # The better of two: a machine that is held up once is not a server that is slow.
    for verb in ("restart", "hup", "restart", "hup"):
        host.leaf(days=5 + sum(map(len, tries.values())))
        begin = time.monotonic()
        subprocess.run([host.folder / "bin" / "sv", verb, host.service], check=True)
        while True:
            try:
                # With the new certificate as the only one that is trusted.
                assert host.calls(patience=0.0).well()
                break
            except NetAuthError:
                assert time.monotonic() - begin < 5
                time.sleep(0.01)
        tries[verb].append(time.monotonic() - begin)
    print(f"gaps: {tries}")
    assert all(min(gaps) < 2.0 for gaps in tries.values()), "within the time that one login waits"


def test_what_is_measured_follows_what_is(host: Host) -> None:
    begun(host)
    host.tool("backup")
    assert host.tool("measure").returncode == 0
    assert host.metric("fleet_netauth_up") == 1
    assert time.time() < host.metric("fleet_netauth_certificate_ends") < time.time() + 3 * 86400
    assert abs(host.metric("fleet_netauth_backup_timestamp") - time.time()) < 60
    assert host.metric('fleet_netauth_entries{kind="entities"}') == 1
    subprocess.run([host.folder / "bin" / "sv", "down", host.service], check=True)
    host.tool("measure")
    assert host.metric("fleet_netauth_up") == 0
    assert host.tool("well").returncode == 1
    assert host.tool("nonsense").returncode == 2

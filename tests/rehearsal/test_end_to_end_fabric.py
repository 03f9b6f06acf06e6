"""A joining host interrupts no flow over the fabric; a private key is nowhere but on its host."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from rehearsal import driver, engine
from rehearsal.testhosts import hosts
from tests.rehearsal.support import CONTROL_HOSTS, SEVENTH, SIX, Rehearsed, copied, grounds
from toolchain.places import ROOT

pytestmark = pytest.mark.rehearsal
FLOW = Path(__file__).with_name("flow.py")
SENDER, HEARER = "a-fra-de", "a-pdx-us"
PORT, RATE = 7777, 200
INTERFACE = "fabric0"
KEY_FILE = f"/etc/wireguard/{INTERFACE}.key"
# In no file but the one that the test writes, this one neither.
CONTROL = f"rehearsal-control-{secrets.token_hex(8)}"


class Flow:
    """What a flow lost: known when it has ended."""

    sent = 0
    missing: list[int]


@contextmanager
def flowing(rehearsed: Rehearsed) -> Iterator[Flow]:
    """Numbered UDP between two hosts over the fabric for as long as the block lasts."""
    address = driver.outputs(rehearsed.at)[HEARER]["fabric"]
    run = [sys.executable, str(FLOW)]
    hearer = subprocess.Popen(
        [*hosts.entering_network(HEARER), *run, "hear", str(PORT)], stdout=subprocess.PIPE, text=True
    )
    assert hearer.stdout is not None
    assert hearer.stdout.readline().strip() == "ready"
    sender = subprocess.Popen(
        [*hosts.entering_network(SENDER), *run, "send", address, str(PORT), str(RATE)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    flow = Flow()
    try:
        time.sleep(1)
        yield flow
        time.sleep(1)
    finally:
        sender.terminate()
        flow.sent = json.loads(sender.communicate(timeout=60)[0])
        time.sleep(0.5)
        hearer.terminate()
        heard = set(json.loads(hearer.communicate(timeout=60)[0]))
        flow.missing = sorted(set(range(flow.sent)) - heard)


def test_a1_08_a_seventh_host_interrupts_no_flow(rehearsed: Rehearsed) -> None:
    with copied(rehearsed, "seventh") as data:
        data.seventh()
        plan = rehearsed.preview(data.config)
        assert grounds(plan.changes) == {*SIX, SEVENTH}
        for host in SIX:
            paths = plan.paths(f"ground-{host}")
            assert paths, plan.text[-3000:]
            # A control host also learns to sign for it.
            places = ("desired.fabric.joining", "desired.pki.hosts")[: 2 if host in CONTROL_HOSTS else 1]
            assert all(SEVENTH in path and any(place in path for place in places) for path in paths), paths
        others = {name: op for name, op in plan.changes.items() if SEVENTH not in name and not grounds({name: op})}
        # The gate before Vault is asked again whenever what Vault holds changes.
        others.pop("control-gate-vault", None)
        # Whoever may log in on all hosts may on this one: the ledger says so.
        others.pop("roster-ledger", None)
        assert others == {}, "resources of others would change"
        assert {op for name, op in plan.changes.items() if SEVENTH in name} == {"create"}
        with flowing(rehearsed) as flow:
            outcome = rehearsed.up(data.config)
        assert outcome.code == 0, outcome.failures
        print(f"sent {flow.sent}, missing {len(flow.missing)}")
        assert flow.sent > RATE * 2
        assert flow.missing == []
        ping = "sudo ping -c 4 -i 0.3 -W 2 " + driver.outputs(rehearsed.at)[SEVENTH]["fabric"]
        assert " 0% packet loss" in rehearsed.ssh(SENDER, ping) or "received" in rehearsed.ssh(SENDER, ping)


def test_a1_08_an_interface_restart_does_lose_some(rehearsed: Rehearsed) -> None:
    """The control: the same flow shows what an interruption looks like."""
    with flowing(rehearsed) as flow:
        rehearsed.ssh(HEARER, f"sudo sh -c 'ip link set {INTERFACE} down; sleep 0.5; ip link set {INTERFACE} up'")
        time.sleep(2)
    print(f"sent {flow.sent}, missing {len(flow.missing)}")
    assert flow.missing
    assert len(flow.missing) < flow.sent, "nothing arrived at all"


class Watch(threading.Thread):
    """Keeps every command line that is seen on this machine, test hosts included."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.02):
            for entry in os.scandir("/proc"):
                if entry.name.isdigit():
                    with suppress(OSError):
                        self.seen.add(Path(entry.path, "cmdline").read_bytes())

    def saw(self, form: bytes) -> bool:
        """Whether a command line had this in it."""
        return any(form in line for line in tuple(self.seen))


def spellings(key: str) -> list[bytes]:
    """A key as it might be written: base64, url-safe, hex in both cases, raw."""
    raw = base64.b64decode(key)
    return [key.encode(), base64.urlsafe_b64encode(raw), raw.hex().encode(), raw.hex().upper().encode(), raw]


def _unread(run: Path, folder: Path) -> set[str]:
    """Names in a folder that are not searched: kernels' own, and what shows the same files again."""
    if folder.parent == run / "hosts":
        # What a host has written is in `upper`; its whole tree, mounted, and the base below it are the same once more.
        return {"root", "base", "work"}
    if folder.parent.parent.name == "alloc":
        # Nomad links the system's programs into each task's own root.
        return {"usr", "bin", "sbin", "lib", "lib64", "proc", "sys", "dev"}
    return {"proc", "sys", "dev"}


def files_to_search(run: Path, since: float) -> Iterator[Path]:
    """State, logs and everything else of the rehearsal, the hosts' own disks, the checkout's cache, temp files."""
    own = Path("/proc/self").resolve()
    for top in (run, ROOT / ".fleet", Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/dev/shm")):
        for folder, inner, names in os.walk(top):
            inner[:] = [n for n in inner if n not in _unread(run, Path(folder))]
            for name in names:
                path = Path(folder, name)
                with suppress(OSError):
                    stat = path.lstat()
                    below = run in path.parents
                    if path.is_symlink() or not path.is_file() or stat.st_size > 64 << 20:
                        continue
                    if (below or stat.st_mtime >= since) and own not in path.parents:
                        yield path


def searched(files: Iterable[Path], forms: Sequence[bytes]) -> dict[Path, set[bytes]]:
    """Which files hold which of the forms. One file in memory at a time; what is linked many times is read once."""
    found: dict[Path, set[bytes]] = {}
    seen: set[tuple[int, int]] = set()
    for path in files:
        with suppress(OSError):
            stat = path.lstat()
            if (stat.st_dev, stat.st_ino) not in seen:
                seen.add((stat.st_dev, stat.st_ino))
                content = path.read_bytes()
                # Form by form: one pattern of them all is many times slower.
                if hits := {form for form in forms if form in content}:
                    found[path] = hits
    return found


def test_a1_09_private_keys_stay_on_their_hosts(rehearsed: Rehearsed) -> None:
    since = time.time()
    watch = Watch()
    watch.start()
    control_file = rehearsed.at.run / "logs" / "control.log"
    control_file.write_text(f"a line with {CONTROL} in it\n")
    with subprocess.Popen(["sh", "-c", "read _; exit 0", CONTROL], stdin=subprocess.PIPE) as control:
        with copied(rehearsed, "keys") as data:
            # A new host makes a new key, and every other one hears of it.
            data.seventh()
            outcome = rehearsed.up(data.config)
            assert outcome.code == 0, outcome.failures
            outputs = driver.outputs(rehearsed.at)
            keys = {host: rehearsed.ssh(host, f"sudo cat {KEY_FILE}").strip() for host in (*SIX, SEVENTH)}
            shown = rehearsed.shown(refresh=True)
            exported = engine.pulumi(rehearsed.env, "stack", "export", "--show-secrets", "--stack", engine.STACK)
            texts = {
                "event log": outcome.log,
                "preview": shown,
                "outputs": json.dumps(outputs),
                "state with secrets": exported.stdout,
            }
            spelled = [form for key in keys.values() for form in spellings(key)]
            found = searched(files_to_search(rehearsed.at.run, since), [*spelled, CONTROL.encode()])
        end = time.monotonic() + 30
        while not watch.saw(CONTROL.encode()) and time.monotonic() < end:
            time.sleep(0.1)
        control.communicate()
    watch.ended.set()
    watch.join()
    control_file.unlink()

    assert len(set(keys.values())) == len(SIX) + 1
    wanted = {host: spellings(key) for host, key in keys.items()}
    own = {path for path in found if str(path).endswith(KEY_FILE)}
    assert own, "the search does not even see the key files themselves"
    hits = []
    for host, forms in wanted.items():
        for form in forms:
            hits += [f"{host} in argv" for line in watch.seen if form in line]
            hits += [f"{host} in {where}" for where, text in texts.items() if form in text.encode()]
            hits += [
                f"{host} in {path}" for path, forms_there in found.items() if path not in own and form in forms_there
            ]
    assert hits == []
    # The controls: the same search does find what is there.
    assert watch.saw(CONTROL.encode()), "argv is not searched"
    assert [path for path, forms in found.items() if CONTROL.encode() in forms] == [control_file]
    public = str(outputs[SIX[0]]["wireguard_key"])
    assert public in texts["state with secrets"]
    assert public in texts["event log"] or public in texts["outputs"]
    assert [path for path in own if wanted[SIX[0]][0] in found[path]]

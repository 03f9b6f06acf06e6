"""What devspace promises of files, shown with OpenSSH's own client: no file lost, none there that is half."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.devspace.attempt import inside
from tests.devspace.client import sftp
from tests.devspace.doors import Who
from tests.devspace.machine import PLACE_GROUP
from tests.devspace.rig import NOBODY, SFTP, SSH, Rig
from tests.servers.real import wait_for

MEGABYTE = 2**20
# A look at everybody who is in, and what was heard just before it.
LIMIT_SECONDS = 60.0


def _words(who: Who, *more: str, port: int = SFTP) -> list[str]:
    return sftp(who.keys["ed25519"], f"{who.name}@127.0.0.1", port, "-v", *more)


def batch(who: Who, commands: str, *more: str, seconds: float = 60.0) -> tuple[int, str]:
    """(exit code, all that the client said) of a batch."""
    done = subprocess.run(
        _words(who, *more), input=commands, capture_output=True, text=True, timeout=seconds, check=False
    )
    return done.returncode, done.stdout + done.stderr


def begun(rig: Rig, who: Who, file: Path, name: str, rate: int = 4000) -> subprocess.Popen[str]:
    """A slow upload that is under way. `rate`: in kilobits a second."""
    child = subprocess.Popen(
        _words(who, "-l", str(rate)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert child.stdin is not None
    child.stdin.write(f"put {file} {name}\n")
    child.stdin.close()
    child.stdin = None
    end = time.monotonic() + 20
    while incoming(rig, who) < 65536:
        assert time.monotonic() < end, f"the upload does not begin: {child.poll()}"
        time.sleep(0.05)
    return child


def incoming(rig: Rig, who: Who) -> int:
    """Bytes that lie out of sight."""
    return sum(file.stat().st_size for file in (rig.data / "incoming" / who.name).glob("*"))


def gone(rig: Rig, who: Who, seconds: float = 20.0) -> None:
    """Wait until nothing of an upload is left."""
    folder = rig.data / "incoming" / who.name
    wait_for("nothing of the upload is left", lambda: not any(folder.glob("*")), seconds)


def home(rig: Rig, who: Who, name: str) -> Path:
    return rig.data / "home" / who.name / name


def made(rig: Rig, name: str, size: int, letter: bytes = b"x") -> Path:
    """A file to send."""
    file = rig.folder / f"send-{name}"
    file.write_bytes(letter * size)
    return file


def kept(rig: Rig, who: Who) -> Path:
    """A finished file that has to outlast everything, under the name that is tried."""
    code, said = batch(who, f"put {made(rig, 'kept', 1000, b'k')} kept\n")
    assert code == 0, said[-500:]
    return home(rig, who, "kept")


def whole(file: Path, size: int = 1000, letter: bytes = b"k") -> bool:
    return file.read_bytes() == letter * size


def a_quota_that_is_exceeded(rig: Rig) -> str:
    who = rig.who("devspace")
    file = kept(rig, who)
    code, said = batch(who, f"put {made(rig, 'large', 20 * MEGABYTE)} kept\n")
    words = re.findall(r"quota exceeded[^\r\n]*|write remote[^\r\n]*", said)
    assert code != 0, said[-800:]
    assert any("quota" in it for it in words), said[-800:]
    assert whole(file), "the finished file is another"
    code, said = batch(who, f"put {made(rig, 'large', 20 * MEGABYTE)} new\n")
    assert code != 0, "a partial file has its final name"
    assert not home(rig, who, "new").exists(), "a partial file has its final name"
    gone(rig, who)
    code, said = batch(who, "df -h\n")
    assert code == 0, said[-500:]
    assert "16.0MB" in said, said[-500:]
    return f"the client sees: {'; '.join(dict.fromkeys(words))}"


def many_uploads_at_once(rig: Rig) -> str:
    who, others, rounds = rig.who("devspace"), 12, 4
    files = [made(rig, f"many{n}", 300_000 + n, bytes([97 + n])) for n in range(others)]
    torn: list[str] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.wait(0.05):
            target = home(rig, who, "one")
            if target.exists() and not _one_of(target, others):
                torn.append("a reader saw a mixture")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with ThreadPoolExecutor(others) as pool:
            found = list(
                pool.map(
                    lambda n: batch(
                        who, "".join(f"put {files[n]} one\nput {files[n]} own{n}-{r}\n" for r in range(rounds))
                    ),
                    range(others),
                )
            )
    finally:
        ended.set()
        reader.join()
    assert [code for code, _ in found] == [0] * others, [said[-300:] for code, said in found if code][:1]
    assert not torn, "one name, many clients: not one of them whole"
    assert _one_of(home(rig, who, "one"), others), "one name, many clients: not one of them whole"
    for n in range(others):
        for r in range(rounds):
            assert whole(home(rig, who, f"own{n}-{r}"), 300_000 + n, bytes([97 + n])), f"own{n}-{r} is not whole"
    assert incoming(rig, who) == 0
    code, _ = batch(who, "".join(f"rm own{n}-{r}\n" for n in range(others) for r in range(rounds)) + "rm one\n")
    assert code == 0
    return f"{others} clients, {others * rounds} uploads of one name and as many of others: each whole"


def _one_of(file: Path, others: int) -> bool:
    text = file.read_bytes()
    return any(text == bytes([97 + n]) * (300_000 + n) for n in range(others))


def a_client_that_is_killed(rig: Rig) -> str:
    who = rig.who("devspace")
    file, sent = kept(rig, who), made(rig, "slow", 8 * MEGABYTE)
    for name in ("kept", "fresh"):
        child = begun(rig, who, sent, name)
        subprocess.run(["pkill", "-KILL", "-P", str(child.pid)], check=False)
        child.kill()
        child.communicate()
        gone(rig, who)
    assert whole(file)
    assert not home(rig, who, "fresh").exists()
    return "the finished file stays, the other is not there"


def the_same_by_a_hosts_internal_sftp(rig: Rig) -> str:
    """Why that is not used: what a killed client leaves at OpenSSH's own server, over a finished file."""
    who = rig.who("shell")
    place = rig.folder / "homes" / who.name / "kept"
    place.write_bytes(b"k" * 1000)
    shutil.chown(place, who.name)
    words = _words(who, "-l", "4000", port=SSH)
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert child.stdin is not None
    child.stdin.write(f"put {made(rig, 'slow', 8 * MEGABYTE)} kept\n".encode())
    child.stdin.close()
    end = time.monotonic() + 20
    while place.stat().st_size < 65536:
        assert time.monotonic() < end, "the upload does not begin"
        time.sleep(0.05)
    subprocess.run(["pkill", "-KILL", "-P", str(child.pid)], check=False)
    child.kill()
    child.wait()
    time.sleep(0.5)
    left = place.stat().st_size
    assert 1000 != left < 8 * MEGABYTE, "it keeps the finished file: then it could be used here"
    return f"{left} of {8 * MEGABYTE} bytes under the final name, the finished file is lost"


def packets_that_vanish(rig: Rig) -> str:
    who = rig.who("devspace")
    rig.devspace(PLACE_GROUP, keepalive_seconds=2)
    file = kept(rig, who)
    child = begun(rig, who, made(rig, "slow", 8 * MEGABYTE), "kept")
    rules = "add table inet hole\nadd chain inet hole in { type filter hook input priority 0; }\n"
    rules += f"add rule inet hole in tcp dport {SFTP} drop\nadd rule inet hole in tcp sport {SFTP} drop\n"
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
    try:
        gone(rig, who, 30)
        assert whole(file)
    finally:
        subprocess.run(["nft", "flush", "ruleset"], check=True)
        child.kill()
        child.communicate()
    assert 'why="silent"' in rig.say("devspace")
    rig.devspace(PLACE_GROUP)
    return "noticed by keepalive, the finished file stays"


def a_full_disk(rig: Rig) -> str:
    who, other = rig.who("devspace"), rig.who("both")
    rig.end("devspace")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=0755", "tmpfs", str(rig.data)], check=True)
    os.chown(rig.data, NOBODY, NOBODY)
    try:
        rig.devspace(PLACE_GROUP)
        file, others = kept(rig, who), kept(rig, other)
        code, said = batch(who, f"put {made(rig, 'large', 10 * MEGABYTE)} kept\n")
        words = re.findall(r"the disk is full[^\r\n]*|write remote[^\r\n]*", said)
        assert code != 0, said[-800:]
        assert any("disk is full" in it for it in words), said[-800:]
        code, said = batch(who, f"put {made(rig, 'large', 10 * MEGABYTE)} new\n")
        assert code != 0, "a partial file has its final name"
        assert not home(rig, who, "new").exists(), "a partial file has its final name"
        gone(rig, who)
        assert whole(file), "a finished file is another"
        assert whole(others), "a finished file is another"
        code, said = batch(other, f"put {made(rig, 'small', MEGABYTE)} small\n")
        assert code == 0, f"nothing works after a full disk: {said[-500:]}"
        rig.end("devspace")
    finally:
        rig.end("devspace")
        subprocess.run(["umount", "-l", str(rig.data)], check=True)
        rig.devspace(PLACE_GROUP)
    return f"the client sees: {'; '.join(dict.fromkeys(words))}"


def a_server_that_is_killed(rig: Rig) -> str:
    who = rig.who("devspace")
    file = kept(rig, who)
    child = begun(rig, who, made(rig, "slow", 8 * MEGABYTE), "kept")
    rig.end("devspace", signal.SIGKILL)
    child.communicate()
    left = incoming(rig, who)
    assert left
    assert whole(file)
    rig.devspace(PLACE_GROUP)
    gone(rig, who)
    assert whole(file)
    return f"{left} bytes out of sight, removed at the next start; the finished file stays"


def leaving_and_joining(rig: Rig) -> str:
    who = rig.who("devspace")
    file = kept(rig, who)
    # It would go on for longer than the time in which they must be out.
    child = begun(rig, who, made(rig, "slow", 14 * MEGABYTE), "kept", 1500)
    rig.change("devspace", locked=True)
    locked = time.monotonic()
    said, _ = child.communicate(timeout=LIMIT_SECONDS)
    out = time.monotonic() - locked
    assert child.returncode != 0, f"still in after {out:.0f} s"
    assert out < LIMIT_SECONDS, f"still in after {out:.0f} s"
    gone(rig, who)
    assert whole(file), "who was cut has changed a finished file"
    # Somebody who is locked is remembered as such for a moment; after that neither look-up nor kept answer opens.
    assert not inside(batch(who, "ls\n")[1]), "comes in although locked"
    rig.change("devspace", locked=False)
    unlocked = time.monotonic()
    while not inside(batch(who, "ls\n")[1]):
        assert time.monotonic() - unlocked < LIMIT_SECONDS, "does not come in"
        time.sleep(0.5)
    code, said = batch(who, "get kept /dev/null\nput /etc/hostname again\n")
    assert code == 0, said[-500:]
    back = time.monotonic() - unlocked
    return f"cut in the middle of an upload {out:.0f} s after the lock, in again {back:.0f} s after it was lifted"


PROMISES: tuple[Callable[[Rig], str], ...] = (
    a_quota_that_is_exceeded,
    many_uploads_at_once,
    a_client_that_is_killed,
    the_same_by_a_hosts_internal_sftp,
    packets_that_vanish,
    a_full_disk,
    a_server_that_is_killed,
    leaving_and_joining,
)

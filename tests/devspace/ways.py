"""Each way that OpenSSH's client can try a door, carried out: what it is let in by, and whether it had its effect."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.devspace.attempt import SECONDS, Attempt, inside
from tests.devspace.doors import KEYS, Result


def _exec(it: Attempt, *words: str, key: str = "ed25519", agent: bool = False, stdin: bytes = b"") -> Result:
    env = {"DISPLAY": ":99"}
    out, said, _ = it.run(it.ssh(*words, key=key, agent=agent), stdin, env)
    return Result(inside(said), "marker-42" in out, said)


RUN = ("--", "echo marker-$((40+2))")


def native(it: Attempt, key: str) -> Result:
    """What the door is for: a command on a host, a listing in devspace."""
    if it.cell.door.kind == "host":
        return _exec(it, *RUN, key=key)
    return _sftp(it, "ls -la\n", key=key)


def _sftp(it: Attempt, batch: str, *more: str, key: str = "ed25519", agent: str = "") -> Result:
    words = [*it.cell.door.prefix, "sftp", *it.options(key, agent=bool(agent)), *more, "-P", str(it.cell.door.port)]
    env = {"SSH_AUTH_SOCK": agent} if agent else None
    out, said, code = it.run([*words, "-b", "-", it.at], batch.encode(), env)
    return Result(inside(said), code == 0, out + said)


def by_agent(it: Attempt) -> Result:
    """A key that only an agent holds, which is forwarded as well."""
    sock = str(it.folder / "agent")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", sock], stdout=subprocess.DEVNULL)
    try:
        for _ in range(1200):
            if Path(sock).exists():
                break
            time.sleep(0.05)
        env = {"SSH_AUTH_SOCK": sock}
        it.run(["ssh-add", "-q", str(it.cell.who.keys["ed25519"])], env=env)
        if it.cell.door.kind == "devspace":
            return _sftp(it, "ls\n", "-o", "ForwardAgent=yes", agent=sock)
        out, said, _ = it.run(it.ssh("-A", *RUN, agent=True), env=env)
        return Result(inside(said), "marker-42" in out, said)
    finally:
        agent.kill()
        agent.wait()


def forced(it: Attempt) -> Result:
    """A key that stands in the directory with a command: it opens nothing, with it or without."""
    shell, files = _exec(it, *RUN, key="forced"), _sftp(it, "ls\n", key="forced")
    return Result(shell.let_in or files.let_in, shell.effect or files.effect, shell.said + files.said)


def local_port(it: Attempt) -> Result:
    effect, said = it.forwarded("-L", f"{it.port}:127.0.0.1:{it.cell.door.port}")
    return Result(inside(said), effect, said)


def socks(it: Attempt) -> Result:
    effect, said = it.forwarded("-D", str(it.port), socks=True)
    return Result(inside(said), effect, said)


def _stays(it: Attempt, *words: str, mark: str = "", seconds: float = 1.5) -> Result:
    """A client that is to stay: let in, and still there a while after there is a mark in what it says of itself."""
    child = subprocess.Popen(
        it.ssh("-N", *words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        end, since = time.monotonic() + SECONDS, 0.0
        while child.poll() is None and time.monotonic() < end:
            if it.let_in_by_now(child) and mark in it.kept:
                since = since or time.monotonic()
                if time.monotonic() - since > seconds:
                    break
            time.sleep(0.05)
        stayed = child.poll() is None
    finally:
        child.kill()
    said = it.kept + (child.communicate()[1] or b"").decode(errors="replace")
    return Result(inside(said), stayed and inside(said) and mark in said, said)


def remote_port(it: Attempt) -> Result:
    return _stays(it, "-R", f"127.0.0.1:{it.port}:127.0.0.1:{it.cell.door.port}", mark="remote forward success")


def tunnel(it: Attempt) -> Result:
    return _stays(it, "-o", "Tunnel=point-to-point", "-w", "any:any")


def stdio(it: Attempt) -> Result:
    argv = it.ssh("-W", f"127.0.0.1:{it.cell.door.port}")
    out, said, _ = it.run(argv, b"\n")
    return Result(inside(said), "SSH-2.0-" in out, said)


def nothing(it: Attempt) -> Result:
    """A connection that asks for nothing."""
    return _stays(it)


def subsystem(it: Attempt) -> Result:
    """The protocol's first packet, sent by hand: an answer names what the server can do."""
    child = subprocess.Popen(it.ssh("-s", "--", "sftp"), stdin=-1, stdout=-1, stderr=-1)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"\x00\x00\x00\x05\x01\x00\x00\x00\x03")
    child.stdin.flush()
    heard = b""
    # Whoever is refused is told by the end of the output.
    if select.select([child.stdout], [], [], SECONDS)[0]:
        heard = os.read(child.stdout.fileno(), 4096)
    child.kill()
    said = child.communicate()[1].decode(errors="replace")
    return Result(inside(said), b"posix-rename" in heard, said)


def terminal(it: Attempt) -> Result:
    return _exec(it, "-tt", stdin=b"echo marker-$((40+2))\nexit\n")


def x11(it: Attempt) -> Result:
    out, said, _ = it.run(it.ssh("-Y", "--", "echo shown=$DISPLAY="), env={"DISPLAY": ":99"})
    return Result(inside(said), "shown=" in out and "shown==" not in out, said)


def _arrives(it: Attempt, argv: Sequence[str], fetch: Callable[[str], bool]) -> Result:
    _, said, code = it.run(argv)
    return Result(inside(said), code == 0 and fetch(f"up-{it.port}"), said)


def _fetched(it: Attempt, name: str) -> bool:
    """Whether what was sent is there, read back the same way and of the same content."""
    back = it.folder / "back"
    return _sftp(it, f"get {name} {back}\nrm {name}\n").effect and back.read_text() == f"text of {it.port}\n"


def _sent(it: Attempt) -> str:
    file = it.folder / "sent"
    file.write_text(f"text of {it.port}\n")
    return str(file)


def scp(it: Attempt, *more: str) -> Result:
    words = [*it.cell.door.prefix, "scp", *it.options(), *more, "-P", str(it.cell.door.port), _sent(it)]
    return _arrives(it, [*words, f"{it.at}:up-{it.port}"], lambda name: _fetched(it, name))


def sftp(it: Attempt) -> Result:
    sent, name, back = _sent(it), f"up-{it.port}", it.folder / "back"
    batch = (
        f"put {sent} {name}\nrename {name} {name}-2\nget {name}-2 {back}\nrm {name}-2\nmkdir {name}-d\nrmdir {name}-d\n"
    )
    found = _sftp(it, batch)
    return Result(found.let_in, found.effect and back.read_text() == f"text of {it.port}\n", found.said)


def rsync(it: Attempt) -> Result:
    shell = " ".join([*it.cell.door.prefix, "ssh", *it.options(), "-p", str(it.cell.door.port)])
    return _arrives(it, ["rsync", "-e", shell, _sent(it), f"{it.at}:up-{it.port}"], lambda name: _fetched(it, name))


# Read and written where nobody's home is; on a host these are what every account may read.
OUTSIDE = ("/etc/passwd", "../../../../etc/passwd", "/proc/self/environ", "/etc/ssh/sshd_config")


def outside(it: Attempt) -> Result:
    """Reads and writes outside of a home."""
    got, said, let_in = False, "", False
    for n, place in enumerate(OUTSIDE):
        back = it.folder / f"stolen-{n}"
        found = _sftp(it, f"get {place} {back}\n")
        got, said, let_in = got or back.exists(), said + found.said, let_in or found.let_in
    if it.cell.door.kind == "devspace":
        target = f"/tmp/planted-{it.port}"
        put = _sftp(it, f"put {_sent(it)} {target}\n")
        got = got or put.effect
        # A link that leads out, made by the client itself.
        linked = _sftp(it, f"ln -s /etc escape-{it.port}\n")
        got = got or linked.effect
    return Result(let_in, got, said)


WAYS: dict[str, Callable[[Attempt], Result]] = {
    **{f"key {kind}": (lambda it, kind=kind: native(it, kind)) for kind in KEYS},  # type: ignore[misc]
    "agent": by_agent,
    "forced command": forced,
    "-L": local_port,
    "-R": remote_port,
    "-D": socks,
    "-W": stdio,
    "-N": nothing,
    "subsystem": subsystem,
    "exec": lambda it: _exec(it, *RUN),
    "pty": terminal,
    "X11": x11,
    "tunnel": tunnel,
    "scp": scp,
    "scp by exec": lambda it: scp(it, "-O"),
    "sftp": sftp,
    "sftp by exec": lambda it: _sftp(it, "ls\n", "-s", "/usr/lib/openssh/sftp-server"),
    "rsync": rsync,
    "outside": outside,
}

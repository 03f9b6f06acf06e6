"""The cells of the devspace matrix: each way that OpenSSH's client can try a door, and who may succeed by it.

A door is a host's own sshd, or devspace. A cell has two results: whether the server let somebody in at all, and whether
the way had its effect (a command ran, a port was forwarded, a file arrived). Shared by the rig and the rehearsal.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["host", "devspace"]
KEYS = ("ed25519", "ecdsa", "rsa")
PERSONAS = ("devspace", "shell", "both", "removed", "locked", "root", "break-glass", "wrong case")
SECONDS = 25.0
# Reads what comes through a forwarded port, from wherever the client itself runs.
KNOCK = """
import socket, sys, time
end = time.monotonic() + float(sys.argv[3])
while time.monotonic() < end:
    try:
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2) as one:
            if sys.argv[2] != "0":
                one.sendall(b"\\x05\\x01\\x00")
                one.recv(2)
                one.sendall(b"\\x05\\x01\\x00\\x01\\x7f\\x00\\x00\\x01" + int(sys.argv[2]).to_bytes(2, "big"))
                one.recv(10)
            one.settimeout(4)
            sys.stdout.write(one.recv(64).decode(errors="replace"))
            break
    except OSError:
        time.sleep(0.2)
"""


@dataclass(frozen=True)
class Door:
    """A server to try: what it is, where it is, and the words in front of a command that reaches it."""

    name: str
    kind: Kind
    address: str
    port: int
    prefix: tuple[str, ...] = ()


@dataclass(frozen=True)
class Who:
    """Somebody who tries: by which name, with which private keys (by kind, and `forced` for one with a command)."""

    persona: str
    name: str
    keys: dict[str, Path] = field(hash=False, compare=False)


@dataclass(frozen=True)
class Result:
    """What came of one cell."""

    let_in: bool
    effect: bool
    said: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class Cell:
    """One try: a way, a door, somebody."""

    way: str
    door: Door
    who: Who

    def __str__(self) -> str:
        return f"{self.way} · {self.door.name} · {self.who.persona}"


@dataclass
class Attempt:
    """A cell being tried, with a folder and a port of its own."""

    cell: Cell
    folder: Path
    port: int

    def options(self, key: str = "ed25519", *, agent: bool = False) -> list[str]:
        """What every tool of OpenSSH takes."""
        words = ["-F", "none", "-v", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "ConnectTimeout=15"]
        words += ["-o", "UserKnownHostsFile=/dev/null", "-o", "PreferredAuthentications=publickey"]
        words += ["-o", "ExitOnForwardFailure=yes"]
        if not agent:
            words += ["-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-i", str(self.cell.who.keys[key])]
        return words

    @property
    def at(self) -> str:
        return f"{self.cell.who.name}@{self.cell.door.address}"

    def ssh(self, *words: str, key: str = "ed25519", agent: bool = False) -> list[str]:
        """A command line of ssh; options first, then the place, then what follows `--`."""
        before, after = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, ())
        port = str(self.cell.door.port)
        return [*self.cell.door.prefix, "ssh", *self.options(key, agent=agent), "-p", port, *before, self.at, *after]

    def run(
        self, argv: Sequence[str], stdin: bytes = b"", env: dict[str, str] | None = None, seconds: float = SECONDS
    ) -> tuple[str, str, int]:
        """(standard output, standard error, exit code) of a command that ends within a time."""
        surroundings = {**os.environ, "HOME": str(self.folder), **(env or {})}
        surroundings.pop("SSH_AUTH_SOCK", None) if not (env and "SSH_AUTH_SOCK" in env) else None
        try:
            done = subprocess.run(
                argv, input=stdin, capture_output=True, timeout=seconds, check=False, env=surroundings, cwd=self.folder
            )
        except subprocess.TimeoutExpired as late:
            return (late.stdout or b"").decode(errors="replace"), (late.stderr or b"").decode(errors="replace"), -1
        return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), done.returncode

    def forwarded(self, *words: str, socks: bool = False) -> tuple[bool, str]:
        """Whether bytes of the door come through a port that a client forwards."""
        child = subprocess.Popen(
            self.ssh("-N", *words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            far = str(self.cell.door.port) if socks else "0"
            knock = [*self.cell.door.prefix, sys.executable, "-c", KNOCK, str(self.port), far, "4"]
            heard = ""
            end = time.monotonic() + SECONDS
            # Refused: the client ends by itself. Let in: it stays, and its port is tried.
            while child.poll() is None and not heard and time.monotonic() < end:
                if self._authenticated_by_now(child):
                    heard = self.run(knock)[0]
                    break
                time.sleep(0.1)
        finally:
            child.kill()
        said = self.kept + (child.communicate()[1] or b"").decode(errors="replace")
        return "SSH-2.0-" in heard, said

    kept: str = ""

    def _authenticated_by_now(self, child: subprocess.Popen[bytes]) -> bool:
        assert child.stderr is not None
        os.set_blocking(child.stderr.fileno(), False)
        self.kept += (child.stderr.read() or b"").decode(errors="replace")
        return inside(self.kept)


def inside(said: str) -> bool:
    """Whether the server let the client in, as OpenSSH's client says it."""
    return "Authenticated to " in said or "Authentication succeeded (publickey)" in said


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
        for _ in range(50):
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
    """A client that is to stay: let in, and still there a while later, with a mark in what it says of itself."""
    child = subprocess.Popen(
        it.ssh("-N", *words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        end, since = time.monotonic() + SECONDS, 0.0
        while child.poll() is None and time.monotonic() < end:
            if it._authenticated_by_now(child):
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
    out, said, _ = it.run(argv, b"\n", seconds=8)
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
# What is open to nobody: X11Forwarding and PermitTunnel are off, and a key with a command is none.
NOBODY = {"forced command", "X11", "tunnel"}
# What devspace grants: files, and to be there.
FILES = {*(f"key {kind}" for kind in KEYS), "agent", "-N", "subsystem", "scp", "sftp"}
SHELLS = {"shell", "both", "break-glass"}
PLACES = {"devspace", "both"}


def expected(cell: Cell) -> Result:
    """What must come of a cell."""
    may = cell.who.persona in (SHELLS if cell.door.kind == "host" else PLACES)
    granted = cell.way not in NOBODY if cell.door.kind == "host" else cell.way in FILES
    return Result(may and cell.way != "forced command", may and granted)


def entitled(cells: Iterable[Cell]) -> list[Cell]:
    """Those that must work."""
    return [cell for cell in cells if expected(cell).effect]


def all_cells(doors: Sequence[Door], people: Sequence[Who], ways: Iterable[str] = tuple(WAYS)) -> list[Cell]:
    """Every way by everybody at every door."""
    return [Cell(way, door, who) for way in ways for door in doors for who in people]


def tried(cells: Sequence[Cell], at_once: int = 4, first_port: int = 30000) -> dict[Cell, Result]:
    """Try them, a few at a time."""

    def one(numbered: tuple[int, Cell]) -> Result:
        number, cell = numbered
        folder = Path(tempfile.mkdtemp(prefix="devspace-cell-"))
        try:
            return WAYS[cell.way](Attempt(cell, folder, first_port + number))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    with ThreadPoolExecutor(at_once) as pool:
        return dict(zip(cells, pool.map(one, enumerate(cells)), strict=True))


def wrong(found: dict[Cell, Result]) -> dict[Cell, Result]:
    """The cells that are not what they must be."""
    return {cell: result for cell, result in found.items() if result != expected(cell)}


def table(found: dict[Cell, Result]) -> str:
    """The matrix as people read it: `in+` let in with its effect, `in` without, `-` refused; `!` where it must not be."""
    doors = list(dict.fromkeys(cell.door for cell in found))
    personas = list(dict.fromkeys(cell.who.persona for cell in found))
    by = {(cell.way, cell.door, cell.who.persona): (result, expected(cell)) for cell, result in found.items()}
    lines = []
    for door in doors:
        lines += [f"| {door.name} | {' | '.join(personas)} |", f"|---|{'---|' * len(personas)}"]
        for way in dict.fromkeys(cell.way for cell in found):
            row = []
            for persona in personas:
                result, wish = by[way, door, persona]
                row.append(
                    ("in+" if result.effect else "in" if result.let_in else "-") + ("" if result == wish else " !")
                )
            lines.append(f"| {way} | {' | '.join(row)} |")
        lines.append("")
    return "\n".join(lines)


def sums(found: dict[Cell, Result]) -> str:
    """What matters, in one line."""
    door = [(cell, result) for cell, result in found.items() if cell.door.kind == "devspace"]
    shells = sum(r.effect for c, r in door if c.way in {"exec", "pty", "scp by exec", "sftp by exec", "rsync", "X11"})
    forwards = sum(r.effect for c, r in door if c.way in {"-L", "-R", "-D", "-W", "tunnel"})
    out = sum(r.effect for c, r in door if c.way == "outside")
    out += sum(r.effect for c, r in found.items() if c.door.kind == "host" and not expected(c).let_in)
    may = entitled(found)
    return (
        f"{len(found)} cells: {shells} shells and {forwards} forwards by devspace, {out} reads or writes by those not "
        f"entitled, {sum(found[c].effect for c in may)} of {len(may)} entitled cells pass"
    )

"""A host to log in to, in namespaces of its own: a real sshd, our look-up and a plain one, and a real NetAuth.

Whoever uses it must be inside already: `inside()` starts this process again in fresh network, mount and process
namespaces, so that nothing of the machine is touched, no port is taken, and all of it ends with the one process.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.load.faulty import Faulty
from tests.load.netauth_server import NAME, Authority, Someone, Store, serve
from toolchain.servers import ensure_servers

MARK = "FLEET_LOGIN_RIG"
NEEDED = ("unshare", "mount", "ip", "nft", "ssh", "ssh-keygen")
GROUPS = {"people": 3001, "ops": 3002, "guests": 3003}
PORTS = {"netauth": 1730, "expired": 1731, "proxy": 1729, "ours": 2201, "plain": 2202, "static": 2203}
GIVE_UP = 10.0


def missing() -> str:
    """Why it cannot run here; empty if it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux"
    lacking = [it for it in NEEDED if shutil.which(it) is None]
    lacking += [] if Path("/usr/sbin/sshd").exists() else ["sshd"]
    return f"{', '.join(lacking)} not installed" if lacking else ""


def inside(module: str, words: Sequence[str]) -> int | None:
    """None where this process is inside; else the exit code of the one that was started there."""
    if os.environ.get(MARK):
        return None
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable]
    return subprocess.run([*command, "-m", module, *words], env={**os.environ, MARK: "1"}, check=False).returncode


@dataclass(frozen=True)
class Login:
    """What came of one attempt."""

    let_in: bool
    seconds: float
    gave_up: bool = False


@dataclass
class Rig:
    """Everything that runs, and who may come in by what."""

    folder: Path
    store: Store
    authority: Authority
    proxy: Faulty
    known: list[Someone]
    closed: list[Someone]
    pairs: dict[str, tuple[Path, Path]] = field(default_factory=dict)
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def program(self) -> Path:
        """The look-up, where sshd may run it."""
        return self.folder / "fleet-login"

    def refresh(self) -> None:
        """As at each `up`: everybody's last answer is of now."""
        done = subprocess.run(
            [self.program, "--config", self.folder / "login.json", "refresh"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise AssertionError(f"refresh: {done.stderr}")

    def forget(self) -> None:
        """Nothing is known of anybody."""
        shutil.rmtree(self.folder / "cache", ignore_errors=True)

    def config(self, **changed: object) -> None:
        """What the host was told."""
        config = {
            "servers": [{"name": NAME, "addresses": ["127.0.0.1"], "port": PORTS["proxy"]}],
            "ca": str(self.authority.file),
            "account": "fleet-login",
            "numbers": {"people": [2001, 2999], "groups": [3001, 3999]},
            "login_groups": ["ops"],
            "sudo_groups": ["ops"],
            "break_glass": ["glass"],
            "ssh_port": PORTS["ours"],
            # Asked each time, so that each login meets the fault.
            "fresh_seconds": 0,
            "places": {
                "cache": str(self.folder / "cache"),
                "accounts": str(self.folder / "accounts"),
                "passwords": str(self.folder / "passwords"),
                # The people are in the other file here, for there is no second source of accounts in this namespace.
                "passwd": str(self.folder / "own.passwd"),
                "group": str(self.folder / "own.group"),
                "keys": str(self.folder / "authorized_keys.d"),
                "homes": str(self.folder / "homes"),
                "drill": str(self.folder / "drill.json"),
                "metrics": str(self.folder / "metrics" / "login.prom"),
            },
            **changed,
        }
        (self.folder / "login.json").write_text(json.dumps(config))

    def login(self, who: str, port: int, keys: Sequence[str], most: float = GIVE_UP) -> Login:
        """One login by OpenSSH's own client, with these keys one after the other."""
        words = ["ssh", "-F", "none", "-T", "-p", str(port), "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]
        words += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
        words += ["-o", "PreferredAuthentications=publickey"]
        for key in keys:
            words += ["-i", str(self.folder / "client" / key)]
        begun = time.monotonic()
        try:
            done = subprocess.run(
                [*words, f"{who}@127.0.0.1", "true"], stdin=subprocess.DEVNULL, capture_output=True, timeout=most,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Login(False, time.monotonic() - begun, gave_up=True)
        return Login(done.returncode == 0, time.monotonic() - begun)

    def end_waiting(self) -> None:
        """End the plain look-ups that nobody waits for any more: this namespace has no processes but the rig's."""
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (entry / "exe").readlink() == self.folder / "netauth":
                    os.kill(int(entry.name), signal.SIGKILL)

    def black_hole(self, on: bool) -> None:
        """Packets to the directory vanish."""
        rules = "flush ruleset\n"
        if on:
            rules += "add table inet hole\nadd chain inet hole in { type filter hook input priority 0; }\n"
            rules += f"add rule inet hole in tcp dport {PORTS['proxy']} drop\n"
        subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)


def _keys(folder: Path, names: Sequence[str]) -> dict[str, str]:
    folder.mkdir(mode=0o700)
    for name in names:
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(words, check=True)
    return {name: (folder / f"{name}.pub").read_text().strip() for name in names}


def _people(keys: dict[str, str], count: int) -> tuple[list[Someone], list[Someone]]:
    held = (keys["right"], keys["second"])
    known = [Someone(f"known{n}", 2001 + n, held, ("ops", "people"), password="right") for n in range(count)]
    closed = []
    for n in range(count):
        if n % 2:
            closed.append(Someone(f"closed{n}", 2501 + n, held, ("people",)))
        else:
            closed.append(Someone(f"closed{n}", 2501 + n, held, ("ops", "people"), locked=True))
    return known, closed


def _accounts(folder: Path, people: Sequence[Someone]) -> None:
    """The people as accounts of this namespace alone."""
    for name in ("passwd", "group"):
        own = Path("/etc", name).read_text()
        if name == "passwd":
            own += "fleet-login:x:1901:1901::/nonexistent:/usr/sbin/nologin\nglass:x:1902:1902::/:/bin/sh\n"
        else:
            own += "fleet-login:x:1901:\nglass:x:1902:\n"
        (folder / f"own.{name}").write_text(own)
    lines = "".join(f"{it.name}:x:{it.number}:3001::/:/bin/sh\n" for it in people)
    (folder / "all.passwd").write_text((folder / "own.passwd").read_text() + lines)
    (folder / "all.group").write_text((folder / "own.group").read_text() + "people:x:3001:\n")
    secrets = "".join(f"{it}:*:19000:0:99999:7:::\n" for it in ("fleet-login", "glass", *(it.name for it in people)))
    (folder / "all.shadow").write_text(Path("/etc/shadow").read_text() + secrets)
    for name in ("passwd", "group", "shadow"):
        (folder / f"all.{name}").chmod(0o600 if name == "shadow" else 0o644)
        subprocess.run(["mount", "--bind", str(folder / f"all.{name}"), f"/etc/{name}"], check=True)


def _sshd(rig: Rig, kind: str, words: str) -> None:
    text = (
        f"Port {PORTS[kind]}\nListenAddress 127.0.0.1\nHostKey {rig.folder}/host_key\nPidFile none\nUsePAM yes\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nAuthenticationMethods publickey\n"
        f"PrintMotd no\nPrintLastLog no\nMaxStartups 500\nLoginGraceTime 120\nUseDNS no\n{words}"
    )
    path = rig.folder / f"sshd.{kind}"
    path.write_text(text)
    with (rig.folder / f"log.{kind}").open("ab") as log:
        rig.running.append(
            subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", str(path)], stdin=subprocess.DEVNULL, stderr=log)
        )


def _servers(rig: Rig) -> None:
    for process in rig.servers:
        process.kill()
        process.wait()
    rig.servers = [serve(rig.store, rig.folder / f"server-{kind}", PORTS[kind], rig.pairs[kind]) for kind in rig.pairs]


def _start(rig: Rig) -> None:
    rig.pairs = {"netauth": rig.authority.leaf("good", days=30), "expired": rig.authority.leaf("expired", days=-1)}
    for kind in rig.pairs:
        (rig.folder / f"server-{kind}").mkdir()
    _servers(rig)
    rig.proxy = Faulty(PORTS["proxy"], PORTS["netauth"], rig.pairs["netauth"])
    rig.proxy.set("")
    plain = rig.folder / "plain"
    plain.write_text(
        f'#!/bin/sh\nexec {rig.folder}/netauth --config {rig.folder}/plain.toml --entity "$1" entity key read |'
        " sed -n 's/^  *\\(ssh-.*\\)/\\1/p'\n"
    )
    plain.chmod(0o755)
    (rig.folder / "plain.toml").write_text(
        f'[core]\nserver = "{NAME}"\nport = {PORTS["proxy"]}\nconf = "{rig.folder}"\n'
        f'[tls]\ncertificate = "{rig.authority.file}"\n'
    )
    glass = f"Match User glass\n  AuthorizedKeysCommand none\n  AuthorizedKeysFile {rig.folder}/authorized_keys.d/%u\n"
    ours = f"{rig.program} --config {rig.folder}/login.json keys %u"
    kept = f"AuthorizedKeysFile {rig.folder}/authorized_keys.d/%u\n"
    _sshd(rig, "ours", f"{kept}AuthorizedKeysCommand {ours}\nAuthorizedKeysCommandUser fleet-login\n{glass}")
    _sshd(rig, "plain", f"{kept}AuthorizedKeysCommand {plain} %u\nAuthorizedKeysCommandUser fleet-login\n")
    _sshd(rig, "static", f"AuthorizedKeysFile {rig.folder}/static.d/%u\n")


@contextmanager
def rigged(count: int) -> Iterator[Rig]:
    """A rig with so many people who may come in, and as many who may not. Only `inside()`."""
    if not os.environ.get(MARK):
        raise AssertionError("not in namespaces of its own: call inside() first")
    programs = ensure_servers() / "bin"
    # sshd runs nothing from a folder that others may write to, as /tmp is; and the temporary one needs a place.
    for where in ("/mnt", "/run"):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", where], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path("/run/sshd").mkdir()
    folder = Path(tempfile.mkdtemp(prefix="login-", dir="/mnt"))
    folder.chmod(0o755)
    for name in ("fleet-login", "netauth"):
        shutil.copy2(programs / name, folder / name)
    keys = _keys(folder / "client", ("right", "second", "wrong", "glass"))
    known, closed = _people(keys, count)
    store = Store(folder / "store")
    # Those who are closed were in once: this host has seen them, and has seen them go.
    store.write([*known, *(replace(it, groups=("ops", "people"), locked=False) for it in closed)], GROUPS)
    authority = Authority(folder)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "host_key")], check=True)
    for place, names, key in (
        ("authorized_keys.d", ["glass"], "glass"),
        ("static.d", [it.name for it in known], "right"),
    ):
        (folder / place).mkdir()
        for name in names:
            (folder / place / name).write_text(keys[key] + "\n")
    (folder / "homes").mkdir()
    _accounts(folder, [*known, *closed])
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {NAME}\n")
    subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)
    rig = Rig(folder, store, authority, Faulty(0, 0, (folder, folder)), known, closed)
    rig.config()
    try:
        _start(rig)
        _wait(rig)
        store.write(closed)
        # Who is in which group is in the server's memory alone.
        _servers(rig)
        _wait(rig)
        yield rig
    finally:
        for process in (*rig.running, *rig.servers):
            process.kill()
            process.wait()


def _wait(rig: Rig) -> None:
    for _ in range(600):
        try:
            rig.refresh()
        except AssertionError as error:
            last = error
            time.sleep(0.1)
        else:
            return
    said = (rig.folder / "server-netauth" / "log").read_text()[-2000:]
    raise AssertionError(f"the directory does not answer: {last}; it says: {said}")

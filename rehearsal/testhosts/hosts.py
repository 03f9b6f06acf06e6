"""Hosts: each its own namespaces, its own overlay over the base, runit as process 1, sshd on its public addresses.

A host's folder $FLEET_RUN/hosts/<name> holds `upper` (what the host wrote: kept over reboots and crashes), `pid.json`
(the process outside that all the host's processes end with) and `spec.json` (what `reboot` starts it from again).
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rehearsal.testhosts import base, cgroups, network, packages, processes, settings
from rehearsal.testhosts.commands import netns_path, tool
from rehearsal.testhosts.settings import RehearsalError

HERE = Path(__file__).parent
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
READY_SECONDS = 60.0
ORDERLY_END = """
for one in /etc/service/*; do [ -e "$one/run" ] && set -- "$@" "$one"; done
sv -w 3 force-stop "$@"
"""


@dataclass(frozen=True)
class Spec:
    """What a cloud is told about a new machine."""

    name: str
    ipv4: str
    ipv6: str | None = None
    users: Mapping[str, list[str]] = field(default_factory=dict)
    memory_mb: int | None = None

    def __post_init__(self) -> None:
        """Refuse by name what would only fail half-way."""
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", self.name) or self.name in ("net", "outside"):
            raise RehearsalError(f"host name {self.name!r}: must be a DNS label (a-z, 0-9, -), not net or outside")


@dataclass(frozen=True)
class Running:
    """A host that runs: its addresses and its two processes as seen from outside."""

    name: str
    ipv4: str
    ipv6: str | None
    holder: processes.Process
    init: processes.Process | None


def folder(name: str) -> Path:
    """A host's folder."""
    return settings.run() / "hosts" / name


def holder_of(name: str) -> processes.Process | None:
    """The process that holds the host together, if the host runs."""
    process = processes.read_record(folder(name) / "pid.json")
    return process if process and processes.alive(process) else None


def init_of(name: str) -> processes.Process | None:
    """The host's process 1."""
    holder = holder_of(name)
    below = processes.children(holder.pid) if holder else []
    return below[0] if below else None


def spec_of(name: str) -> Spec:
    """What a host was started from."""
    try:
        return Spec(**json.loads((folder(name) / "spec.json").read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise RehearsalError(
            f"no host {name!r} is known here; `python -m rehearsal.testhosts list` shows them"
        ) from error


def known() -> set[str]:
    """Every host that was started here and not wiped, running or off."""
    return {entry.parent.name for entry in (settings.run() / "hosts").glob("*/spec.json")}


def baseless() -> list[str]:
    """Hosts with a disk whose base is gone: what they wrote cannot be read any more."""
    return [name for name in sorted(known()) if (kept := kept_base(name)) and not kept.is_dir()]


def kept_base(name: str) -> Path | None:
    """The base that a host was made on, there or not; None for one that was never made."""
    note = folder(name) / "base"
    return settings.cache() / note.read_text().strip() if note.exists() else None


def running() -> dict[str, Running]:
    """Every host that runs, by name."""
    found = {}
    for entry in sorted((settings.run() / "hosts").glob("*")):
        holder = holder_of(entry.name)
        if holder:
            spec = spec_of(entry.name)
            found[entry.name] = Running(entry.name, spec.ipv4, spec.ipv6, holder, init_of(entry.name))
    return found


def start(spec: Spec, *, wait: bool = True) -> None:
    """Start a host, or return at once if it runs; what it wrote before is still there."""
    settings.require_root()
    with network.lock(f"host-{spec.name}"):
        if not holder_of(spec.name):
            if not network.exists(settings.internet()):
                network.up()
            launch(spec)
    # Once it has answered, a silent sshd is that host's own affair (a firewall, a fault), not a start to wait for.
    if wait and not (folder(spec.name) / "ready").exists():
        await_ssh(spec)
        (folder(spec.name) / "ready").touch()


def launch(spec: Spec) -> None:
    """Bring a host up from whatever is there of it; with its lock held."""
    root_fs, place = lower(spec.name), settings.folder("hosts", spec.name)
    end_remains(spec.name)
    (place / "ready").unlink(missing_ok=True)
    for part in ("upper", "root", "seed/users"):
        (place / part).mkdir(parents=True, exist_ok=True)
    # The kernel's own scratch space of the overlay; what a crash left in it is of no use.
    shutil.rmtree(place / "work", ignore_errors=True)
    (place / "work").mkdir()
    write_seed(spec, place / "seed")
    (place / "spec.json").write_text(json.dumps(asdict(spec)) + "\n")
    network.attach(spec.name, spec.ipv4, spec.ipv6)
    groups = cgroups.make(spec.name, spec.memory_mb)
    joins = "".join(f"echo $$ >'{group}/cgroup.procs'; " for group in groups)
    command = [tool("nsenter"), f"--net={netns_path(settings.netns_of(spec.name))}", "--", tool("unshare")]
    command += ["-m", "-u", "-i", "-p", "-C", "--fork", "--kill-child=SIGKILL", "--", "/bin/sh"]
    command += [str(HERE / "boot.sh"), str(place), str(root_fs)]
    # Joins its control groups first: the cgroup namespace begins where its first process is.
    argv = ["/bin/sh", "-c", f'{joins}exec "$@"', "join", *command]
    processes.spawn(f"host-{spec.name}", argv, env={"PATH": PATH}, record=place / "pid.json")


def lower(name: str) -> Path:
    """The base below a host: the one it was made on as long as that exists, since an upper fits no other."""
    current = base.path()
    if kept := kept_base(name):
        if kept.is_dir():
            return kept
        shutil.rmtree(folder(name) / "upper", ignore_errors=True)
    if not current.is_dir():
        raise RehearsalError(
            "the test hosts' root file system is not built; `python -m rehearsal.testhosts base` builds it"
        )
    (settings.folder("hosts", name) / "base").write_text(current.name + "\n")
    return current


def write_seed(spec: Spec, seed: Path) -> None:
    """What the first boot sets up, as files."""
    (seed / "hostname").write_text(spec.name + "\n")
    (seed / "hosts").write_text(
        f"127.0.0.1 localhost\n127.0.1.1 {spec.name}\n::1 localhost ip6-localhost ip6-loopback\n"
    )
    (seed / "resolv.conf").write_text(f"nameserver {settings.dns4()}\n")
    (seed / "sources.list").write_text(packages.source_line())
    shutil.copyfile(HERE / "first.sh", seed / "first.sh")
    shutil.rmtree(seed / "users")
    (seed / "users").mkdir()
    for user, keys in spec.users.items():
        (seed / "users" / user).write_text("".join(f"{key.strip()}\n" for key in keys))


def banner(address: str, seconds: float) -> str:
    """What answers on port 22, asked from the internet; empty if nothing does."""

    def ask() -> str:
        with contextlib.suppress(OSError), socket.create_connection((address, 22), timeout=seconds) as line:
            line.settimeout(seconds)
            return line.recv(64).decode(errors="replace")
        return ""

    return network.from_internet(ask)


def await_ssh(spec: Spec) -> None:
    """Wait until sshd greets, or say what the host said instead."""
    deadline = time.monotonic() + READY_SECONDS
    while not banner(spec.ipv4, 1.0).startswith("SSH-"):
        if not holder_of(spec.name) or time.monotonic() > deadline:
            log = settings.run() / "logs" / f"host-{spec.name}.log"
            said = log.read_text(errors="replace")[-800:].strip() if log.exists() else ""
            raise RehearsalError(
                f"host {spec.name} does not answer ssh at {spec.ipv4}; its log {log} ends: {said or 'empty'}"
            )
        time.sleep(0.02)


def end_remains(name: str) -> None:
    """End what is left of a host whose start or stop was interrupted."""
    holder = holder_of(name)
    init = init_of(name)
    for process in (init, holder):
        if process:
            processes.send(process, signal.SIGKILL)
    stuck = processes.wait_gone([one for one in (init, holder) if one], 60.0)
    if stuck:
        raise RehearsalError(f"host {name}: process {stuck[0].pid} does not end; see /proc/{stuck[0].pid}/stack")
    (folder(name) / "pid.json").unlink(missing_ok=True)
    cgroups.remove(name)


def execute_in(name: str, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command inside a host as its root, without ssh: for tests and for a person's look around."""
    return subprocess.run([*entering(name), *argv], text=True, capture_output=True, check=check)


def entering(name: str) -> list[str]:
    """The words before a command that put it inside a host."""
    clean = [tool("env"), "-i", f"PATH={PATH}", "HOME=/root", "TERM=" + os.environ.get("TERM", "dumb")]
    return [*_nsenter(name), "--all", "--root", "--wd", "--", *clean]


def entering_network(name: str) -> list[str]:
    """The words before a command that give it a host's network, and nothing else of it.

    By its process: who starts a host in mounts of its own, as the embedded cloud does, has the network's name there.
    """
    return [*_nsenter(name), "--net", "--"]


def _nsenter(name: str) -> list[str]:
    init = init_of(name)
    if not init:
        raise RehearsalError(f"host {name} does not run; `python -m rehearsal.testhosts list` shows what does")
    return [tool("nsenter"), f"--target={init.pid}"]


def stop(name: str, wipe: bool = False) -> None:
    """Stop a host in order; with `wipe` it was never there."""
    with network.lock(f"host-{name}"):
        if init_of(name):
            # Services get their chance; process 1 itself takes no orderly signal.
            with contextlib.suppress(RehearsalError, subprocess.SubprocessError):
                argv = [*entering(name), "sh", "-c", ORDERLY_END, "stop"]
                subprocess.run(argv, capture_output=True, timeout=10, check=False)
        end_remains(name)
        network.detach(name)
        if wipe:
            shutil.rmtree(folder(name), ignore_errors=True)


def kill(name: str) -> None:
    """The fault: process 1 dies at once, and with it everything; what was written stays."""
    with network.lock(f"host-{name}"):
        end_remains(name)


def link(name: str, up: bool) -> None:
    """The fault: cut a host off from all others, or heal it."""
    spec_of(name)
    network.link(name, up)


def reboot(name: str, *, wait: bool = True) -> None:
    """Stop and start, with new namespaces as a real reboot would bring, keeping what was written."""
    spec = spec_of(name)
    stop(name)
    start(spec, wait=wait)

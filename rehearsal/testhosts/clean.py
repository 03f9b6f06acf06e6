"""Take a rehearsal away: processes by recorded id and mark, then namespaces, routes, control groups, files."""

import contextlib
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from rehearsal.testhosts import cgroups, hosts, network, processes, settings
from rehearsal.testhosts.commands import execute
from rehearsal.testhosts.settings import RehearsalError

# What the parts of a rehearsal keep; used only where the marker is missing, so that nobody else's folder is emptied.
OURS = (
    *("acme", "backend", "cloud", "cloud.sock", "dns", "hosts", "internet", "ldap"),
    *("locks", "logs", "netauth-ca.pem", "operator", "people-keys", "pids", "pulumi-home"),
)


@dataclass(frozen=True)
class Traces:
    """What is left of a rehearsal on this machine."""

    processes: tuple[str, ...]
    namespaces: tuple[str, ...]
    interfaces: tuple[str, ...]
    mounts: tuple[str, ...]
    routes: tuple[str, ...]
    cgroups: tuple[str, ...]
    files: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return any(getattr(self, name) for name in self.__dataclass_fields__)


def describe(process: processes.Process) -> str:
    """A process as a person knows it."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        return f"{process.pid} {' '.join(words).strip()[:120]}"
    return str(process.pid)


def traces() -> Traces:
    """Look at the machine itself, not at our records."""
    run, start = str(settings.run()), f"{settings.prefix()}-"
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    interfaces = [line.split(": ")[1] for line in network.outer_ip("-o", "link").splitlines()]
    routes = [net for family, net in network.blackholes() if network.holds_blackhole(family, net)]
    return Traces(
        processes=tuple(describe(one) for one in processes.survivors()),
        namespaces=tuple(network.namespaces()),
        interfaces=tuple(one for one in interfaces if one == settings.bridge()),
        mounts=tuple(one for one in mounts if one.startswith((f"{run}/", f"/run/netns/{start}"))),
        routes=tuple(routes),
        cgroups=tuple(str(one) for one in cgroups.left()),
        files=(run,) if settings.run().exists() else (),
    )


def all() -> None:  # noqa: A001 - reads as `clean.all()`
    """Remove every trace; safe after kill -9 at any moment, and when nothing is there."""
    settings.require_root()
    end_everything()
    network.clear()
    for group in cgroups.left():
        cgroups.remove_tree(group)
    remove_mounts()
    remove_files()


def end_everything() -> None:
    """Hosts whole by their process 1, then what is on record, then whoever carries our mark; until none is left."""
    ended = []
    for entry in sorted((settings.run() / "hosts").glob("*")):
        for process in (hosts.init_of(entry.name), hosts.holder_of(entry.name)):
            if process and processes.send(process, signal.SIGKILL):
                ended.append(process)
    processes.wait_gone(ended, 5.0)
    spared = processes.ancestors()
    stuck: list[processes.Process] = []
    # Twice more than needed: a process may be born while its parent is being ended.
    for _ in range(3):
        wanted = {one for one in processes.recorded().values() if processes.alive(one)} | set(processes.survivors())
        wanted = {one for one in wanted if one.pid not in spared}
        if not wanted:
            return
        stuck = processes.end(wanted)
    if stuck:
        named = "; ".join(describe(one) for one in stuck)
        raise RehearsalError(f"these processes do not end: {named}; see /proc/<pid>/stack of each, then run this again")


def remove_mounts() -> None:
    """Hosts mount in namespaces of their own, which ended with them; what a person mounted here goes too."""
    run = f"{settings.run()}/"
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        if line.split()[4].startswith(run):
            execute(["umount", "-l", line.split()[4]])


def remove_files() -> None:
    """The folder of the rehearsal; without our marker only what has our names."""
    run = settings.run()
    if (run / settings.MARKER).exists():
        shutil.rmtree(run)
        return
    for name in OURS:
        entry = run / name
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        run.rmdir()

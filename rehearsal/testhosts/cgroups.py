"""A control group of its own for each host, below our own in every hierarchy, so that limits above us keep counting."""

import contextlib
import os
from pathlib import Path

from rehearsal.testhosts import settings
from rehearsal.testhosts.settings import RehearsalError

TOP = Path("/sys/fs/cgroup")


def own(membership: str, top: Path = TOP) -> list[Path]:
    """The folders we are in, from the text of /proc/self/cgroup: many with cgroup v1, one with v2."""
    found = []
    for line in membership.splitlines():
        _, controllers, inner = line.split(":", 2)
        if controllers.startswith("name=") or (not controllers and not (top / "cgroup.procs").exists()):
            continue
        if not inner.startswith("/.."):
            found.append(top / controllers / inner.lstrip("/"))
    return [folder for folder in found if folder.is_dir()]


def name_of(host: str) -> str:
    """What a host's group is called."""
    return settings.netns_of(host)


def make(host: str, memory_mb: int | None) -> list[Path]:
    """Make a host's groups and return those it can join; without any a host still runs, unless a limit is asked."""
    made, limited = [], memory_mb is None
    for parent in own(Path("/proc/self/cgroup").read_text()):
        # A caller that sits in some host's group would nest hosts; go up to what belongs to nobody.
        while parent.name.startswith(f"{settings.prefix()}-"):
            parent = parent.parent
        group = parent / name_of(host)
        with contextlib.suppress(OSError):
            group.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if (group / setting).exists() and parent.joinpath(setting).read_text().strip():
                    (group / setting).write_text(parent.joinpath(setting).read_text())
            if memory_mb is not None:
                for limit in ("memory.limit_in_bytes", "memory.max"):
                    if (group / limit).exists():
                        (group / limit).write_text(str(memory_mb * 1024 * 1024))
                        limited = True
            made.append(group)
    record = settings.folder("hosts", host) / "cgroups"
    record.write_text("".join(f"{group}\n" for group in made))
    if not limited:
        raise RehearsalError(
            f"host {host}: memory_mb={memory_mb} cannot be set, this machine lends no memory controller; leave it out"
        )
    return made


def remove(host: str) -> None:
    """Remove a host's groups, with what the host made below them."""
    record = settings.run() / "hosts" / host / "cgroups"
    if record.exists():
        for line in record.read_text().splitlines():
            remove_tree(Path(line))
        record.unlink(missing_ok=True)


def remove_tree(group: Path) -> None:
    """Groups are removed from the deepest up; their files need no removal."""
    for below, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(OSError):
            Path(below).rmdir()


def left() -> list[Path]:
    """Every group of this rehearsal on the machine."""
    return named(f"{settings.prefix()}-")


def named(start: str) -> list[Path]:
    """Every group of the machine whose name begins so; others may come and go meanwhile."""
    found: list[Path] = []
    pending = [(TOP, 0)]
    while pending:
        folder, depth = pending.pop()
        with contextlib.suppress(OSError):
            for entry in folder.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    if entry.name.startswith(start):
                        found.append(entry)
                    elif depth < 6:
                        pending.append((entry, depth + 1))
    return sorted(found)

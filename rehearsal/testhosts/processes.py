"""Long-running processes of a rehearsal: started with a record, found again after a crash, ended by id alone.

A pid alone may belong to somebody else by now, so a record holds the start time too, and a signal goes through a pidfd
opened before the start time is compared.
"""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rehearsal.testhosts import settings

VARIABLE = "FLEET_REHEARSAL"


@dataclass(frozen=True)
class Process:
    """One process of this boot of the machine."""

    pid: int
    starttime: int


def stat_fields(text: str) -> list[str]:
    """The fields of /proc/PID/stat after the name, which may hold spaces and parentheses itself."""
    return text[text.rindex(")") + 2 :].split()


def find(pid: int) -> Process | None:
    """The living process with this pid; a zombie is not alive."""
    try:
        fields = stat_fields(Path(f"/proc/{pid}/stat").read_text())
    except (OSError, ValueError):
        return None
    return None if fields[0] in "ZX" else Process(pid, int(fields[19]))


def alive(process: Process | None) -> bool:
    """Whether exactly this process still runs."""
    return process is not None and find(process.pid) == process


def name_of(process: Process) -> str:
    """The name a process goes by; empty if it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process.pid}/comm").read_text().strip()
    return ""


def children(pid: int) -> list[Process]:
    """Living processes whose parent is `pid`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                fields = stat_fields((entry / "stat").read_text())
                if int(fields[1]) == pid and fields[0] not in "ZX":
                    found.append(Process(int(entry.name), int(fields[19])))
    return found


def write_record(path: Path, process: Process) -> None:
    """Keep a process on disk, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.tmp-{os.getpid()}-{threading.get_ident()}")
    draft.write_text(json.dumps(asdict(process)) + "\n")
    draft.replace(path)


def read_record(path: Path) -> Process | None:
    """The process kept there; None if there is none or the file is broken."""
    try:
        kept = json.loads(path.read_text())
        return Process(int(kept["pid"]), int(kept["starttime"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process that `clean` must be able to find."""
    return {**os.environ, **(extra or {}), VARIABLE: str(settings.run())}


def spawn(
    name: str, argv: Sequence[str], *, env: Mapping[str, str] | None = None, record: Path | None = None
) -> Process:
    """Start a process of its own session, log to $FLEET_RUN/logs/<name>.log, and record it.

    With `env` the process gets only that (and the mark of the rehearsal), without it everything of ours.
    """
    log = settings.folder("logs") / f"{name}.log"
    full = environment() if env is None else {**env, VARIABLE: str(settings.run())}
    with log.open("ab") as out:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=full, start_new_session=True, cwd="/"
        )
    # Reaped as soon as it ends, else a long-lived caller would see it as a zombie forever.
    threading.Thread(target=child.wait, daemon=True, name=f"reap-{name}").start()
    _await_mark(child.pid)
    process = find(child.pid) or Process(child.pid, -1)
    write_record(record or settings.folder("pids") / f"{name}.json", process)
    return process


def _await_mark(pid: int) -> None:
    """Until a new process can be found by its mark: its environment shows a moment after it has begun."""
    with contextlib.suppress(OSError):
        while find(pid) and not Path(f"/proc/{pid}/environ").read_bytes():
            time.sleep(0.001)


def recorded() -> dict[str, Process]:
    """Every process on record under $FLEET_RUN/pids, dead or alive."""
    found = {}
    for path in sorted((settings.run() / "pids").glob("*")):
        process = read_record(path)
        if process:
            found[path.stem] = process
    return found


def ancestors() -> set[int]:
    """This process and all above it, who must never be ended by a cleaning."""
    chain, pid = set(), os.getpid()
    while pid > 1 and pid not in chain:
        chain.add(pid)
        try:
            pid = int(stat_fields(Path(f"/proc/{pid}/stat").read_text())[1])
        except (OSError, ValueError):
            break
    return chain | {1}


def survivors() -> list[Process]:
    """Living processes that carry this rehearsal's mark in their environment, without us and our ancestors."""
    mark = f"{VARIABLE}={settings.run()}".encode()
    spared, found = ancestors(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) not in spared:
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    process = find(int(entry.name))
                    if process:
                        found.append(process)
    return found


def end_survivors(program: str) -> None:
    """End what a crashed run left of a program, whose record may be lost and who may still hold an address.

    Some rename their processes once they are up: nsd's go by "nsd: main", "nsd: xfrd", "nsd: server 1". One that was
    just starting may fork once more. Raises RehearsalError for one that cannot be ended.
    """
    while left := [one for one in survivors() if name_of(one).partition(":")[0] == program]:
        if stubborn := end(left):
            raise settings.RehearsalError(
                f"{program} of an earlier run cannot be ended: {', '.join(str(one.pid) for one in stubborn)}"
            )


def send(process: Process, number: int) -> bool:
    """Signal exactly this process; False if it is gone."""
    try:
        fd = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        if find(process.pid) != process:
            return False
        signal.pidfd_send_signal(fd, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)


def wait_gone(processes: Iterable[Process], seconds: float) -> list[Process]:
    """Wait until all are gone; returns those that are not."""
    deadline, left = time.monotonic() + seconds, list(processes)
    while left := [one for one in left if alive(one)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    return left


def end(processes: Iterable[Process], grace: float = 2.0) -> list[Process]:
    """Ask to end, then insist; returns what even SIGKILL did not end."""
    wanted = list(processes)
    for one in wanted:
        send(one, signal.SIGTERM)
    stubborn = wait_gone(wanted, grace)
    for one in stubborn:
        send(one, signal.SIGKILL)
    return wait_gone(stubborn, 5.0)

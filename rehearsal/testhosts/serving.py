"""Servers of the rehearsal itself on its internet: started once, left where they answer, found again after a crash."""

import contextlib
import socket
import time
from collections.abc import Callable, Mapping, Sequence

from rehearsal.testhosts import network, processes, settings
from rehearsal.testhosts.commands import netns_path, tool
from rehearsal.testhosts.settings import RehearsalError

READY_SECONDS = 45.0


def current(name: str) -> processes.Process | None:
    """The running server of this name."""
    process = processes.read_record(settings.run() / "pids" / f"{name}.json")
    return process if process and processes.alive(process) else None


def stop(name: str) -> None:
    """End it in order."""
    process = current(name)
    if process:
        processes.end([process], grace=5.0)


def start(name: str, argv: Sequence[str], ready: Callable[[], bool], env: Mapping[str, str] | None = None) -> None:
    """Start it in the internet and wait until it is ready."""
    program = argv[0].rsplit("/", 1)[-1]
    processes.end_survivors(program)
    command = [tool("nsenter"), f"--net={netns_path(settings.internet())}", "--", tool(argv[0]), *argv[1:]]
    clean = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **(env or {})}
    processes.spawn(name, command, env=clean)
    deadline = time.monotonic() + READY_SECONDS
    while not ready():
        if not current(name) or time.monotonic() > deadline:
            log = settings.run() / "logs" / f"{name}.log"
            said = log.read_text(errors="replace")[-800:].strip()
            raise RehearsalError(f"the rehearsal's {program} does not start; {log} ends: {said}")
        time.sleep(0.02)


def listens(address: str, port: int) -> bool:
    """Whether something takes connections there, on the internet."""

    def ask() -> bool:
        with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1.0):
            return True
        return False

    return network.from_internet(ask)

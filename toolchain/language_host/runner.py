"""Runs one Pulumi program in a process of its own, with the SDK imported before the engine asks for it.

The host forks a nursery before it imports anything: while the engine still loads the project, the nursery imports the
SDK (a third of a second). For each Run it forks a child, which starts with the SDK in memory and no threads.
"""

from __future__ import annotations

import asyncio
import logging
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pulumi.runtime.proto.language_pb2 import RunRequest

# Below this number the program ended by itself; at it, its error was shown already and the engine need add nothing.
SHOWN = 32


def receive(line: socket.socket) -> bytes | None:
    """Read one message (eight bytes of length, then the body), or None when the other side is gone."""
    with line.makefile("rb", buffering=0) as stream:
        head = stream.read(8)
        if not head or len(head) < 8:
            return None
        body, wanted = b"", int.from_bytes(head, "big")
        while len(body) < wanted:
            part = stream.read(wanted - len(body))
            if not part:
                return None
            body += part
        return body


def send(line: socket.socket, body: bytes) -> None:
    """Write one message."""
    line.sendall(len(body).to_bytes(8, "big") + body)


def nursery(line: socket.socket, engine: str) -> None:
    """Import the SDK, then run each program asked for in a forked child; end with the host."""
    # The engine interrupts its children when it is done: no reason for a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # The folder of this file must not shadow the program's modules.
    sys.path[:] = [entry for entry in sys.path if entry != str(Path(__file__).parent)]
    try:
        import pulumi  # noqa: F401
        from pulumi.runtime.proto import language_pb2
    except ImportError as missing:
        while receive(line) is not None:
            send(
                line,
                f"the Pulumi SDK is not importable by {sys.executable} ({missing}): run 'make tools', "
                "then '. ./activate'".encode(),
            )
        return
    while (body := receive(line)) is not None:
        alive, held = os.pipe()
        child = os.fork()
        if child == 0:
            line.close()
            os.close(alive)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            request = language_pb2.RunRequest.FromString(body)
            code = run(request, engine)
            sys.stdout.flush()
            sys.stderr.flush()
            sys.exit(code)
        os.close(held)
        # The pipe closes when the program ends; the line becomes readable early only when the host is gone.
        ends: list[Any] = [line, alive]
        if line in select.select(ends, [], [])[0]:
            os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        os.close(alive)
        send(line, str(os.waitstatus_to_exitcode(status)).encode())


def run(request: RunRequest, engine: str) -> int:
    """Run the program of the request against the engine; the exit code says how it went."""
    import pulumi
    from pulumi.runtime.stack import run_in_stack

    pulumi.runtime.set_all_config(dict(request.config), list(request.configSecretKeys))
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            project=request.project,
            stack=request.stack,
            monitor=request.monitor_address,
            engine=engine,
            parallel=request.parallel,
            dry_run=request.dryRun,
            organization=request.organization,
            root_directory=request.info.root_directory,
        )
    )
    if request.pwd:
        os.chdir(request.pwd)
    program = str(Path(request.info.program_directory or ".", request.info.entry_point or request.program or "."))
    sys.argv = [program, *request.args]
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(max_workers=max(request.parallel, 1) * 4)
    loop.set_default_executor(executor)
    # A program that fails leaves futures unread, which asyncio would report beside the error that matters.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    def body() -> None:
        runpy.run_path(program, run_name="__main__")

    try:
        loop.run_until_complete(run_in_stack(body))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return SHOWN
    except Exception as error:
        pulumi.log.error("Program failed with an unhandled exception:\n" + from_program(error, program))
        return SHOWN
    finally:
        executor.shutdown(wait=True)
        loop.close()
    return 0


def from_program(error: BaseException, program: str) -> str:
    """The traceback from the first line of the program on: what lies above it is this file and the SDK."""
    root = Path(program).resolve()
    frames: list[Any] = list(traceback.extract_tb(error.__traceback__))
    own = next((n for n, frame in enumerate(frames) if Path(frame.filename).is_relative_to(root)), 0)
    kept = len(frames) - own
    return "".join(traceback.format_exception(type(error), error, error.__traceback__, limit=-kept if own else None))

#!/usr/bin/env python3
"""Brings what the project runs on, each part once per machine: `install.py [engine|venv|servers|...]...`

Runs before there is any environment, so on the system's Python and nothing else. Parts named together are made at the
same time. `install.py paths` prints, for a shell, where they are.
"""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from toolchain import commands, debian, engine, environment, places, servers
from toolchain.progress import UnavailableError

PARTS: dict[str, Callable[[], object]] = {
    "engine": engine.ensure_engine,
    "venv": environment.ensure_environment,
    "servers": servers.ensure_servers,
    "official": engine.ensure_official,
    "bench": lambda: environment.ensure_environment("requirements-bench.txt"),
    "debian": debian.ensure_packages,
}


def paths() -> str:
    """Shell assignments of the places that `activate` and the Makefile use."""
    known = {
        "_fleet_at_root": places.ROOT,
        "_fleet_at_cache": places.cache(),
        "_fleet_at_run": places.run_folder(),
        "_fleet_at_engine": engine.engine_folder() / "bin",
        "_fleet_at_servers": servers.servers_folder() / "bin",
        "_fleet_at_venv": environment.environment_folder(),
    }
    return "\n".join(f"{name}={shlex.quote(str(value))}" for name, value in known.items())


def bring(names: list[str]) -> list[str]:
    """Make the parts at the same time; returns what went wrong, in the order asked for."""
    wrong: dict[str, str] = {}

    def one(name: str) -> None:
        try:
            PARTS[name]()
        except UnavailableError as error:
            wrong[name] = str(error)
        except OSError as error:
            wrong[name] = f"{error}\n  way out: free space or rights in {places.cache()}, or set FLEET_CACHE elsewhere"

    threads = [threading.Thread(target=one, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [f"{name}: {wrong[name]}" for name in names if name in wrong]


def interrupted(number: int, _frame: FrameType | None) -> None:
    """Stop what was started; everything finished is kept, so the same command goes on later."""
    commands.stop_all()
    print("\nstopped; the same command goes on where this one was", file=sys.stderr)
    sys.exit(128 + number)


def main(words: list[str]) -> int:
    """Do what the words say; the exit code is 1 if something cannot be had."""
    if words == ["paths"]:
        try:
            print(paths())
        except UnavailableError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        return 0
    unknown = [word for word in words if word not in PARTS]
    if unknown or not words:
        print(f"usage: install.py paths | {' | '.join(PARTS)} ...", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    wrong = bring(words)
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

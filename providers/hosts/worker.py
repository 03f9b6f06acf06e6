"""One pyinfra run for many hosts, in a process of its own: pyinfra is gevent, the provider is gRPC."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from providers.base.resource import ProviderError

ROOT = Path(__file__).resolve().parents[2]
Mode = Literal["apply", "read"]


def run(mode: Mode, targets: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Apply or read the targets; a result for each host, whatever happened to the others.

    A host that another run works on right now fails by name: the worker inherits the lock, so it holds as long as
    a worker lives that outlived its engine.
    """
    with contextlib.ExitStack() as stack:
        free, results = {}, {}
        handles: list[int] = []
        for host, target in targets.items():
            handle = stack.enter_context(_lock(host)) if mode == "apply" else -1
            if handle is None:
                results[host] = {"ok": False, "error": "another run is at work on this host; wait for it to end"}
            else:
                free[host] = target
                handles += [handle] if handle >= 0 else []
        if free:
            results |= _worker(mode, free, handles)
        return results


def _worker(mode: Mode, targets: Mapping[str, Mapping[str, Any]], handles: list[int]) -> dict[str, dict[str, Any]]:
    request = json.dumps({"mode": mode, "targets": [{"host": host, **target} for host, target in targets.items()]})
    done = subprocess.run(
        [sys.executable, "-m", "hostconfig.run"],
        input=request,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        pass_fds=handles,
        # A Ctrl-C at the terminal must not tear a host's apply in two: the worker ends by itself.
        start_new_session=True,
        check=False,
    )
    try:
        found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    except json.JSONDecodeError:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise ProviderError(f"the run over {', '.join(targets)} broke off: {last[0]}") from None
    return found


@contextlib.contextmanager
def _lock(host: str) -> Iterator[int | None]:
    base = os.environ.get("FLEET_RUN") or os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    folder = Path(base) / "void-fleet" / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / f"{host}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)

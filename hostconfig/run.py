"""Runs one layer of many hosts at once: `python -m hostconfig.run < targets.json > results.json`.

All hosts side by side, each for itself: a host that cannot be reached, breaks off or fails says so by name, and no
other host notices. Input and output are plain data without secrets; the private key is a path, or the agent's.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from gevent import monkey  # type: ignore[import-untyped, unused-ignore]

    # Before anything else is imported: paramiko's sockets and threads must all be gevent's.
    monkey.patch_all()

import json
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import gevent
from paramiko import SSHException
from pydantic import ValidationError
from pyinfra.api.config import Config
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.operations import run_host_op
from pyinfra.api.state import State
from pyinfra.context import ctx_host, ctx_state

from hostconfig import manifest as manifests
from hostconfig import steps
from hostconfig.assess import assess
from hostconfig.connecting import (
    CONNECT_SECONDS,
    SILENCE_SECONDS,
    FailedError,
    Target,
    connect,
    hang_up,
    quiet,
    ssh_data,
)
from hostconfig.deployment import configure, look
from hostconfig.plan import AnyDesired, parse

READ_SECONDS = 60
APPLY_SECONDS = 1800
Mode = Literal["apply", "read"]


@dataclass
class Result:
    """What came of one host."""

    ok: bool = False
    changed: list[str] = field(default_factory=list)
    operations: int = 0
    """Operations that changed something."""
    drift: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    reachable: bool = False
    notes: list[str] = field(default_factory=list)
    """What services said when they took up a change."""
    fingerprint: str | None = None
    """Digest of what is now on the host, by its manifest."""
    user: str | None = None
    seconds: float = 0.0


def run(
    targets: Iterable[Target], mode: Mode, *, report: Callable[[str, Result], None] | None = None
) -> dict[str, Result]:
    """Apply or read every target, all at once; `report` hears of each host as soon as it is done."""
    wanted = list(targets)
    names = [target.host for target in wanted]
    if len(set(names)) != len(names):
        raise ValueError("a host is named twice among the targets: each host may be worked on once at a time")
    if not wanted:
        return {}
    quiet()
    results: dict[str, Result] = {}
    with tempfile.TemporaryDirectory(prefix="fleet-known-hosts-") as folder:
        hosts = [(target.host, ssh_data(target, Path(folder))) for target in wanted]
        inventory = Inventory((hosts, {}))  # type: ignore[no-untyped-call]
        state = State(inventory, Config(CONNECT_TIMEOUT=CONNECT_SECONDS, PARALLEL=len(wanted)))  # type: ignore[no-untyped-call]

        def work(target: Target) -> None:
            results[target.host] = _one(state, target, mode)
            if report:
                report(target.host, results[target.host])

        with ctx_state.use(state):
            gevent.joinall([gevent.spawn(work, target) for target in wanted])
    return {name: results[name] for name in names}


def _one(state: State, target: Target, mode: Mode) -> Result:
    """One host from connect to verdict; whatever happens becomes its result."""
    started = time.monotonic()
    result = Result()
    limit = READ_SECONDS if mode == "read" else APPLY_SECONDS
    host = state.inventory.get_host(target.host)
    try:
        desired = parse(target.layer, target.desired)
        with gevent.Timeout(limit, TimeoutError(f"no end after {limit} s")):
            result.user = connect(host, target)
            result.reachable = True
            state.activate_host(host)
            with ctx_host.use(host):
                if mode == "apply":
                    _apply(state, host, desired, target, result)
                else:
                    _read(desired, target, result)
    except ValidationError as error:
        result.error = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'desired'}: {problem['msg']}" for problem in error.errors()
        )
    except FailedError as error:
        result.error = str(error)
    except (PyinfraError, SSHException, OSError, EOFError, ValueError) as error:
        text = str(error).removeprefix(f"{target.host}: ") or type(error).__name__
        result.error = text if isinstance(error, PyinfraError) else f"the connection broke: {text}"
    except Exception as error:
        # Any surprise belongs to this host alone; its kind is named, so that it can be found and given a sentence.
        result.error = f"unexpected {type(error).__name__}: {error}"
    finally:
        hang_up(host)
    result.ok = result.error is None
    result.seconds = round(time.monotonic() - started, 3)
    return result


def _read(desired: AnyDesired, target: Target, result: Result) -> None:
    verdict = assess(desired, look(desired), target.acknowledged)
    result.drift = verdict.drift
    result.changed = [str(change) for change in verdict.changes if change.subject != "manifest"]
    result.fingerprint = manifests.sha256(manifests.dump(verdict.manifest))
    if "os" in verdict.conflicts:
        raise FailedError(verdict.conflicts["os"])


def _apply(state: State, host: Host, desired: AnyDesired, target: Target, result: Result) -> None:
    configured = configure(desired, acknowledged=target.acknowledged)
    result.drift = configured.assessment.drift
    result.fingerprint = manifests.sha256(manifests.dump(configured.assessment.manifest))
    if not configured.operations:
        return
    # Each host goes on as soon as it is ready. pyinfra's own stages would have it wait for the slowest host.
    for change, meta in configured.operations:
        if not run_host_op(state, host, meta._hash):
            raise FailedError(
                f"{change}: failed: {_reason(host, meta)}; what came before it is done, what comes after is not"
            )
        if meta.did_change():
            result.operations += 1
            if change.subject != "manifest":
                result.changed.append(str(change))
            if isinstance(change.step, steps.WakeService):
                result.notes += [line.strip() for line in meta.stdout_lines if line.strip()]
    _settle(desired, target)


def _settle(desired: AnyDesired, target: Target) -> None:
    """A second look after a change: a service may take a moment, but then nothing may be left to do."""
    left: list[str] = []
    for wait in (0.0, 0.5, 1.5, 3.0):
        gevent.sleep(wait)
        verdict = assess(desired, look(desired), target.acknowledged)
        left = [str(change) for change in verdict.changes]
        if not left:
            return
    raise FailedError(f"still not as it should be after the apply: {'; '.join(left)}")


def _reason(host: Host, meta: Any) -> str:
    transport = host.connector.client.get_transport()  # type: ignore[attr-defined]
    if transport is None or not transport.is_active():
        return f"the host broke off, or was silent for {SILENCE_SECONDS} s"
    lines = [line.strip() for line in (meta.stderr_lines or meta.stdout_lines) if line.strip()]
    return " / ".join(lines[-3:]) if lines else "no word from the host within the time for a step"


def main() -> int:
    """Targets as JSON on standard input ({"mode": …, "targets": […]}), results as JSON on standard output."""
    request = json.load(sys.stdin)
    targets = [
        Target(
            **{
                **item,
                "users": tuple(item.get("users", Target.users)),
                "acknowledged": tuple(item.get("acknowledged", ())),
            }
        )
        for item in request["targets"]
    ]
    results = run(targets, request["mode"])
    json.dump({name: asdict(result) for name, result in results.items()}, sys.stdout, indent=1)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

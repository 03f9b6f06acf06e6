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
import logging
import socket
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
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.operations import run_host_op
from pyinfra.api.state import State
from pyinfra.connectors import util as connector_util
from pyinfra.context import ctx_host, ctx_state

from hostconfig import manifest as manifests
from hostconfig import steps
from hostconfig.assess import assess
from hostconfig.deployment import configure, look
from hostconfig.plan import AnyDesired, parse

CONNECT_SECONDS = 5
SILENCE_SECONDS = 20
READ_SECONDS = 60
APPLY_SECONDS = 1800
Mode = Literal["apply", "read"]


@dataclass(frozen=True)
class Target:
    """One host to work on, and how to get in."""

    host: str
    address: str
    desired: dict[str, Any]
    layer: str = "ground"
    port: int = 22
    users: tuple[str, ...] = ("deploy", "root")
    """Tried in this order: the fleet's own login first, the first boot's where there is none yet."""
    host_key: str | None = None
    key_path: str | None = None
    become: bool = True
    acknowledged: tuple[str, ...] = ()


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


class FailedError(Exception):
    """A host could not be worked on; the message is meant for people."""


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
    _quiet()
    results: dict[str, Result] = {}
    with tempfile.TemporaryDirectory(prefix="fleet-known-hosts-") as folder:
        hosts = [(target.host, _ssh(target, Path(folder))) for target in wanted]
        inventory = Inventory((hosts, {}))  # type: ignore[no-untyped-call]
        state = State(inventory, Config(CONNECT_TIMEOUT=CONNECT_SECONDS, PARALLEL=len(wanted)))  # type: ignore[no-untyped-call]

        def work(target: Target) -> None:
            results[target.host] = _one(state, target, mode)
            if report:
                report(target.host, results[target.host])

        with ctx_state.use(state):
            gevent.joinall([gevent.spawn(work, target) for target in wanted])
    return {name: results[name] for name in names}


def _ssh(target: Target, folder: Path) -> dict[str, Any]:
    known = folder / target.host
    where = target.address if target.port == 22 else f"[{target.address}]:{target.port}"
    key = " ".join(target.host_key.split()[:2]) if target.host_key else None
    known.write_text(f"{where} {key}\n" if key else "")
    data: dict[str, Any] = {
        "ssh_hostname": target.address,
        "ssh_port": target.port,
        "ssh_known_hosts_file": str(known),
        "ssh_strict_host_key_checking": "yes" if key else "accept-new",
        # The operator's own ssh configuration must not decide where a fleet's host is found.
        "ssh_config_file": "/dev/null",
        "ssh_look_for_keys": False,
        "ssh_paramiko_connect_kwargs": {
            "banner_timeout": CONNECT_SECONDS,
            "auth_timeout": 2 * CONNECT_SECONDS,
            "channel_timeout": 2 * CONNECT_SECONDS,
        },
    }
    return data | ({"ssh_key": target.key_path} if target.key_path else {})


def _one(state: State, target: Target, mode: Mode) -> Result:
    """One host from connect to verdict; whatever happens becomes its result."""
    started = time.monotonic()
    result = Result()
    limit = READ_SECONDS if mode == "read" else APPLY_SECONDS
    host = state.inventory.get_host(target.host)
    try:
        desired = parse(target.layer, target.desired)
        with gevent.Timeout(limit, TimeoutError(f"no end after {limit} s")):
            result.user = _connect(host, target)
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
        _hang_up(host)
    result.ok = result.error is None
    result.seconds = round(time.monotonic() - started, 3)
    return result


def _connect(host: Host, target: Target) -> str:
    """Log in as the first user that is let in."""
    refusals = []
    for user in target.users:
        # The connector took its copy of the host's data when the host was made.
        host.connector.data["ssh_user"] = user
        host.data._sudo = target.become and user != "root"
        try:
            host.connect(show_errors=False, raise_exceptions=True)
        except ConnectError as error:
            if not str(error).startswith("Authentication error"):
                raise FailedError(_unreachable(target, str(error))) from None
            refusals.append(user)
            continue
        _notice_silence(host)
        return user
    raise FailedError(f"login refused to {' and to '.join(refusals)}: is the operator's key on the host?")


def _notice_silence(host: Host) -> None:
    """A host that falls silent in the middle of a long step is given up soon, not when the step's own time is over."""
    transport = host.connector.client.get_transport()  # type: ignore[attr-defined]
    transport.set_keepalive(SILENCE_SECONDS // 4)
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        transport.sock.setsockopt(socket.IPPROTO_TCP, option, SILENCE_SECONDS * 1000)


def _unreachable(target: Target, text: str) -> str:
    if "host key" in text.lower():
        return f"host key of {target.address} is not the recorded one: if the host was rebuilt, record its new key"
    return f"unreachable: {target.address} port {target.port}: {text}"


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


def _hang_up(host: Host) -> None:
    client = getattr(host.connector, "client", None)
    if client is not None:
        client.close()
    host.connected = False


def _no_password(*_: object) -> str:
    raise PyinfraError("sudo asks for a password: the login must be allowed to use sudo without one")


def _quiet() -> None:
    """pyinfra speaks to a terminal and may ask it for a password; a worker has none."""
    logger = logging.getLogger("pyinfra")
    logger.handlers, logger.propagate = [logging.NullHandler()], False
    logging.getLogger("paramiko").handlers = [logging.NullHandler()]
    logging.getLogger("paramiko").propagate = False
    connector_util.__dict__["getpass"] = _no_password


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

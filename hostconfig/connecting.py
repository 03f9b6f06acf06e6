"""How a worker gets into its hosts by SSH: as whom, known by which key, and what it says where it cannot."""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.api.host import Host
from pyinfra.connectors import util as connector_util

CONNECT_SECONDS = 5
SILENCE_SECONDS = 20


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


class FailedError(Exception):
    """A host could not be worked on; the message is meant for people."""


def ssh_data(target: Target, folder: Path) -> dict[str, Any]:
    """What pyinfra is told of one host; what is known of its key goes into a file of `folder`."""
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


def connect(host: Host, target: Target) -> str:
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


def hang_up(host: Host) -> None:
    """End the connection, if there is one."""
    client = getattr(host.connector, "client", None)
    if client is not None:
        client.close()
    host.connected = False


def _no_password(*_: object) -> str:
    raise PyinfraError("sudo asks for a password: the login must be allowed to use sudo without one")


def quiet() -> None:
    """pyinfra speaks to a terminal and may ask it for a password; a worker has none."""
    logger = logging.getLogger("pyinfra")
    logger.handlers, logger.propagate = [logging.NullHandler()], False
    logging.getLogger("paramiko").handlers = [logging.NullHandler()]
    logging.getLogger("paramiko").propagate = False
    connector_util.__dict__["getpass"] = _no_password

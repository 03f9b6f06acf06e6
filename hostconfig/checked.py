"""Kinds of values that reach a host: whatever ends up in a shell, a path or a config file is checked here once."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints


class Strict(BaseModel):
    """A record that refuses what it does not know and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _address(text: str) -> str:
    return str(ip_address(text))


def _network(text: str) -> str:
    return str(ip_network(text, strict=False))


def _listener(text: str) -> str:
    return str(ip_interface(text).ip)


def _port_range(text: object) -> str:
    """One port or a range, as text: 22 and "60001-60999" are both how people write it."""
    ports = str(text).split("-")
    if not 1 <= len(ports) <= 2 or not all(p.isdigit() and 0 < int(p) < 65536 for p in ports):
        raise ValueError(f"{text!r} is neither a port nor a range of ports: write 22 or 60001-60999")
    if len(ports) == 2 and int(ports[0]) > int(ports[1]):
        raise ValueError(f"{text!r} is a range that ends before it starts")
    return "-".join(ports)


def _plain(text: str) -> str:
    if any(ord(character) < 32 for character in text):
        raise ValueError(f"{text!r} has a control character: one line of text is meant")
    return text


Name = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]
Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Domain = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?$")]
Package = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9+._-]*$")]
SysctlKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(\.[a-zA-Z0-9_-]+)+$")]
Interface = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{0,14}$")]
RuleName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9 ._-]{0,62}$")]
WireGuardKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{43}=$")]
SshKey = Annotated[
    str,
    AfterValidator(_plain),
    StringConstraints(
        pattern=r"^(ssh-ed25519|ssh-rsa|ecdsa-sha2-\S+|sk-ssh-ed25519@openssh\.com|sk-ecdsa-\S+) [A-Za-z0-9+/=]+( .*)?$"
    ),
]
Line = Annotated[str, AfterValidator(_plain)]
Path = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9/._-]+$")]
Address = Annotated[str, AfterValidator(_address)]
Network = Annotated[str, AfterValidator(_network)]
Listener = Annotated[str, AfterValidator(_listener)]
Ports = Annotated[str, BeforeValidator(_port_range)]
Endpoint = Annotated[str, StringConstraints(pattern=r"^(\d+\.\d+\.\d+\.\d+|\[[0-9a-fA-F:]+\]):\d{1,5}$")]
Pem = Annotated[
    str, StringConstraints(pattern=r"^-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n -]+\n-----END CERTIFICATE-----\n?$")
]
Url = Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.:/_-]+$")]
Contact = Annotated[str, StringConstraints(pattern=r"^mailto:[A-Za-z0-9.+_-]+@[A-Za-z0-9.-]+$")]
StubTarget = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F:.]+@\d{1,5}$")]

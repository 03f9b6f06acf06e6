"""Where a rehearsal keeps its things and how its network is named; a second rehearsal beside it differs only here."""

import ipaddress
import os
import re
from pathlib import Path

MARKER = ".void-fleet-rehearsal"
REPOSITORY_PORT = 8077


class RehearsalError(RuntimeError):
    """Something this machine must have for a rehearsal is missing or failed; the text says the way out."""


def cache() -> Path:
    """What can be built again, shared by all checkouts."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("FLEET_CACHE") or Path(home) / "void-fleet").absolute()


def run() -> Path:
    """What one rehearsal keeps while it runs."""
    # Absolute, since what is started for it runs elsewhere.
    return Path(os.environ.get("FLEET_RUN") or "/var/tmp/void-fleet-rehearsal").absolute()


def folder(*parts: str) -> Path:
    """A folder below `run()`, made if missing; the marker tells `clean` that the whole tree is ours to remove."""
    top = run()
    top.mkdir(parents=True, exist_ok=True)
    marker = top / MARKER
    if not marker.exists():
        marker.touch()
    made = top.joinpath(*parts)
    made.mkdir(parents=True, exist_ok=True)
    return made


def prefix() -> str:
    """First part of every namespace's name."""
    name = os.environ.get("FLEET_NET_PREFIX") or "fleet"
    # No dash: "<prefix>-<host>" would otherwise be ambiguous between two rehearsals.
    if not re.fullmatch(r"[a-z]{1,8}", name):
        raise RehearsalError(f"FLEET_NET_PREFIX={name!r}: must be 1 to 8 letters a-z; choose such a name, e.g. fleet")
    return name


def subnet() -> str:
    """The first two octets of the rehearsal's IPv4 /16."""
    given = os.environ.get("FLEET_NET_SUBNET") or "10.77"
    # Only 10.x: what is written here is blackholed outside, so it must never be somebody's public network.
    if not re.fullmatch(r"10\.(\d{1,2}|1\d\d|2[0-4]\d|25[0-5])", given):
        raise RehearsalError(f"FLEET_NET_SUBNET={given!r}: must be 10.N with N from 0 to 255, e.g. 10.77")
    return given


def net4() -> ipaddress.IPv4Network:
    """The IPv4 network of all hosts."""
    return ipaddress.IPv4Network(f"{subnet()}.0.0/16")


def net6() -> ipaddress.IPv6Network:
    """The IPv6 network of all hosts: fdNN::/64 with the NN of 10.NN, fd00:NNN::/64 where that has three digits."""
    number = int(subnet().split(".")[1])
    return ipaddress.IPv6Network(f"fd{number:02d}::/64" if number < 100 else f"fd00:{number}::/64")


def gateway4() -> str:
    """The bridge's address, where packages are served."""
    return f"{subnet()}.0.1"


def gateway6() -> str:
    """The bridge's IPv6 address."""
    return str(net6()[1])


def dns4() -> str:
    """Where the DNS server answers."""
    return f"{subnet()}.0.53"


def dns6() -> str:
    """Where the DNS server answers over IPv6."""
    return str(net6()[0x53])


def acme4() -> str:
    """Where the certificate authority answers."""
    return f"{subnet()}.0.54"


def people4() -> str:
    """Where the directory of people answers."""
    return f"{subnet()}.0.55"


def cloud4() -> str:
    """Where the cloud's own HTTP interface answers."""
    return f"{subnet()}.0.56"


def internet() -> str:
    """The namespace that plays the internet."""
    return f"{prefix()}-net"


def doorway() -> str:
    """A name for the machine's own network, so that whoever runs inside the internet can still reach its routes."""
    return f"{prefix()}-outside"


def netns_of(host: str) -> str:
    """The namespace of one host."""
    return f"{prefix()}-{host}"


def bridge() -> str:
    """The bridge's name inside the internet."""
    return f"{prefix()}br0"


def require_root() -> None:
    """Test hosts need namespaces and mounts; say so before anything half-made exists."""
    if os.geteuid() != 0:
        raise RehearsalError("test hosts need root on Linux; run as root, or `make preview`, which needs neither")

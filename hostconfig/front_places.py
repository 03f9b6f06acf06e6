"""Where the parts of the front are on a host."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from hostconfig.supervised import CA

NAME = "fleet-front"
SLOTS = (0, 1, 2, 3)


@dataclass(frozen=True)
class Places:
    """Where things are on a host. Tests put them below a folder of their own."""

    etc: str = "/etc/fleet/front"
    lib: str = "/usr/local/lib/fleet-front"
    sbin: str = "/usr/local/sbin"
    state: str = "/var/lib/fleet/front"
    run: str = "/run/fleet-front"
    logs: str = "/var/log/fleet-front"
    certificate: str = ""
    """In place of the one that the data names."""
    ca: str = CA
    consul: str = ""
    """Address of Consul in place of the host's own agent."""
    path: str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
    http: int = 8080
    https: int = 8440
    status: int = 8180
    """The first slot's ports; each other slot's are one higher."""

    @classmethod
    def below(cls, folder: Path, consul: str = "") -> Places:
        """The same places in a folder."""
        kept = ("path", "certificate", "consul")
        paths = {f.name: f"{folder}{f.default}" for f in fields(cls) if f.type == "str" and f.name not in kept}
        return cls(**paths, certificate=f"{folder}/certificate.pem", consul=consul)  # type: ignore[arg-type]

    def script(self, verb: str = "") -> str:
        """Path of one of our programs."""
        return f"{self.sbin}/{NAME}{'-' if verb else ''}{verb}"


HOST = Places()

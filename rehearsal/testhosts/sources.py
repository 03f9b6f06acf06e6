"""The machine's own package sources, read at run time: the project itself names no mirror."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rehearsal.testhosts.commands import execute
from rehearsal.testhosts.settings import RehearsalError

FORMAT = "$(CREATED_BY)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)"


@dataclass(frozen=True, order=True)
class Source:
    """One component of one release of the distribution."""

    uri: str
    release: str
    component: str

    def line(self) -> str:
        """As apt reads it."""
        return f"deb {self.uri} {self.release} {self.component}"


def distribution(os_release: str) -> str:
    """The machine's distribution as package archives write it in their `Origin`."""
    found = re.search(r'^ID="?([a-z]+)"?$', os_release, re.MULTILINE)
    return found.group(1).capitalize() if found else "Debian"


def parse(targets: str, origin: str) -> list[Source]:
    """The distribution's own sources among everything apt knows; other vendors' archives have no place in a host."""
    found = set()
    for line in targets.splitlines():
        kind, uri, release, component, from_whom = line.split("|")
        if kind == "Packages" and from_whom == origin:
            found.add(Source(uri, release, component))
    return sorted(found)


def read() -> list[Source]:
    """What this machine installs its own packages from."""
    found = parse(
        execute(["apt-get", "indextargets", "--format", FORMAT]), distribution(Path("/etc/os-release").read_text())
    )
    if not found:
        raise RehearsalError(
            "no package source of this machine's distribution is known; run `apt-get update`, then again"
        )
    return found


def chosen(dump: Iterable[str]) -> list[str]:
    """The settings without which this machine's sources would not answer or not be believed: proxies and dates."""
    wanted = re.compile(r"^Acquire::(https?::Proxy|https?::Proxy::\S+|Check-Valid-Until|Check-Date) ", re.IGNORECASE)
    return [line.rstrip().rstrip(";") for line in dump if wanted.match(line) and not line.rstrip().endswith('"";')]


def passed_on() -> list[str]:
    """Those settings of this machine."""
    return chosen(execute(["apt-config", "dump"]).splitlines())

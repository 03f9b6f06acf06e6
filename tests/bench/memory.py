"""What each agent takes of its machine's memory, its share of shared pages counted once (PSS)."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.alone.agent import free_port, running
from rehearsal.testhosts import base, hosts
from rehearsal.testhosts.commands import contained
from tests.bench.measure import tree
from toolchain.servers import servers_folder

# What our hosts' agents are told, without the files that hold their secrets.
TOLD = "10-agent.json"
ORDER = ("Nomad server", "Nomad client", "Consul server", "Consul client", "Vault")
SETTLE_SECONDS = 12.0


@dataclass(frozen=True)
class Agents:
    """One kind of agent: what each of its processes takes, in bytes."""

    kind: str
    sizes: tuple[int, ...]

    @property
    def median(self) -> float:
        """The one in the middle."""
        return statistics.median(self.sizes)


def pss(text: str) -> int:
    """Bytes, out of the text of smaps_rollup; 0 where it says nothing."""
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def kind_of(argv: Sequence[str], told: Mapping[str, Any]) -> str:
    """Which agent a command is; empty for anything else, such as a helper that runs a task."""
    program, verb = (Path(argv[0]).name, argv[1]) if len(argv) > 1 else ("", "")
    if program == "nomad" and verb == "agent":
        roles = [role for role in ("server", "client") if (told.get(role) or {}).get("enabled")]
        return f"Nomad {' and '.join(roles)}" if roles else ""
    if program == "consul" and verb == "agent":
        return "Consul server" if told.get("server") or "-server" in argv else "Consul client"
    return "Vault" if program == "vault" and verb == "server" else ""


def helper_of(argv: Sequence[str]) -> str:
    """Nomad's own processes beside a task."""
    if len(argv) > 1 and Path(argv[0]).name == "nomad" and argv[1] in ("executor", "logmon"):
        return f"Nomad's {argv[1]}, each"
    return ""


def grouped(found: Sequence[tuple[str, int]]) -> list[Agents]:
    """Agents by kind, in the table's order."""
    kinds = sorted({kind for kind, _ in found}, key=lambda kind: (kind not in ORDER, *map(kind.__ne__, ORDER), kind))
    return [Agents(kind, tuple(sorted(size for one, size in found if one == kind))) for kind in kinds]


def measure(say: Callable[[str], None]) -> tuple[str, list[Agents]]:
    """Where it was measured, and each kind of agent."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "skipped: needs root on Linux", []
    there = {name: host.init.pid for name, host in hosts.running().items() if host.init}
    found = [one for pid in there.values() for one in _below(pid)]
    if found:
        return f"the running rehearsal, {len(there)} hosts", grouped(found)
    say("memory: no rehearsal runs, so lone agents are looked at")
    return "lone agents that do nothing (no rehearsal runs)", grouped(list(_lone()))


def _below(root: int) -> Iterator[tuple[str, int]]:
    for pid in tree(root):
        # A process may end while it is looked at.
        with contextlib.suppress(OSError, ValueError):
            here = Path(f"/proc/{pid}")
            argv = (here / "cmdline").read_bytes().decode(errors="replace").strip("\0").split("\0")
            # A rehearsal's Vault names another file, and has but one role.
            told = {} if Path(argv[0]).name == "vault" else _told(here / "root", argv)
            kind = kind_of(argv, told) or helper_of(argv)
            if kind and (size := pss((here / "smaps_rollup").read_text())):
                yield kind, size


def _told(root: Path, argv: Sequence[str]) -> dict[str, Any]:
    """What an agent was told, by the file or folder that its command names."""
    for word in argv:
        name, _, value = word.partition("=")
        if name in ("-config", "-config-dir") and value.startswith("/"):
            path = root / value.lstrip("/")
            found: dict[str, Any] = json.loads((path if path.is_file() else path / TOLD).read_text())
            return found
    return {}


def _lone() -> Iterator[tuple[str, int]]:
    programs = servers_folder() / "bin"
    ports = {name: str(free_port()) for name in ("server", "serf-lan", "serf-wan", "http", "vault")}
    off = ["-dns-port=-1", "-grpc-port=-1", "-grpc-tls-port=-1"]
    consul = [str(programs / "consul"), "agent", "-dev", "-server", *off]
    consul += [f"-{name}-port={port}" for name, port in ports.items() if name != "vault"]
    vault = [str(programs / "vault"), "server", "-dev", "-dev-no-store-token"]
    vault += [f"-dev-listen-address=127.0.0.1:{ports['vault']}"]
    with running(set()), contextlib.ExitStack() as stack:
        children = [stack.enter_context(_contained(argv)) for argv in (consul, vault)]
        time.sleep(SETTLE_SECONDS)
        yield from (one for child in (*children, os.getpid()) for one in _below(child) if _fits(one[0], child))


def _fits(kind: str, root: int) -> bool:
    """The Nomad agent is a child of ours that nobody names; the others are found below theirs."""
    return kind.startswith("Nomad") == (root == os.getpid())


@contextlib.contextmanager
def _contained(argv: Sequence[str]) -> Iterator[int]:
    child = subprocess.Popen(
        contained(argv), env=base.clean_environment(), start_new_session=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield child.pid
    finally:
        child.kill()
        child.wait()

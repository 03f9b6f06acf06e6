"""One agent as a supervised service of its own name, alike on all inits, that comes up alone in any start order.

Not the packages' own services: their files would be edited by hand in a package's eyes, and they wait for nothing.
The run script waits for what the agent stands on, makes its folders, takes up the host's secrets, and steps down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hostconfig.desired_control import Member
from hostconfig.files import render
from hostconfig.parts import Account, ManagedFile, Part, Platform, Service

PKI = "/etc/fleet/pki"
CA, LEAF, KEY = f"{PKI}/ca.pem", f"{PKI}/leaf.pem", f"{PKI}/leaf.key"
GOSSIP = "/etc/fleet/gossip"
READERS = "fleet-pki"
NOLOGIN = "/usr/sbin/nologin"


@dataclass(frozen=True)
class Need:
    """Something that must be there before the agent starts."""

    what: str
    condition: str


@dataclass(frozen=True)
class Daemon:
    """One of the agents on a host, as far as its supervision goes."""

    system: str
    """consul, nomad or vault: also the name of its program."""
    command: str
    needs: tuple[Need, ...] = ()
    before: tuple[str, ...] = ()
    """Shell lines run as root before every start."""
    as_root: bool = False
    restarted_for_its_script: bool = True
    """False where a restart costs people's time: then a changed script waits for the next start."""


def account_name(system: str, os: str) -> str:
    """The account that an agent runs as. Void's packages bring theirs."""
    return f"_{system}" if os == "void" else system


def service_name(system: str) -> str:
    """What we call an agent's service, on every init."""
    return f"fleet-{system}"


def account(system: str, platform: Platform) -> Account:
    """An agent's own account, which may read the host's leaf certificate."""
    brought = platform.os == "void"
    return Account(
        account_name(system, platform.os),
        None,
        (READERS,),
        "" if brought else NOLOGIN,
        "" if brought else f"runs {system}",
        home=f"/var/lib/{system}",
    )


def stands_on(desired: Member) -> tuple[Need, ...]:
    """What every agent needs: its address on the fabric, and its certificate."""
    on = f"ip -o addr show dev {desired.interface} up 2>/dev/null | grep -qF ' {desired.address}/'"
    there = " && ".join(f"[ -s {file} ]" for file in (CA, LEAF, KEY))
    return (Need(f"the fabric address {desired.address}", on), Need(f"the leaf certificate in {PKI}", there))


def gossip(system: str) -> Need:
    """The gossip key that fleet-renew fetches."""
    return Need(f"the gossip key {GOSSIP}/{system}", f"[ -s {GOSSIP}/{system} ]")


def secret_fragment(path: str, text: str, key: str, group: str) -> str:
    """Shell that writes a config fragment with a secret of this host, which is no argument and never leaves it."""
    folder, _, name = path.rpartition("/")
    new = f"{folder}/.{name}.new"
    return f"(umask 027; printf '{text}\\n' \"$(cat {key})\" > {new} && chgrp {group} {new} && mv -f {new} {path})"


def supervised(daemon: Daemon, desired: Member, platform: Platform, hear: str) -> Part:
    """Run script, service definition and log of one agent."""
    name, owner = service_name(daemon.system), account_name(daemon.system, platform.os)
    run = f"/usr/local/sbin/{name}-run"
    text = render(
        "agents/run",
        daemon=daemon,
        owner="root" if daemon.as_root else owner,
        needs=(*stands_on(desired), *daemon.needs),
        home=f"/var/lib/{daemon.system}",
    )
    wakes = name if daemon.restarted_for_its_script else None
    files = [ManagedFile(run, text, mode="0755", check='sh -n "$new"', wakes=wakes)]
    files += definition(name, run, platform, wakes)
    accounts = () if daemon.as_root else (account(daemon.system, platform),)
    # Void has all three as packages. Debian has none of them: there the host's image brings the programs.
    packages = (daemon.system,) if platform.os == "void" else ()
    return Part(
        packages=packages,
        groups=(READERS,),
        accounts=accounts,
        files=tuple(files),
        services=(Service(name, hear),),
    )


def definition(name: str, run: str, platform: Platform, wakes: str | None) -> list[ManagedFile]:
    """How the init supervises a run script, and where its words go."""
    if platform.init == "systemd":
        text = render("agents/unit", name=name, run=run)
        return [ManagedFile(f"/etc/systemd/system/{name}.service", text, wakes=wakes)]
    starts = render("base/run", command=run, before=())
    logs = render("agents/log", name=name)
    return [
        ManagedFile(f"/etc/sv/{name}/log/run", logs, mode="0755", check='sh -n "$new"'),
        ManagedFile(f"/etc/sv/{name}/run", starts, mode="0755", check='sh -n "$new"', wakes=wakes),
    ]


def merged(parts: Sequence[Part]) -> Part:
    """Several parts of one concern as one, in order."""
    return Part(
        packages=tuple(name for part in parts for name in part.packages),
        groups=tuple(dict.fromkeys(group for part in parts for group in part.groups)),
        accounts=tuple(account for part in parts for account in part.accounts),
        files=tuple(file for part in parts for file in part.files),
        services=tuple(service for part in parts for service in part.services),
    )

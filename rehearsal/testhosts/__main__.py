"""For people: `python -m rehearsal.testhosts --help` starts, stops, cuts and enters single test hosts."""

import argparse
import os
import sys
import threading
from pathlib import Path

from rehearsal.testhosts import base, clean, dns, hosts, network, packages, settings
from rehearsal.testhosts.settings import RehearsalError


def parser() -> argparse.ArgumentParser:
    """The verbs and what they take."""
    top = argparse.ArgumentParser(prog="python -m rehearsal.testhosts", description="single test hosts of a rehearsal")
    verbs = top.add_subparsers(dest="verb", required=True)
    verbs.add_parser("base", help="build the root file system and the package repository, if missing")
    started = verbs.add_parser("start", help="start a host")
    started.add_argument("name")
    started.add_argument("ipv4", nargs="?")
    started.add_argument("--ipv6")
    started.add_argument("--user", default="root", help="the account of its first boot")
    started.add_argument("--key", type=Path, help="public key file for it; default: the rehearsal's operator")
    started.add_argument("--memory", type=int, help="limit in MB")
    for verb, meaning in (
        ("stop", "stop a host, keeping what it wrote"),
        ("wipe", "stop a host and forget it"),
        ("shell", "a root shell inside a host, without ssh"),
        ("cut", "unplug a host's cable"),
        ("heal", "plug it in again"),
        ("kill", "end a host's process 1 at once"),
        ("reboot", "stop and start"),
    ):
        verbs.add_parser(verb, help=meaning).add_argument("name")
    verbs.add_parser("list", help="the hosts that run")
    verbs.add_parser("dns", help="start or reload the DNS server")
    verbs.add_parser("packages", help="serve the package repository until interrupted")
    verbs.add_parser("traces", help="what a rehearsal has on this machine; exits 1 if there is anything")
    verbs.add_parser("clean", help="remove every trace")
    return top


def start(given: argparse.Namespace) -> None:
    """Start a host from words, or again from what it was."""
    if not given.ipv4:
        hosts.start(hosts.spec_of(given.name))
        return
    key = given.key or settings.run() / "operator" / "id_ed25519.pub"
    if not key.exists():
        raise RehearsalError(f"no public key at {key}; name one with --key")
    keys = key.read_text().splitlines()
    hosts.start(hosts.Spec(given.name, given.ipv4, given.ipv6, {given.user: keys}, given.memory))


def main(words: list[str]) -> int:
    """Carry out one verb."""
    given = parser().parse_args(words)
    settings.require_root()
    match given.verb:
        case "base":
            base.ensure()
        case "start":
            base.ensure()
            network.up()
            start(given)
        case "stop":
            hosts.stop(given.name)
        case "wipe":
            hosts.stop(given.name, wipe=True)
        case "shell":
            command = [*hosts.entering(given.name), "/bin/bash", "-l"]
            os.execv(command[0], command)
        case "cut" | "heal":
            hosts.link(given.name, given.verb == "heal")
        case "kill":
            hosts.kill(given.name)
        case "reboot":
            hosts.reboot(given.name)
        case "list":
            for one in hosts.running().values():
                print(f"{one.name:24} {one.ipv4:15} {one.ipv6 or '-':24} process {one.init.pid if one.init else '-'}")
        case "dns":
            network.up()
            dns.serve()
        case "packages":
            packages.serve()
            threading.Event().wait()
        case "traces":
            found = clean.traces()
            for kind, entries in vars(found).items():
                for entry in entries:
                    print(f"{kind[:-1]:12} {entry}")
            return 1 if found else 0
        case "clean":
            clean.all()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except RehearsalError as error:
        sys.exit(f"rehearsal: {error}")
    except KeyboardInterrupt:
        sys.exit(130)

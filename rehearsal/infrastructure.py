"""What must stand before Pulumi runs: network, base system, what is around a fleet, the embedded cloud, machines that
are on. What is there already is left."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from model import Fleet, load
from rehearsal import around, engine, people
from rehearsal.place import STACKS, CannotRunError, Place
from rehearsal.preview import answers, ask, wait_for
from rehearsal.testhosts import base, dns, hosts, network, processes, settings
from toolchain.places import ROOT
from toolchain.progress import Estimate, Progress


def stand(at: Place, say: Callable[[str], None]) -> None:
    """What must stand before Pulumi: network, base system, DNS, what is around a fleet, cloud, given machines."""
    fleet = load(STACKS)
    settings.folder("logs")
    network.up()
    base.ensure(say)
    operator_key(at)
    people.make_keys(fleet, at.run)
    settings.folder("dns", "zones")
    dns.serve()
    around.serve(fleet)
    cloud(at)
    donated(at, fleet)
    powered(at)
    stack(at)


def powered(at: Place) -> None:
    """Every machine of the clouds runs, as after a power cut: this machine went off, or a killed test had one off."""
    kinds = [kind for package in ask(at.socket, {"cmd": "state"}).values() for kind in package.values()]
    # A machine that was deleted just before a crash may have left its disk.
    owned = {str(entry["host"]) for kind in kinds for entry in kind.values() if "host" in entry}
    off = sorted(owned & hosts.known() - hosts.running().keys())
    if not off:
        return
    with Progress(f"starting {', '.join(off)} again", Estimate(5.0)), ThreadPoolExecutor(len(off)) as pool:
        list(pool.map(lambda name: hosts.start(hosts.spec_of(name)), off))


def operator_key(at: Place) -> None:
    """The key that the operator logs in with: of this rehearsal alone, gone with it."""
    settings.folder("operator").chmod(0o700)
    if at.key.is_file() and at.key.with_suffix(".pub").is_file():
        return
    at.key.unlink(missing_ok=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "operator@rehearsal", "-f", str(at.key)], check=True
    )
    at.key.chmod(0o600)


def cloud(at: Place) -> None:
    """The embedded cloud, in the rehearsal's network, living on when we end."""
    engine.make_home(at.run)
    if answers(at.socket):
        return
    serve = [sys.executable, "-m", "rehearsal.cloud", "serve", "--run", str(at.run), "--api", settings.cloud4()]
    started = processes.spawn(
        "cloud", engine.inside_network(serve, settings.internet()), env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    log = at.run / "logs" / "cloud.log"
    wait_for(at.socket, lambda: processes.alive(started), log)


def donated(at: Place, fleet: Fleet) -> None:
    """Metal is there before the fleet is: somebody else set it up, with root and the operator's key."""
    key = at.key.with_suffix(".pub").read_text().strip()
    for name, machine in fleet.managed.items():
        if machine.source.kind == "metal" and name not in hosts.running():
            hosts.start(
                hosts.Spec(name=name, ipv4=str(machine.public.ipv4), ipv6=machine.public.ipv6, users={"root": [key]})
            )


def stack(at: Place) -> None:
    """The stack in a file backend."""
    settings.folder("backend")
    if not at.checkpoint.is_file():
        done = engine.pulumi(at.env, "stack", "init", engine.STACK, "--no-select")
        if done.returncode != 0 and "already exists" not in done.stderr:
            raise CannotRunError(f"the stack could not be made: {done.stderr.strip()}")

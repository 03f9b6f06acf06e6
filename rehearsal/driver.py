"""Brings the whole rehearsal up on one machine, looks at it as its users would, and removes it again.

Every step may be repeated: what is there already is left, what a killed run left half done is done again.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from model import Fleet, load
from rehearsal import control, engine, infrastructure, logins, people
from rehearsal.place import STACKS, CannotRunError, Place, place
from rehearsal.preview import answers, ask
from rehearsal.testhosts import clean, hosts, network, settings
from toolchain.places import ROOT, cache, locked
from toolchain.progress import Estimate, Progress

FIRST_SECONDS, LATER_SECONDS = 90.0, 12.0


def say(text: str) -> None:
    """A line for the operator, at once."""
    print(text, file=sys.stderr, flush=True)


def require_machine() -> None:
    """Say at once what this machine cannot do, and what works instead."""
    instead = "what works here: `make preview`, the plan of the real fleet, without root and on any machine"
    if platform.system() != "Linux":
        raise CannotRunError(f"test hosts need Linux, this is {platform.system()}; {instead}")
    if os.geteuid() != 0:
        raise CannotRunError(f"test hosts need root for namespaces and mounts; run as root, or {instead}")


def up(config: Path | None = None) -> engine.Outcome:
    """Bring everything up and apply the program; the checks are another step."""
    require_machine()
    at = place()
    with locked("rehearsal", cache()):
        await_lock(at)
        if abandoned(at):
            say("an earlier run was killed while clouds were creating things, and nobody knows which exist:")
            say("this rehearsal is removed and begun anew (a real fleet would look each up and import it)")
            clean_up()
        elif lost := hosts.baseless():
            say(f"the base system below {', '.join(lost)} is gone from {cache()}, and what a host wrote fits no other:")
            say("this rehearsal is removed and begun anew")
            clean_up()
        infrastructure.stand(at, say)
        return in_order(at, config)


def in_order(at: Place, config: Path | None = None) -> engine.Outcome:
    """Run the program, in parts where its control plane is new or shut; what stands is run as a whole."""
    fleet = load(data_of(config))
    if fleet.control is None:
        return apply(at, config)
    person = control.operator_of(fleet, logins.who_logs_in(fleet))

    def part(only: Sequence[str], tokens: Mapping[str, str]) -> engine.Outcome:
        if only and "people" not in only:
            return apply(at, config, only=only, tokens=tokens)
        # The directory's server is ground: it stands by now, and people need it.
        into = people_doors(at, fleet)
        mine = people.tokens(into)
        outcome = apply(at, config, only=only, tokens={**tokens, **mine})
        if outcome.code == 0:
            people.settle(into, mine)
        return outcome

    return control.in_order(
        part, lambda: doors(at, fleet), fleet, person, network.from_internet, bridged=logins.bridged(fleet)
    )


def doors(at: Place, fleet: Fleet) -> control.Doors:
    """How this rehearsal reaches its control plane."""
    return control.doors(engine.STACK, fleet, outputs(at), at.key.parent)


def people_doors(at: Place, fleet: Fleet) -> people.Doors:
    """How this rehearsal reaches its directory of people."""
    return people.Doors(fleet, at.run, outputs(at), at.key)


def operators_tokens(at: Place) -> dict[str, str]:
    """The tokens of an hour that the rehearsal's operator gets at a login; none without a control plane."""
    fleet = load(STACKS)
    if fleet.control is None:
        return {}
    there = doors(at, fleet)
    person = control.operator_of(fleet, logins.who_logs_in(fleet))
    mine = people.tokens(people_doors(at, fleet))
    return network.from_internet(lambda: control.tokens(there, person, fleet)) | mine


def data_of(config: Path | None) -> Path:
    """The folder of data that a configuration names; the stack's own without one."""
    if config is None:
        return STACKS
    return ROOT / str(yaml.safe_load(config.read_text())["config"]["fleet:data"])


def await_lock(at: Place) -> None:
    """Wait for another Pulumi that holds the state; free the lock of one that is dead."""
    for lock in (at.run / "backend" / ".pulumi" / "locks").rglob("*.json"):
        if _held(lock):
            with Progress("another Pulumi holds the state: waiting for it", Estimate(30.0)):
                while lock.is_file() and _held(lock):
                    time.sleep(0.2)
        lock.unlink(missing_ok=True)


def _held(lock: Path) -> bool:
    """Whether the process that took a lock still lives. A lock of another machine is always held."""
    try:
        by = json.loads(lock.read_text())
    except (OSError, ValueError):
        return False
    if by.get("hostname") != socket.gethostname():
        return True
    comm = Path(f"/proc/{int(by['pid'])}/comm")
    # The pid may belong to somebody else by now.
    return comm.is_file() and comm.read_text().strip() == "pulumi"


def abandoned(at: Place) -> bool:
    """Whether a killed run left creations of which nobody knows how they ended."""
    pending = at.deployment().get("pending_operations") or []
    return any(one.get("type") == "creating" for one in pending)


def apply(
    at: Place, config: Path | None = None, *, only: Sequence[str] = (), tokens: Mapping[str, str] | None = None
) -> engine.Outcome:
    """Run the program, or some layers of it; on a later run look at what is really there first."""
    known = len(at.resources())
    later = known > 1
    title = f"pulumi up{' of ' if only else ''}{' and '.join(only)}{', looking at each host first' if later else ''}"
    log = at.run / "logs" / "up-events.json"
    previous = signal.signal(signal.SIGTERM, _interrupted)
    try:
        with Progress(title, Estimate(LATER_SECONDS if later else FIRST_SECONDS)) as progress:
            progress.doing = "starting"

            def heard(op: str, urn: str) -> None:
                progress.estimate.done += 1
                progress.doing = f"{op} {engine.name_of(urn)}, {progress.estimate.done} steps done"
                if op in engine.CHANGES and engine.type_of(urn).startswith(("hosts:", "fleet:machines")):
                    progress.say(f"  {op:8} {engine.name_of(urn)}")

            outcome = engine.up(
                at.env | dict(tokens or {}),
                namespace=settings.internet(), log=log, refresh=later, config=config, heard=heard, only=only,
            )  # fmt: skip
    finally:
        signal.signal(signal.SIGTERM, previous)
    write_summary(at, outcome)
    return outcome


def _interrupted(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def write_summary(at: Place, outcome: engine.Outcome) -> None:
    """Keep what the run did beside its event log."""
    found = {
        "code": outcome.code,
        "seconds": round(outcome.seconds, 2),
        "same": outcome.same,
        "changed": outcome.changed,
        "contacted": sorted(outcome.contacted),
        "failed": outcome.failures,
    }
    at.summary.write_text(json.dumps(found, indent=1) + "\n")


def outputs(at: Place) -> dict[str, dict[str, Any]]:
    """What the stack says of each host, read from the state itself: quicker than asking the engine."""
    for resource in at.resources():
        if resource.get("type") == "pulumi:pulumi:Stack":
            found: Mapping[str, dict[str, Any]] = (resource.get("outputs") or {}).get("hosts") or {}
            return dict(found)
    return {}


def clean_up() -> list[str]:
    """Remove every trace; returns what could not be removed."""
    at = place()
    if answers(at.socket):
        try:
            ask(at.socket, {"cmd": "stop"})
        except (OSError, ValueError):
            say("the embedded cloud did not stop when asked; it is ended")
    if platform.system() == "Linux" and os.geteuid() == 0:
        clean.all()
    left = [str(at.run)] if _remove(at.run) else []
    if left and platform.system() == "Linux" and os.geteuid() != 0:
        raise CannotRunError(f"{at.run} was made by root: run `make clean-rehearsal` as root")
    return left


def _remove(run: Path) -> bool:
    """Remove the folder if it carries our mark; returns whether something of it is left."""
    if not run.exists():
        return False
    if (run / settings.MARKER).exists() or not any(run.iterdir()):
        shutil.rmtree(run, ignore_errors=True)
    return run.exists()

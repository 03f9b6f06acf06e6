"""What the rehearsal's tests share: a copy of the data to edit, runs of the engine, looks at the hosts."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components import layers
from hostconfig.desired import Netauth
from rehearsal import driver, engine
from rehearsal.checks import Operator
from rehearsal.place import STACKS, place
from rehearsal.testhosts import hosts, settings
from toolchain.places import ROOT

SIX = ("a-ams-nl", "a-bru-be", "a-fra-de", "a-grq-nl", "a-nyc-us", "a-pdx-us")
MIRRORS = {"a-nyc-us", "a-pdx-us"}
CONTROL_HOSTS = ("a-ams-nl", "a-fra-de", "a-grq-nl")
SEVENTH = "b-ams-nl"
SEVENTH_FABRIC = "10.99.0.41"
# NetAuth's token is the first to be over, and a run that takes some minutes begins with one that lasts as long.
TOKENS_SECONDS = 60.0 * int(Netauth.model_fields["token_minutes"].default) / 2
# A public key whose private half nobody has.
VISITOR_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP2y0C8XKGbQeMQbyVZHzgpl/ApIohoHjSGYeyxac2af visitor"


@dataclass(frozen=True)
class Plan:
    """A preview: its steps that are not `same`, and all it printed."""

    steps: list[dict[str, Any]]
    text: str

    @property
    def changes(self) -> dict[str, str]:
        """Name of each resource that would change, and how."""
        return {engine.name_of(s["urn"]): s["op"] for s in self.steps if s["op"] in engine.CHANGES}

    def paths(self, name: str) -> set[str]:
        """Which properties of a resource would change."""
        return {
            path
            for step in self.steps
            if engine.name_of(step["urn"]) == name
            for path in (step.get("detailedDiff") or {})
        }


class Rehearsed:
    """The running rehearsal."""

    def __init__(self) -> None:
        self.at = place()
        self._tokens: dict[str, str] = {}
        self._until = 0.0

    @property
    def env(self) -> dict[str, str]:
        """The environment of the operator's Pulumi: with the tokens of a login that still lasts a while."""
        if time.monotonic() > self._until:
            self.log_in()
        return self.at.env | self._tokens

    def log_in(self) -> None:
        """Log in anew while that can be done: the tokens then last through what a test breaks."""
        self._tokens = driver.operators_tokens(self.at)
        self._until = time.monotonic() + TOKENS_SECONDS

    def up(self, config: Path | None = None, only: Sequence[str] = (), *, refresh: bool = False) -> engine.Outcome:
        """Apply, as `make rehearsal` does; what is there is looked at first only with `refresh`."""
        log = self.at.run / "logs" / "test-up.json"
        return engine.up(self.env, namespace=settings.internet(), log=log, refresh=refresh, config=config, only=only)

    def restore(self, *, refresh: bool = False) -> None:
        """Back to the project's own data; everything a test changed leaves again."""
        outcome = self.up(refresh=refresh)
        assert outcome.code == 0, f"back to the original data failed: {outcome.failures or outcome.said[-5:]}"

    def preview(self, config: Path | None = None, *, refresh: bool = False, only: Sequence[str] = ()) -> Plan:
        """What an `up` would do."""
        words = ["preview", "--stack", engine.STACK, "--json", *(["--refresh"] if refresh else [])]
        words += ["--config-file", str(config)] if config else []
        words += layers.arguments(only)
        done = engine.pulumi(self.env, *words, namespace=settings.internet())
        found = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        return Plan([s for s in found.get("steps", []) if s["op"] != "same"], done.stdout + done.stderr)

    def shown(self, *, refresh: bool) -> str:
        """The preview as a person reads it."""
        words = ["preview", "--stack", engine.STACK, "--diff", *(["--refresh"] if refresh else [])]
        done = engine.pulumi(self.env, *words, namespace=settings.internet())
        return done.stdout + done.stderr

    def operator(self) -> Operator:
        """Who logs in."""
        found = Operator(self.at.key, self.at.run / "operator" / "known_hosts", driver.outputs(self.at))
        found.write_known_hosts()
        return found

    def ssh(self, host: str, command: str) -> str:
        """What a command says on a host, run as its operator."""
        argv = engine.inside_network(self.operator().ssh(host, command), settings.internet())
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, f"{host}: {command}: {done.stderr}"
        return done.stdout

    def start(self, host: str) -> None:
        """Start a stopped host again with the disk it had."""
        spec = hosts.spec_of(host)
        assert spec is not None, f"{host} was never started"
        hosts.start(spec)

    def said_by_state(self) -> dict[str, dict[str, Any]]:
        """The outputs of each host's ground state, from the stack's state."""
        return {
            str(r["outputs"]["host"]): dict(r["outputs"])
            for r in self.at.resources()
            if r["type"] == "hosts:index:State" and "outputs" in r
        }


class Copy:
    """A copy of the stack's data that a test may edit; inside the checkout, where a stack's data may lie."""

    def __init__(self, name: str) -> None:
        self.folder = ROOT / ".fleet" / "test-data" / name
        self.config = self.folder.with_name(f"{name}.Pulumi.yaml")
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(STACKS, self.folder)
        text = (ROOT / f"Pulumi.{engine.STACK}.yaml").read_text()
        assert "fleet:data: stacks/local" in text
        place = self.folder.relative_to(ROOT)
        self.config.write_text(text.replace("fleet:data: stacks/local", f"fleet:data: {place}"))

    def edit(self, file: str, old: str, new: str) -> None:
        """Put a text in the place of another, which must be there."""
        path = self.folder / file
        text = path.read_text()
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new, 1))

    def add(self, file: str, text: str) -> None:
        """Add lines at the end of a file."""
        path = self.folder / file
        path.write_text(path.read_text().rstrip("\n") + "\n" + text)

    def seventh(self) -> None:
        """A seventh host that has no role: a droplet like the others."""
        self.edit("machines.yaml", "  a-bru-be:\n", f"{SEVENTH_MACHINE}\n  a-bru-be:\n")
        self.add("roles.yaml", "  spare:\n    purpose: waits for work\n")

    def remove(self) -> None:
        """Take the copy away."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.config.unlink(missing_ok=True)


SEVENTH_MACHINE = f"""  {SEVENTH}:
    purpose: a seventh
    region: ams
    source:
      kind: droplet
      region: ams3
      size: s-1vcpu-1gb
      image: debian-12-x64
      vpc: fleet-ams
      ssh_keys: [operator]
    os: debian
    roles: [spare]
    fabric: {{address: {SEVENTH_FABRIC}}}
"""


@contextmanager
def copied(rehearsed: Rehearsed, name: str, *, refresh: bool = False) -> Iterator[Copy]:
    """A copy to edit; afterwards the project's own data is applied again, whatever happened.

    `refresh` for a test that changed something without the state knowing.
    """
    copy = Copy(name)
    try:
        yield copy
    finally:
        copy.remove()
        rehearsed.restore(refresh=refresh)


def grounds(names: Mapping[str, str]) -> set[str]:
    """The hosts whose ground state is among named resources."""
    return {name.removeprefix("ground-") for name in names if name.startswith("ground-")}


def never_boots(rehearsed: Rehearsed, names: list[str]) -> None:
    """From now on the cloud makes these machines, and nothing boots."""
    path = rehearsed.at.run / "cloud" / "faults.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"never_boots": names}))

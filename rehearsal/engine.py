"""Runs Pulumi as a rehearsal does, with its own home, backend, passphrase and network, and reads its events."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from components import layers
from toolchain.places import ROOT, run_folder

# The passphrase of a state that holds nothing secret and is thrown away with the rehearsal.
PASSPHRASE = "rehearsal"
STACK = "local"
OPTIONS = {
    "PULUMI_PARALLEL": "256",
    "PULUMI_PARALLEL_DIFF": "true",
    "PULUMI_CONTINUE_ON_ERROR": "true",
    "PULUMI_SKIP_UPDATE_CHECK": "true",
    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    # A test host boots in a second; a machine that never does must not hold the others up for long.
    "FLEET_CONTACT_SECONDS": "20",
}
INSIDE = ROOT / "toolchain" / "inside.sh"
# What could reach a real cloud is never handed on: a rehearsal needs no credentials.
CREDENTIALS = ("AWS_", "DIGITALOCEAN_", "SPACES_", "GOOGLE_", "GCP_", "CLOUDSDK_", "GITHUB_", "PULUMI_ACCESS_TOKEN")
CHANGES = ("create", "update", "delete", "replace", "create-replacement", "delete-replaced", "import")


def environment(run: Path, *, key: Path | None = None) -> dict[str, str]:
    """The environment of every Pulumi of a rehearsal whose files are below `run`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(CREDENTIALS)}
    # Thousands of the SDKs' modules would be compiled anew at each run: 12 s, where it is set.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    kept |= OPTIONS | {
        "PULUMI_HOME": str(run / "pulumi-home"),
        "PULUMI_BACKEND_URL": f"file://{run / 'backend'}",
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "FLEET_CLOUD_SOCKET": str(run / "cloud.sock"),
        "FLEET_RUN": str(run),
        "FLEET_ACME_CA": str(run / "acme" / "trust.pem"),
        "FLEET_LDAP_CA": str(run / "ldap" / "ca.pem"),
        "FLEET_NETAUTH_CA": str(run / "netauth-ca.pem"),
        "FLEET_PEOPLE_KEYS": str(run / "people-keys"),
        "FLEET_REHEARSAL": str(run),
    }
    if key is not None:
        kept |= {"FLEET_SSH_KEY": str(key), "FLEET_SSH_PUBLIC_KEY": f"{key}.pub"}
    return kept


def inside_network(argv: Sequence[str], namespace: str | None) -> list[str]:
    """The command as it is run in a network namespace, with the names and authorities there; without one unchanged."""
    if namespace is None:
        return list(argv)
    return ["/bin/sh", str(INSIDE), namespace, str(run_folder()), *argv]


def name_of(urn: str) -> str:
    """A resource's name in the program."""
    # A name may hold "::" itself, an IPv6 address does.
    return urn.split("::", 3)[-1]


def type_of(urn: str) -> str:
    """A resource's own type, without those of its parents."""
    return urn.split("::")[2].rsplit("$", 1)[-1] if urn.count("::") >= 3 else ""


@dataclass
class Outcome:
    """What one `pulumi up` did, from its own event log."""

    ops: dict[str, str] = field(default_factory=dict)
    contacted: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    log: str = ""
    seconds: float = 0.0
    code: int = -1

    @property
    def changed(self) -> dict[str, str]:
        """Name of each resource that something was done to, and what."""
        return {name_of(urn): op for urn, op in self.ops.items() if op in CHANGES and urn not in self.failed}

    @property
    def same(self) -> list[str]:
        """Names of the resources that were found as declared."""
        return sorted(name_of(urn) for urn, op in self.ops.items() if op == "same")

    @property
    def failures(self) -> dict[str, str]:
        """Name of each resource that failed, and why."""
        return {name_of(urn): text for urn, text in self.failed.items()}

    def hear(self, event: Mapping[str, Any]) -> tuple[str, str] | None:
        """Take one event in; returns (op, urn) where something is finished."""
        if diagnostic := event.get("diagnosticEvent"):
            text = str(diagnostic.get("message", "")).strip()
            urn = str(diagnostic.get("urn", ""))
            if diagnostic.get("severity") in ("error", "warning", "info#err") and text:
                self.said.append(f"{name_of(urn)}: {text}" if urn else text)
                if diagnostic.get("severity") == "error" and urn and type_of(urn) != "pulumi:pulumi:Stack":
                    self.failed[urn] = text
            return None
        if failure := event.get("resOpFailedEvent"):
            urn = str(failure["metadata"]["urn"])
            self.ops[urn] = str(failure["metadata"]["op"])
            self.failed.setdefault(urn, "failed without a message")
            return "failed", urn
        done = event.get("resOutputsEvent")
        if not done:
            return None
        meta = done["metadata"]
        op, urn = str(meta["op"]), str(meta["urn"])
        if type_of(urn) == "hosts:index:State":
            outputs = ((meta.get("new") or {}).get("outputs")) or {}
            if outputs.get("observed") == "ok" and op != "same":
                self.contacted.add(str(outputs.get("host", name_of(urn))))
        if op in ("refresh", "read", "read-replacement", "discard"):
            return None
        if not (op == "same" and self.ops.get(urn) in CHANGES):
            self.ops[urn] = op
        return op, urn


Heard = Callable[[str, str], None]


def up(
    env: Mapping[str, str],
    *,
    namespace: str | None,
    log: Path,
    refresh: bool = False,
    config: Path | None = None,
    heard: Heard | None = None,
    only: Sequence[str] = (),
) -> Outcome:
    """Run `pulumi up` on the rehearsal's stack; each event goes to `log`, what finishes to `heard`.

    `only`: layers to work on; none means all.
    """
    argv = ["pulumi", "up", "--stack", STACK, "--yes", "--skip-preview", "--json", "--non-interactive"]
    argv += ["--refresh"] if refresh else []
    argv += ["--config-file", str(config)] if config else []
    argv += layers.arguments(only)
    outcome, begun = Outcome(), time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    errors = log.with_suffix(".err")
    # Into files and not pipes, in a session of its own: if we are killed, the engine finishes what it does.
    with log.open("w") as out, errors.open("w") as err, log.open() as lines:
        child = subprocess.Popen(
            inside_network(argv, namespace), cwd=ROOT, env=dict(env), stdin=subprocess.DEVNULL,
            stdout=out, stderr=err, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            _follow(child, outcome, lines, heard)
        except BaseException:
            # Told once, Pulumi ends what is in flight and writes its state; told twice it drops both.
            child.send_signal(signal.SIGINT)
            child.wait()
            raise
    outcome.code = child.wait()
    outcome.seconds = time.monotonic() - begun
    outcome.log = log.read_text() + errors.read_text()
    if text := errors.read_text().strip():
        outcome.said.append(text)
    return outcome


def _follow(child: subprocess.Popen[str], outcome: Outcome, lines: TextIO, heard: Heard | None) -> None:
    kept = ""
    while True:
        ended = child.poll() is not None
        part = lines.readline()
        if not part:
            if ended:
                return
            time.sleep(0.05)
            continue
        kept += part
        if not kept.endswith("\n"):
            continue
        line, kept = kept, ""
        if not line.startswith("{"):
            if line.strip():
                outcome.said.append(line.strip())
            continue
        finished = outcome.hear(json.loads(line))
        if finished and heard:
            heard(*finished)


def pulumi(
    env: Mapping[str, str], *argv: str, namespace: str | None = None, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run any other Pulumi command to its end."""
    return subprocess.run(
        inside_network(["pulumi", *argv, "--non-interactive"], namespace),
        cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip


def make_home(run: Path) -> None:
    """The plugin folder in which the engine finds the stand-ins, and nothing else."""
    subprocess.run(
        [sys.executable, "-m", "rehearsal.cloud", "home", str(run / "pulumi-home")],
        cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def outputs(env: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The stack's output `hosts`; empty before the first `up`."""
    done = pulumi(env, "stack", "output", "hosts", "--json", "--stack", STACK)
    if done.returncode != 0:
        return {}
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found

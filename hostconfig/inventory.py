"""Hosts for plain pyinfra: `pyinfra hostconfig/inventory.py hostconfig/deploy.py --dry`.

From the outputs of the stack that FLEET_STACK names, if its state can be reached; else from the data alone. Then peers
that are not recorded are left on each host as they are, and nothing but a checkout and one ssh key is needed.

Environment: FLEET_STACK (default local), FLEET_LAYER (default ground), FLEET_SSH_KEY (else the agent is asked),
FLEET_ACKNOWLEDGED (paths to overwrite although edited by hand, separated by commas), FLEET_OPERATOR_KEYS (file of
public keys, one a line, for accounts whose keys are a secret of the stack), FLEET_DATA_ALONE=1 (ask for no outputs).
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# pyinfra runs this file by its path, from wherever it was called.
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

OUTPUTS_SECONDS = 60


def outputs(stack: str) -> dict[str, Any] | None:
    """The stack's output `hosts`, or None where there is no engine, no state or no passphrase: said, not fatal."""
    pulumi = shutil.which("pulumi")
    if pulumi is None or os.environ.get("FLEET_DATA_ALONE") == "1":
        return None
    command = [pulumi, "stack", "output", "hosts", "--json", "--stack", stack, "--non-interactive"]
    try:
        done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=OUTPUTS_SECONDS, check=True)
        found = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def data_folder(stack: str) -> Path:
    """The data of a stack, as its own file names it."""
    import yaml

    settings = ROOT / f"Pulumi.{stack}.yaml"
    if not settings.is_file():
        raise SystemExit(f"FLEET_STACK={stack}: there is no {settings.name}: name a stack that has one")
    return ROOT / str(yaml.safe_load(settings.read_text())["config"]["fleet:data"])


def without_an_engine(desired: Mapping[str, Any], keys: list[str]) -> dict[str, Any]:
    """The desired state with the given keys for accounts whose own are a secret of the stack."""
    users = {
        name: {**user, "keys": user["keys"] or (keys if user["sudo"] == "all-nopasswd" else [])}
        for name, user in desired["users"].items()
    }
    return {**desired, "users": users}


def operator_keys() -> list[str]:
    """Public keys from the file that FLEET_OPERATOR_KEYS names."""
    path = os.environ.get("FLEET_OPERATOR_KEYS")
    if not path:
        return []
    lines = (line.strip() for line in Path(path).read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def targets(stack: str, layer: str = "ground") -> list[tuple[str, dict[str, Any]]]:
    """Every managed host that the layer is for, with its connection and its desired state."""
    from components import born as births
    from components.control.hosts import states as control_states
    from components.ground import connections, desired_states
    from components.mirror_proxy.plan import states as front_states
    from hostconfig.plan import LAYERS
    from model import BadData, load

    if layer not in LAYERS:
        raise SystemExit(f"FLEET_LAYER={layer}: name one of {', '.join(LAYERS)}")
    try:
        fleet = load(data_folder(stack))
        known = outputs(stack)
        born = births.from_data(fleet) if known is None else births.from_outputs(fleet, known)
        if layer == "ground":
            states = desired_states(fleet, born)
        else:
            states = front_states(fleet) if layer == "front" else control_states(fleet, layer)
        ways = connections(fleet, born)
    except BadData as problem:
        raise SystemExit(str(problem)) from None
    if known is None:
        print("From the data alone: peers that are not recorded stay on each host as they are.", file=sys.stderr)
    folder = Path(tempfile.mkdtemp(prefix="fleet-known-hosts-"))
    # pyinfra reads the files until its end.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    keys = operator_keys()
    found = []
    for host, way in sorted(ways.items()):
        if host not in states:
            continue
        if not way["address"]:
            print(f"{host}: left out, its address is known to the stack's outputs only", file=sys.stderr)
            continue
        desired = without_an_engine(states[host], keys) if layer == "ground" else states[host]
        found.append((host, {**connection(host, way, folder), "layer": layer, "desired": desired}))
    _refuse_early(found)
    return found


def _refuse_early(found: list[tuple[str, dict[str, Any]]]) -> None:
    """All that hostconfig would refuse, said before any host is contacted."""
    from pydantic import ValidationError

    from hostconfig.plan import parse

    problems = []
    for host, data in found:
        try:
            parse(data["layer"], data["desired"])
        except ValidationError as error:
            problems += [f"{host}: {'.'.join(map(str, p['loc']))}: {p['msg']}" for p in error.errors()]
    if problems:
        way_out = "Keys that are a secret of the stack: name a file of public keys in FLEET_OPERATOR_KEYS."
        raise SystemExit("\n".join([*problems, way_out]))


def connection(host: str, way: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """How pyinfra reaches a host. A recorded host key is held to; host keys are public."""
    known = folder / host
    where = way["address"] if way["port"] == 22 else f"[{way['address']}]:{way['port']}"
    known.write_text(f"{where} {' '.join(way['host_key'].split()[:2])}\n" if way["host_key"] else "")
    user = os.environ.get("FLEET_SSH_USER") or way["users"][0]
    data = {
        "ssh_hostname": way["address"],
        "ssh_port": way["port"],
        "ssh_user": user,
        "ssh_known_hosts_file": str(known),
        "ssh_strict_host_key_checking": "yes" if way["host_key"] else "accept-new",
        "_sudo": way["become"] and user != "root",
    }
    key = os.environ.get("FLEET_SSH_KEY")
    return data | ({"ssh_key": key} if key else {})


if __name__ != "hostconfig.inventory":
    # Run by pyinfra, which takes every list it finds here for a group of hosts.
    hosts = targets(os.environ.get("FLEET_STACK") or "local", os.environ.get("FLEET_LAYER") or "ground")

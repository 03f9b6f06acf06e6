"""Facts that are born outside the data: addresses a cloud computes, keys a host makes.

They come from resources while the engine runs, from the stack's outputs, or from what `fleet record` wrote down.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model import BadData, Fleet, Problem
from model.fleet import Operator

# While the engine runs a leaf may be a pulumi.Output, which knows no common static type with plain text.
Leaf = Any


@dataclass(frozen=True)
class Born:
    """What one machine turned out to be. Each is plain text, None, or (in the engine) an output of it."""

    ipv4: Leaf = None
    ipv6: Leaf = None
    wireguard_key: Leaf = None
    ssh_host_key: Leaf = None
    authority: Leaf = None
    """Certificate of a control host's own authority, PEM."""


def from_data(fleet: Fleet) -> dict[str, Born]:
    """What the data alone knows: public addresses that are facts, and what was recorded."""
    found = {}
    for name, machine in fleet.machines.items():
        known = fleet.recorded.get(name)
        found[name] = Born(
            ipv4=machine.public.ipv4 or (known.ipv4 if known else None),
            ipv6=machine.public.ipv6 or (known.ipv6 if known else None),
            wireguard_key=known.wireguard_key if known else None,
            ssh_host_key=known.ssh_host_key if known else None,
            authority=known.authority if known else None,
        )
    return found


def from_outputs(fleet: Fleet, hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, Born]:
    """What the stack's output `hosts` knows, over what the data alone knows."""
    found = from_data(fleet)
    for name in found.keys() & hosts.keys():
        seen = hosts[name]
        found[name] = Born(
            ipv4=seen.get("ipv4") or found[name].ipv4,
            ipv6=seen.get("ipv6") or found[name].ipv6,
            wireguard_key=seen.get("wireguard_key") or found[name].wireguard_key,
            ssh_host_key=seen.get("ssh_host_key") or found[name].ssh_host_key,
            authority=seen.get("authority") or found[name].authority,
        )
    return found


def from_environment(variable: str, wanted_by: str, rule: str, *, leads_to: str, folder: bool = False) -> Path:
    """The file, or folder, whose path an environment variable holds. Raises BadData where there is none.

    `wanted_by`: the field of the data that names the variable. `leads_to`: what to set it to, for the way out.
    """
    said = os.environ.get(variable)
    path = Path(said or "")
    if said and (path.is_dir() if folder else path.is_file()):
        return path
    raise BadData(
        [
            Problem(
                file=f"${variable}",
                line=0,
                field=wanted_by,
                what=f"{said} is no {'folder' if folder else 'file'}" if said else "not set",
                rule=rule,
                way_out=f"source ./activate, or set {variable} to {leads_to}",
            )
        ]
    )


def certificate_file(variable: str, wanted_by: str) -> str:
    """The certificate, PEM, whose file an environment variable names. Raises BadData where there is none."""
    rule = "a certificate that the data takes from the environment is there"
    return from_environment(variable, wanted_by, rule, leads_to="the path of a PEM file").read_text()


def public_key_file(variable: str, wanted_by: str) -> str:
    """The public key whose file an environment variable names. Raises BadData where there is none."""
    rule = "a key that the data takes from the environment is there"
    return from_environment(variable, wanted_by, rule, leads_to="the path of an OpenSSH public key").read_text().strip()


def operator_keys(name: str, operator: Operator) -> list[str]:
    """An operator's public keys, as far as they are plain: from the data or from a file that the environment names."""
    if operator.keys_env:
        return [public_key_file(operator.keys_env, f"operators.{name}")]
    return list(operator.keys)

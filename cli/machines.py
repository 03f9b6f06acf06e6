"""What a stack has of each machine, in one short table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model import Fleet


def table(fleet: Fleet, hosts: Mapping[str, Mapping[str, Any]]) -> str:
    """One line a machine, in name order; what is not there yet is a dash."""
    rows = [("HOST", "ROLES", "ADDRESS", "FABRIC", "KEYS")]
    for name, machine in sorted(fleet.machines.items()):
        seen = hosts.get(name, {})
        address = seen.get("ipv4") or seen.get("ipv6") or machine.public.ipv4 or machine.public.ipv6 or "-"
        fabric = machine.fabric.address if machine.fabric else "-"
        rows.append((name, ",".join(machine.roles) or "-", str(address), fabric, _keys(fleet, name, seen)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    strangers = sorted(set(hosts) - set(fleet.machines))
    if strangers:
        lines.append(f"In the state and not in the data: {', '.join(strangers)}. The next `pulumi up` removes them.")
    return "\n".join(lines)


def _keys(fleet: Fleet, name: str, seen: Mapping[str, Any]) -> str:
    if not fleet.machines[name].managed:
        return "not managed"
    if not seen:
        return "not made yet"
    recorded = fleet.recorded.get(name)
    found = [(getattr(recorded, field, None), seen.get(field)) for field in ("wireguard_key", "ssh_host_key")]
    if any(was and now and was.split()[:2] != now.split()[:2] for was, now in found):
        return "CHANGED"
    if all(was for was, _ in found):
        return "recorded"
    return "born, not recorded" if all(now for _, now in found) else "silent"

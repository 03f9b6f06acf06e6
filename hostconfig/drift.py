"""Drift: how a host differs from what was last applied there, one sentence a subject. Pure."""

from __future__ import annotations

from hostconfig.firewall import RULES
from hostconfig.manifest import Manifest
from hostconfig.observed import Observed
from hostconfig.parts import HostPlan


def drift_of(plan: HostPlan, observed: Observed) -> dict[str, str]:
    """Subject -> what. Measured against the host's own manifest, so that news in the data are not taken for drift."""
    known = observed.manifest
    assert known is not None
    found = {**_files(observed, known), **_things(plan, observed, known), **_firewall(observed, known)}
    if plan.link is not None and "fleet-fabric" in known.services:
        found |= _fabric(plan, observed, known)
    return dict(sorted(found.items()))


def _files(observed: Observed, known: Manifest) -> dict[str, str]:
    found = {}
    for path, record in known.files.items():
        there = observed.files.get(path)
        if there is None:
            found[path] = "missing"
        elif there.sha256 not in (record.sha256, record.next):
            found[path] = "edited by hand"
        elif there.mode != record.mode or there.owner != record.owner:
            found[path] = f"has mode {there.mode} and owner {there.owner} instead of {record.mode} and {record.owner}"
        elif record.next is not None and there.sha256 != record.next:
            found[path] = "an apply was cut short before this file"
    return found


def _things(plan: HostPlan, observed: Observed, known: Manifest) -> dict[str, str]:
    found = {f"package {name}": "missing" for name in known.wanted if name not in observed.packages}
    for name, record in known.users.items():
        there = observed.users.get(name)
        if there is None:
            found[f"user {name}"] = "missing"
        elif not set(record.groups) <= there.groups:
            found[f"user {name}"] = f"no longer in {', '.join(sorted(set(record.groups) - there.groups))}"
        elif record.shell and there.shell != record.shell:
            found[f"user {name}"] = f"has shell {there.shell} instead of {record.shell}"
    for group in known.groups:
        if group not in observed.groups:
            found[f"group {group}"] = "missing"
    for key, setting in known.sysctl.items():
        if observed.sysctl.get(key) != setting.value:
            found[f"sysctl {key}"] = f"is {observed.sysctl.get(key, 'unknown')} instead of {setting.value}"
    for name in known.services:
        state = observed.services.get(name)
        if state is not None and state != "up":
            found[f"service {name}"] = "down" if state == "down" else "not enabled"
    if plan.hostname and "/etc/hostname" in known.files and observed.hostname != plan.hostname:
        found["hostname"] = f"is {observed.hostname} instead of {plan.hostname}"
    return found


def _firewall(observed: Observed, known: Manifest) -> dict[str, str]:
    if RULES not in known.files:
        return {}
    if not observed.firewall_live:
        return {"firewall": "no rules are loaded"}
    if observed.firewall_live != observed.firewall_loaded and observed.firewall_tool_same:
        return {"firewall": "rules differ from what was applied"}
    return {}


def _fabric(plan: HostPlan, observed: Observed, known: Manifest) -> dict[str, str]:
    wish, there = plan.link, observed.link
    assert wish is not None
    if there is None:
        return {"fabric": f"interface {wish.interface} is missing"}
    found = {}
    if not there.up:
        found["fabric"] = f"interface {wish.interface} is down"
    elif wish.address not in there.addresses:
        found["fabric"] = f"address {wish.address} is missing from {wish.interface}"
    elif there.mtu != wish.mtu:
        found["fabric"] = f"{wish.interface} has mtu {there.mtu} instead of {wish.mtu}"
    live = {key for key, _ in there.peers}
    found |= {f"fabric peer {name}": "missing" for name, key in known.peers.items() if key not in live}
    expected = {*known.peers.values(), *(key for _, key, _ in wish.peers)}
    found |= {f"fabric peer {key}": "is on the host but not in the data" for key in live - expected}
    return found

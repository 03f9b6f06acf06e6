"""What left the data leaves the host: only what the manifest says is ours, and in an order that strands nothing.

What another layer of the host still wants stays: whichever layer lets go of it last removes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from hostconfig import steps
from hostconfig.manifest import Manifest
from hostconfig.observed import Observed
from hostconfig.parts import HostPlan
from hostconfig.steps import Change


def leaving(plan: HostPlan, observed: Observed, known: Manifest) -> Iterator[Change]:
    """Services first, then their files, then settings, people, groups, packages."""
    services = {service.name for service in plan.services} | {
        name for other in observed.others for name in other.services
    }
    for name in known.services:
        if name not in services:
            yield Change(f"service {name}", "stop, no longer in the data", steps.DisableService(name))
    paths = {file.path for file in plan.files} | {path for other in observed.others for path in other.files}
    for path in sorted(known.files):
        if path not in paths:
            yield Change(path, "remove, no longer in the data", steps.RemoveFile(path))
    settings = set(plan.sysctl) | {key for other in observed.others for key in other.sysctl}
    for key, record in sorted(known.sysctl.items()):
        if key not in settings:
            yield Change(f"sysctl {key}", f"back to {record.before}", steps.SetSysctl(key, record.before))
    yield from _people(plan, observed, known)
    packages = set(plan.packages) | {name for other in observed.others for name in other.wanted}
    gone = tuple(name for name in known.packages if name not in packages and name in observed.packages)
    if gone:
        yield Change(f"package {', '.join(gone)}", "remove, no longer in the data", steps.Uninstall(gone))


def _people(plan: HostPlan, observed: Observed, known: Manifest) -> Iterator[Change]:
    accounts = {account.name for account in plan.accounts}
    for name, record in sorted(known.users.items()):
        there = observed.users.get(name)
        if name in accounts or there is None:
            continue
        elsewhere = [other.users[name] for other in observed.others if name in other.users]
        leave = set(record.groups) & there.groups - {group for other in elsewhere for group in other.groups}
        if record.made and not elsewhere:
            yield Change(f"user {name}", "remove, no longer in the data", steps.DropAccount(name, there.home))
        elif leave:
            groups = tuple(sorted(leave))
            yield Change(f"user {name}", f"leave {', '.join(groups)}", steps.LeaveGroups(name, groups))
    groups_wanted = set(plan.groups) | {group for other in observed.others for group in other.groups}
    for group in known.groups:
        if group not in groups_wanted and group in observed.groups:
            yield Change(f"group {group}", "remove, no longer in the data", steps.DropGroup(group))

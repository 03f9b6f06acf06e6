"""What left the data leaves the host: only what the manifest says is ours, and in an order that strands nothing."""

from __future__ import annotations

from collections.abc import Iterator

from hostconfig import steps
from hostconfig.manifest import Manifest
from hostconfig.observed import Observed
from hostconfig.parts import Ground
from hostconfig.steps import Change


def leaving(ground: Ground, observed: Observed, known: Manifest) -> Iterator[Change]:
    """Services first, then their files, then settings, people, groups, packages."""
    services = {service.name for service in ground.services}
    for name in known.services:
        if name not in services:
            yield Change(f"service {name}", "stop, no longer in the data", steps.DisableService(name))
    paths = {file.path for file in ground.files}
    for path in sorted(known.files):
        if path not in paths:
            yield Change(path, "remove, no longer in the data", steps.RemoveFile(path))
    for key, record in sorted(known.sysctl.items()):
        if key not in ground.sysctl:
            yield Change(f"sysctl {key}", f"back to {record.before}", steps.SetSysctl(key, record.before))
    yield from _people(ground, observed, known)
    gone = tuple(name for name in known.packages if name not in ground.packages and name in observed.packages)
    if gone:
        yield Change(f"package {', '.join(gone)}", "remove, no longer in the data", steps.Uninstall(gone))


def _people(ground: Ground, observed: Observed, known: Manifest) -> Iterator[Change]:
    accounts = {account.name for account in ground.accounts}
    for name, record in sorted(known.users.items()):
        there = observed.users.get(name)
        if name in accounts or there is None:
            continue
        if record.made:
            yield Change(f"user {name}", "remove, no longer in the data", steps.DropAccount(name, there.home))
        elif set(record.groups) & there.groups:
            groups = tuple(sorted(set(record.groups) & there.groups))
            yield Change(f"user {name}", f"leave {', '.join(groups)}", steps.LeaveGroups(name, groups))
    for group in known.groups:
        if group not in ground.groups and group in observed.groups:
            yield Change(f"group {group}", "remove, no longer in the data", steps.DropGroup(group))

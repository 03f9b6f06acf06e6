"""Compares a host with what it should be: the changes to make, the drift since the last apply, the conflicts. Pure.

Drift is what differs from what we last put there. A conflict is drift that a change would overwrite: a file or the
firewall, changed by hand. What is merely gone or down (a package, a service, a file) is put back without asking.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from hostconfig import steps
from hostconfig.drift import drift_of
from hostconfig.firewall import RULES
from hostconfig.leaving import leaving
from hostconfig.manifest import AccountRecord, FileRecord, Manifest, SysctlRecord, sha256
from hostconfig.observed import Observed
from hostconfig.parts import Account, HostPlan, ManagedFile, Part, Service
from hostconfig.plan import AnyDesired, plan_of
from hostconfig.steps import Change


@dataclass(frozen=True)
class Assessment:
    """The verdict on one host."""

    changes: tuple[Change, ...] = ()
    drift: dict[str, str] = field(default_factory=dict)
    conflicts: dict[str, str] = field(default_factory=dict)
    manifest: Manifest = field(default_factory=Manifest)
    """What the host's manifest says once all changes are made."""


def assess(desired: AnyDesired, observed: Observed, acknowledged: Collection[str] = frozenset()) -> Assessment:
    """What to do on this host, and what somebody else did."""
    if observed.platform.os != desired.os:
        found = observed.platform.os or "no system we know"
        return Assessment(conflicts={"os": f"the host runs {found}, the data says {desired.os}: correct one of them"})
    plan = plan_of(desired, observed.platform)
    known = observed.manifest or Manifest()
    drift = drift_of(plan, observed) if observed.manifest else {plan.layer: "never applied by this program"}
    conflicts = {
        subject: what for subject, what in _conflicts(plan, observed, known) if subject not in set(acknowledged)
    }
    final = settled(plan, observed, known)
    body = [*_arriving(plan, observed, known), *leaving(plan, observed, known)]
    if body or final != observed.manifest:
        first = Change(
            "manifest", "note what is about to change", steps.Record(plan.layer, intended(final, plan, observed, known))
        )
        last = Change("manifest", "note what is there now", steps.Record(plan.layer, final))
        body = [first, *body, last] if body else [last]
    return Assessment(tuple(body), drift, conflicts, final)


def differs(file: ManagedFile, observed: Observed) -> bool:
    """Whether the host's file is not exactly this one."""
    there = observed.files.get(file.path)
    return there is None or (there.sha256, there.mode, there.owner) != (sha256(file.text), file.mode, file.owner)


def firewall_off(observed: Observed) -> bool:
    """Whether the kernel holds other rules than those we loaded last."""
    return not observed.firewall_live or observed.firewall_live != observed.firewall_loaded


def link_off(plan: HostPlan, observed: Observed) -> bool:
    """Whether the fabric interface runs otherwise than it should."""
    wish, there = plan.link, observed.link
    if wish is None:
        return False
    if there is None:
        return True
    peers = frozenset((key, allowed) for _, key, allowed in wish.peers)
    return (
        wish.address not in there.addresses
        or len(there.addresses) != 1
        or (there.mtu, there.up, there.listen_port, there.peers) != (wish.mtu, True, wish.listen_port, peers)
    )


def _arriving(plan: HostPlan, observed: Observed, known: Manifest) -> Iterator[Change]:
    """What is missing or different, concern by concern."""
    missing = tuple(name for name in plan.packages if name not in observed.packages)
    if missing:
        yield Change(f"package {', '.join(missing)}", "install", steps.Install(missing))
    if plan.hostname and observed.hostname != plan.hostname:
        yield Change("hostname", f"set to {plan.hostname}", steps.SetHostname(plan.hostname))
    for group in plan.groups:
        if group not in observed.groups:
            yield Change(f"group {group}", "make", steps.MakeGroup(group))
    for account in plan.accounts:
        yield from _account(account, observed, known)
    for part in plan.parts:
        yield from _part(part, plan, observed, known)


def _account(account: Account, observed: Observed, known: Manifest) -> Iterator[Change]:
    there = observed.users.get(account.name)
    record = known.users.get(account.name)
    held = {
        group for other in observed.others if account.name in other.users for group in other.users[account.name].groups
    }
    leave = tuple(sorted(set(record.groups) - set(account.groups) - held)) if record else ()
    if there is None:
        yield Change(f"user {account.name}", "make", steps.SetAccount(account, exists=False))
        return
    leave = tuple(group for group in leave if group in there.groups)
    same = (
        set(account.groups) <= there.groups
        and not leave
        and account.shell in ("", there.shell)
        and (not account.shell or there.comment == account.comment)
        and account.uid in (None, there.uid)
    )
    if not same:
        yield Change(f"user {account.name}", "change", steps.SetAccount(account, exists=True, leave=leave))


def _part(part: Part, plan: HostPlan, observed: Observed, known: Manifest) -> Iterator[Change]:
    changed = [file for file in part.files if differs(file, observed)]
    yield from (_write(file, observed, known) for file in changed if not file.late)
    for key, value in part.sysctl:
        if observed.sysctl.get(key) != " ".join(value.split()):
            yield Change(f"sysctl {key}", f"set to {value}", steps.SetSysctl(key, value))
    woken = {file.wakes for file in changed}
    for service in part.services:
        yield from _service(service, service.name in woken, plan, observed)
    yield from (_write(file, observed, known) for file in changed if file.late)


def _write(file: ManagedFile, observed: Observed, known: Manifest) -> Change:
    there = observed.files.get(file.path)
    what = "write" if there is None else "replace"
    record = known.files.get(file.path)
    keep = there is not None and (record is None or (not record.ours and there.sha256 == record.sha256))
    return Change(file.path, what, steps.WriteFile(file, keep_before=keep))


def _service(service: Service, woken: bool, plan: HostPlan, observed: Observed) -> Iterator[Change]:
    off = (service.name == "fleet-firewall" and firewall_off(observed)) or (
        service.name == "fleet-fabric" and link_off(plan, observed)
    )
    if service.supervised and observed.services.get(service.name, "absent") != "up":
        yield Change(f"service {service.name}", "start", steps.EnableService(service))
        # A service that was there but stopped may start with what it held before; nothing to wake in a fresh one.
    elif woken or off:
        yield Change(f"service {service.name}", "take up the change", steps.WakeService(service))


def _conflicts(plan: HostPlan, observed: Observed, known: Manifest) -> Iterator[tuple[str, str]]:
    wanted = {file.path: sha256(file.text) for file in plan.files}
    for path, record in sorted(known.files.items()):
        there = observed.files.get(path)
        if there is not None and there.sha256 not in (record.sha256, record.next, wanted.get(path)):
            yield path, "edited by hand since the last apply"
    rules = known.files.get(RULES)
    pending = rules is None or rules.next is not None
    live, loaded = observed.firewall_live, observed.firewall_loaded
    if live and loaded and live != loaded and observed.firewall_tool_same and not pending:
        yield "firewall", "rules changed by hand since the last apply"


def settled(plan: HostPlan, observed: Observed, known: Manifest) -> Manifest:
    """The manifest once everything is as it should be."""
    ours = {name for one in (known, *observed.others) for name in one.packages}
    users = {}
    for account in plan.accounts:
        record, there = known.users.get(account.name), observed.users.get(account.name)
        made_before = any(account.name in other.users and other.users[account.name].made for other in observed.others)
        held = set(record.groups) if record else set()
        added = {group for group in account.groups if there is None or group not in there.groups or group in held}
        users[account.name] = AccountRecord(
            made=record.made if record else there is None or made_before,
            groups=tuple(sorted(added)),
            shell=account.shell,
        )
    ours_too = {group for one in (known, *observed.others) for group in one.groups}
    made = {group for group in plan.groups if group in ours_too or group not in observed.groups}
    settings = {}
    for key, value in plan.sysctl.items():
        before = known.sysctl[key].before if key in known.sysctl else observed.sysctl.get(key, "")
        settings[key] = SysctlRecord(before=before, value=" ".join(value.split()))
    return Manifest(
        files={
            file.path: FileRecord(sha256=sha256(file.text), mode=file.mode, owner=file.owner) for file in plan.files
        },
        packages=tuple(sorted(name for name in plan.packages if name in ours or name not in observed.packages)),
        wanted=plan.packages,
        groups=tuple(sorted(made)),
        users=users,
        sysctl=settings,
        services=tuple(sorted(service.name for service in plan.services if service.supervised)),
        peers={name: key for name, key, _ in plan.link.peers} if plan.link else {},
    )


def intended(final: Manifest, plan: HostPlan, observed: Observed, known: Manifest) -> Manifest:
    """The manifest while the changes are under way: both what was ours and what is about to be."""
    files = dict(known.files)
    for file in plan.files:
        old = known.files.get(file.path)
        if differs(file, observed):
            there = observed.files.get(file.path)
            files[file.path] = FileRecord(
                # What is there now is accepted: it was ours, or nobody's, or acknowledged.
                sha256=there.sha256 if there else None,
                mode=file.mode,
                owner=file.owner,
                next=sha256(file.text),
                ours=there is None or (old is not None and (old.ours or there.sha256 == old.next)),
            )
        else:
            files[file.path] = final.files[file.path]
    return Manifest(
        files=files,
        packages=tuple(sorted({*known.packages, *final.packages})),
        wanted=final.wanted,
        groups=tuple(sorted({*known.groups, *final.groups})),
        users={**known.users, **final.users},
        sysctl={**known.sysctl, **final.sysctl},
        services=tuple(sorted({*known.services, *final.services})),
        peers=final.peers,
    )

"""A host in memory that steps can be carried out on: what assess() plans must leave nothing for assess() to plan."""

from __future__ import annotations

from dataclasses import replace

from hostconfig import steps
from hostconfig.manifest import sha256
from hostconfig.observed import Observed, ObservedFile, ObservedLink, ObservedUser
from hostconfig.parts import Platform
from hostconfig.plan import AnyDesired, plan_of


def bare(platform: Platform, packages: frozenset[str] = frozenset()) -> Observed:
    """A machine as its first boot leaves it."""
    users = {"root": ObservedUser(0, "/root", "/bin/bash", "root", frozenset())}
    there = {"/etc/hosts": ObservedFile("0" * 64, "0644", "root:root")}
    groups = frozenset({"root", "sudo", "wheel"})
    kernel = {"net.ipv4.ip_forward": "0", "vm.swappiness": "60"}
    return Observed(platform, "localhost", None, there, packages, users, groups, kernel)


def carried_out(host: Observed, change: steps.Change, desired: AnyDesired) -> Observed:
    """The host after one step."""
    match change.step:
        case steps.Record(manifest=manifest):
            return replace(host, manifest=manifest)
        case steps.Install(names=names):
            return replace(host, packages=host.packages | set(names))
        case steps.Uninstall(names=names):
            return replace(host, packages=host.packages - set(names))
        case steps.SetHostname(name=name):
            return replace(host, hostname=name)
        case steps.MakeGroup(name=name):
            return replace(host, groups=host.groups | {name})
        case steps.DropGroup(name=name):
            return replace(host, groups=host.groups - {name})
        case steps.SetAccount(account=account, leave=leave):
            old = host.users.get(account.name)
            groups = (old.groups if old else frozenset()) | set(account.groups) - set(leave)
            uid = account.uid or (old.uid if old else 1000 + len(host.users))
            user = ObservedUser(uid, f"/home/{account.name}", account.shell, account.comment, frozenset(groups))
            return replace(host, users={**host.users, account.name: user})
        case steps.DropAccount(name=name):
            return replace(host, users={n: u for n, u in host.users.items() if n != name})
        case steps.LeaveGroups(name=name, groups=groups_left):
            user = host.users[name]
            user = replace(user, groups=user.groups - set(groups_left))
            return replace(host, users={**host.users, name: user})
        case steps.WriteFile(file=file):
            there = ObservedFile(sha256(file.text), file.mode, file.owner)
            return replace(host, files={**host.files, file.path: there})
        case steps.RemoveFile(path=path):
            return replace(host, files={p: f for p, f in host.files.items() if p != path})
        case steps.SetSysctl(key=key, value=value):
            return replace(host, sysctl={**host.sysctl, key: value})
        case steps.EnableService(service=service):
            return started(replace(host, services={**host.services, service.name: "up"}), service.name, desired)
        case steps.WakeService(service=service):
            return started(host, service.name, desired)
        case steps.DisableService(name=name):
            return replace(host, services={**host.services, name: "absent"})


def started(host: Observed, service: str, desired: AnyDesired) -> Observed:
    """What a service does when it starts or hears of a change."""
    if service == "fleet-firewall":
        rules = host.files["/etc/fleet/firewall.nft"].sha256
        return replace(host, firewall_live=rules, firewall_loaded=rules)
    link = plan_of(desired, host.platform).link
    if service == "fleet-fabric" and link:
        peers = frozenset((key, allowed) for _, key, allowed in link.peers)
        there = ObservedLink(frozenset({link.address}), link.mtu, True, link.listen_port, "k", peers)
        return replace(host, link=there)
    return host

"""Name, hosts file, accounts with their keys and sudo rights, packages, kernel settings.

Keys lie in /etc/ssh/authorized_keys.d, owned by root: what a login may do is decided in the data, so nobody can leave
a key of their own behind, and no path below a user's home is ever written by root.
"""

from __future__ import annotations

from hostconfig.desired import Desired, User
from hostconfig.files import render
from hostconfig.parts import Account, ManagedFile, Part, Platform

KEYS_FOLDER = "/etc/ssh/authorized_keys.d"
SYSCTL_FILE = "/etc/sysctl.d/60-fleet.conf"


def base(desired: Desired, _platform: Platform) -> Part:
    """What every host has, whatever its role."""
    names = [(address, name) for name, addresses in sorted(desired.hosts_file.items()) for address in addresses]
    files = [
        ManagedFile("/etc/hostname", f"{desired.hostname}\n"),
        ManagedFile("/etc/hosts", render("base/hosts", hostname=desired.hostname, fqdn=desired.fqdn, pinned=names)),
    ]
    for name, user in sorted(desired.users.items()):
        files += _account_files(name, user)
    if desired.sysctl:
        text = render("base/sysctl.conf", settings=sorted(desired.sysctl.items()))
        files.append(ManagedFile(SYSCTL_FILE, text))
    # A group of the directory must not be the host's own too: then its members would be whoever was in that one.
    given = set(desired.login.groups) if desired.login else set()
    allowed = set(desired.ssh.allow_groups) - given
    groups = sorted({group for user in desired.users.values() for group in user.groups} | allowed)
    accounts = [
        Account(name, user.uid, tuple(sorted(user.groups)), user.shell, user.comment)
        for name, user in sorted(desired.users.items())
    ]
    return Part(
        packages=("sudo", *sorted(desired.packages)),
        groups=tuple(groups),
        accounts=tuple(accounts),
        files=tuple(files),
        sysctl=tuple(sorted(desired.sysctl.items())),
    )


def _account_files(name: str, user: User) -> list[ManagedFile]:
    files = []
    if user.keys:
        text = render("base/authorized_keys", keys=user.keys)
        files.append(ManagedFile(f"{KEYS_FOLDER}/{name}", text, check='ssh-keygen -l -f "$new" >/dev/null'))
    if user.sudo == "all-nopasswd":
        text = render("base/sudoers", user=name)
        # visudo reads the candidate alone; sudo ignores names with a dot, which the candidate has.
        files.append(ManagedFile(f"/etc/sudoers.d/fleet-{name}", text, mode="0440", check='visudo -q -c -f "$new"'))
    return files

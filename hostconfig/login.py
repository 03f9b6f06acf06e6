"""Login by the directory of people: one program asks it for sshd, for sudo, for accounts, and over LDAP for Vault.

What a person may do follows from groups of the directory, so nothing here names anybody. Keys of break-glass accounts
are those of sshd's own files, which `base` writes: for these accounts sshd does not even ask. Where the data has no
roster, none of this is on the host. Left out: the directory's server, and what stands in it.
"""

from __future__ import annotations

import json

from hostconfig.base import KEYS_FOLDER
from hostconfig.desired import Desired
from hostconfig.desired_login import LoginWish
from hostconfig.files import render
from hostconfig.parts import Account, ManagedFile, Part, Platform, Service
from hostconfig.pki import looping
from hostconfig.services import restart
from hostconfig.supervised import CA, NOLOGIN

PROGRAM = "/usr/bin/fleet-login"
CONFIG = "/etc/fleet/login.json"
ACCOUNT = "fleet-login"
KEEP, BRIDGE = "fleet-login", "fleet-ldap"
HOME = "/var/lib/fleet/login"
LDAP_PORT = 389


def login(desired: Desired, platform: Platform) -> Part:
    """The program's configuration and services, and where the host itself asks it."""
    wish = desired.login
    if wish is None:
        return Part()
    keep = looping(KEEP, f"{PROGRAM} keep", platform)
    # At once and not when the supervisor comes to it: who left is out before this step is over.
    now = f"{PROGRAM} refresh || true\n{restart(KEEP, platform)}"
    files = [
        ManagedFile(CONFIG, config_text(desired, wish), check=f'{PROGRAM} --config "$new" check', wakes=KEEP),
        *keep.files,
        ManagedFile("/etc/nsswitch.conf", render("login/nsswitch.conf")),
        ManagedFile("/etc/pam.d/sudo", render("login/pam-sudo", program=PROGRAM, os=platform.os)),
    ]
    if wish.sudo:
        text = render("login/sudoers", groups=wish.sudo)
        files.append(ManagedFile("/etc/sudoers.d/fleet-people", text, mode="0440", check='visudo -q -c -f "$new"'))
    services = [Service(KEEP, now)]
    if wish.ldap is not None:
        # A port below 1024, and no other right of root.
        lowered = (
            f"setpriv --reuid={ACCOUNT} --regid={ACCOUNT} --clear-groups --inh-caps=-all,+net_bind_service"
            f" --ambient-caps=-all,+net_bind_service --no-new-privs {PROGRAM} ldap"
        )
        bridge = looping(BRIDGE, lowered, platform)
        files += bridge.files
        services += bridge.services
    # Debian hosts of the fleet get the program with their image, as they do the servers.
    packages = ("libnss-extrausers", *((ACCOUNT,) if platform.os == "void" else ()))
    return Part(
        packages=packages,
        accounts=(Account(ACCOUNT, None, (), NOLOGIN, "asks the directory of people", home=HOME),),
        files=tuple(files),
        services=tuple(services),
    )


def config_text(desired: Desired, wish: LoginWish) -> str:
    """What the program reads. No secret: the directory answers everybody about who is who."""
    config = {
        "servers": [it.model_dump(mode="json") for it in wish.servers],
        "ca": CA,
        "account": ACCOUNT,
        "deadline_seconds": wish.deadline_seconds,
        "cache_minutes": wish.cache_minutes,
        "fresh_seconds": wish.fresh_seconds,
        "refresh_seconds": wish.refresh_seconds,
        "drill_hours": wish.drill_hours,
        "loss_percent": wish.loss_percent,
        "numbers": {"people": list(wish.people), "groups": list(wish.groups_span)},
        "primary_group": wish.primary_group,
        "shell": wish.shell,
        "login_groups": sorted(wish.groups),
        "sudo_groups": sorted(wish.sudo),
        "services": {name: {"groups": sorted(it.groups)} for name, it in sorted(wish.services.items())},
        "break_glass": sorted(wish.break_glass),
        "ssh_port": desired.ssh.port,
        "roster": wish.roster,
        "places": {"homes": wish.homes, "keys": KEYS_FOLDER},
    }
    if wish.ldap is not None:
        config["ldap"] = {"listen": f"127.0.0.1:{LDAP_PORT}", "base": wish.ldap}
    return json.dumps(config, indent=1, sort_keys=True) + "\n"

"""sshd: keys only, no root, modern algorithms, the declared groups. SFTP stays, for whoever copies files."""

from __future__ import annotations

from hostconfig.base import KEYS_FOLDER
from hostconfig.desired import Desired
from hostconfig.files import render
from hostconfig.login import ACCOUNT, PROGRAM
from hostconfig.parts import ManagedFile, Part, Platform, Service

CIPHERS = ("chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes256-ctr")
KEY_EXCHANGE = (
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "diffie-hellman-group-exchange-sha256",
)
MACS = ("hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512", "hmac-sha2-256")
# The listener reads its config again and keeps every session; whoever supervises it goes on doing so.
HEAR = 'if [ -s /run/sshd.pid ]; then kill -HUP "$(cat /run/sshd.pid)"; else pkill -HUP -o -x sshd; fi'


def sshd(desired: Desired, platform: Platform) -> Part:
    """The daemon that every operator and every run of this program comes through."""
    void = platform.os == "void"
    wish = desired.login
    text = render(
        "sshd/sshd_config",
        ssh=desired.ssh,
        groups=[*desired.ssh.allow_groups, *(sorted(set(wish.groups) - set(desired.ssh.allow_groups)) if wish else ())],
        command=PROGRAM if wish else "",
        command_user=ACCOUNT,
        own=sorted(desired.users),
        keys_folder=KEYS_FOLDER,
        ciphers=",".join(CIPHERS),
        key_exchange=",".join(KEY_EXCHANGE),
        macs=",".join(MACS),
    )
    files = []
    if desired.ssh.banner:
        files.append(ManagedFile("/etc/ssh/banner", desired.ssh.banner + "\n"))
    # sshd wants its empty folder even for a test, and runs only by its full path.
    check = 'mkdir -p /run/sshd && "$(command -v sshd || echo /usr/sbin/sshd)" -t -f "$new"'
    files.append(ManagedFile("/etc/ssh/sshd_config", text, mode="0644", check=check, wakes="sshd"))
    package = "openssh" if void else "openssh-server"
    return Part(packages=(package,), files=tuple(files), services=(Service("sshd", HEAR, supervised=False),))

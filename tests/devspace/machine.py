"""What makes one machine look like a host, in a mount namespace: programs and files stand where they stand there.

Its /etc, /usr/bin and /var/lib are layers over the machine's own, of which nothing is changed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from hostconfig.login import ACCOUNT
from tests.devspace.doors import KEYS
from tests.load.netauth_server import NAME
from toolchain.servers import ensure_server

GROUPS = {"people": 3001, "ops": 3002, "devspace-users": 3006}
SHELL_GROUP, PLACE_GROUP = "ops", "devspace-users"
# Everybody of the directory, by persona: number, groups, locked.
PEOPLE: dict[str, tuple[str, int, tuple[str, ...], bool]] = {
    "devspace": ("dev", 2001, ("people", PLACE_GROUP), False),
    "shell": ("ops1", 2002, ("people", SHELL_GROUP), False),
    "both": ("both", 2003, ("people", SHELL_GROUP, PLACE_GROUP), False),
    "removed": ("gone", 2004, ("people", SHELL_GROUP, PLACE_GROUP), False),
    "locked": ("shut", 2005, ("people", SHELL_GROUP, PLACE_GROUP), True),
}


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file, with the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _layer(folder: Path, place: str) -> None:
    """Whatever is written below a place stays in this namespace."""
    upper, work = folder / f"upper{place.replace('/', '-')}", folder / f"work{place.replace('/', '-')}"
    upper.mkdir()
    work.mkdir()
    options = f"lowerdir={place},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, place], check=True)


def keys(folder: Path, owner: str) -> dict[str, Path]:
    """A pair of each kind, and one that will stand with a command; the private halves."""
    found = {}
    for kind in (*KEYS, "forced"):
        file = folder / f"{owner}-{kind}"
        bits = ["-b", "3072"] if kind == "rsa" else []
        kind_of = "ed25519" if kind == "forced" else kind
        subprocess.run(["ssh-keygen", "-q", "-t", kind_of, *bits, "-N", "", "-C", owner, "-f", str(file)], check=True)
        found[kind] = file
    return found


def public(held: dict[str, Path]) -> tuple[str, ...]:
    """Lines of the public halves; the last one stands with a command."""
    lines = {kind: file.with_name(f"{file.name}.pub").read_text().strip() for kind, file in held.items()}
    return (*(lines[kind] for kind in KEYS), f'command="/bin/sh" {lines["forced"]}')


def accounts(folder: Path) -> None:
    """Everybody is an account here, those of devspace too: nobody is kept out of a host for having none."""
    own = f"{ACCOUNT}:x:1901:1901::/nonexistent:/usr/sbin/nologin\n"
    own += f"deploy:x:1902:1902::{folder}/homes/deploy:/bin/sh\n"
    kept = Path("/etc/passwd").read_text()
    write(folder / "own.passwd", kept + own)
    people = "".join(
        f"{name}:x:{number}:3001::{folder}/homes/{name}:/bin/sh\n" for name, number, _, _ in PEOPLE.values()
    )
    write(Path("/etc/passwd"), kept + own + people)
    groups = Path("/etc/group").read_text()
    groups = re.sub(r"^(sudo:.*:.*:).*$", r"\1deploy", groups, flags=re.MULTILINE)
    for group, number in GROUPS.items():
        members = ",".join(name for name, _, its, _ in PEOPLE.values() if group in its and group != "people")
        groups += f"{group}:x:{number}:{members}\n"
    write(Path("/etc/group"), f"{groups}{ACCOUNT}:x:1901:\ndeploy:x:1902:\n")
    names = [ACCOUNT, "deploy", *(name for name, *_ in PEOPLE.values())]
    shadow = "".join(f"{name}:*:19000:0:99999:7:::\n" for name in names)
    # A password that is locked would keep root out by itself.
    root = re.sub(r"^root:[^:]*:", "root:*:", Path("/etc/shadow").read_text(), flags=re.MULTILINE)
    write(Path("/etc/shadow"), root + shadow, 0o600)
    for name, number in [("deploy", 1902), *((name, number) for name, number, _, _ in PEOPLE.values())]:
        home = folder / "homes" / name
        home.mkdir(parents=True)
        os.chown(home, number, number)


def machine(folder: Path) -> None:
    """Layers, the two programs, host keys, names."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path("/run/sshd").mkdir()
    for place in ("/etc", "/usr/bin", "/var/lib"):
        _layer(folder, place)
    for name in ("fleet-login", "fleet-devspace"):
        target = Path("/usr/bin", name)
        target.unlink(missing_ok=True)
        shutil.copy2(ensure_server(name), target)
        target.chmod(0o755)
    write(Path("/etc/hosts"), f"127.0.0.1 localhost {NAME}\n")
    write(Path("/etc/ssh/banner"), "A host.\n")
    shutil.rmtree("/etc/ssh/sshd_config.d", ignore_errors=True)
    for kind in ("ed25519", "rsa"):
        file = Path(f"/etc/ssh/ssh_host_{kind}_key")
        file.unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(file)], check=True)

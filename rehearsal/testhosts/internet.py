"""What a program on the rehearsal's internet finds instead of the machine's files: DNS server and authorities.

The files lie in $FLEET_RUN/internet; toolchain/inside.sh and `look_here` put them over the machine's, in mounts that a
program, or a thread, has for itself.
"""

import ctypes
import os
import re
from pathlib import Path

from rehearsal.testhosts import settings

# toolchain/inside.sh has the same list.
COVERED = {
    "resolv.conf": Path("/etc/resolv.conf"),
    "nsswitch.conf": Path("/etc/nsswitch.conf"),
    "ca-certificates.crt": Path("/etc/ssl/certs/ca-certificates.crt"),
}
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000


def trusted() -> Path:
    """Whom the rehearsal trusts beyond the machine's authorities: those of its ACME server, once there is one."""
    return settings.run() / "acme" / "trust.pem"


def write() -> None:
    """Write the files as they must be now."""
    put("resolv.conf", f"nameserver {settings.dns4()}\noptions timeout:2 attempts:2\n")
    # A resolver of the machine that answers over a socket of its own would not notice where we are.
    machines = COVERED["nsswitch.conf"]
    if machines.is_file():
        put("nsswitch.conf", re.sub(r"(?m)^hosts:.*$", "hosts: files dns", machines.read_text()))
    # The machine's own file, also when the caller already sees ours in its place.
    known = machines_authorities()
    ours = trusted().read_text() if trusted().is_file() else ""
    put("ca-certificates.crt", f"{known.strip()}\n{ours}")


def machines_authorities() -> str:
    """Whom the machine trusts, without what a rehearsal adds; kept at first, before anything lies over it."""
    kept = settings.folder("internet") / "machine.crt"
    if not kept.is_file():
        machines = COVERED["ca-certificates.crt"]
        kept.write_text(machines.read_text() if machines.is_file() else "")
    return kept.read_text()


def put(name: str, text: str) -> None:
    """Write one file in place: a program that has it mounted then sees the new text, too."""
    file = settings.folder("internet") / name
    if not file.is_file() or file.read_text() != text:
        file.write_text(text)


def look_here() -> None:
    """Put the files over the machine's, for the calling thread alone."""
    found = [(settings.run() / "internet" / name, target) for name, target in COVERED.items()]
    found = [(file, target) for file, target in found if file.is_file() and target.exists()]
    if not found:
        return
    libc = ctypes.CDLL(None, use_errno=True)

    def call(said: int, what: str) -> None:
        if said != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{what}: {os.strerror(number)}")

    call(libc.unshare(CLONE_NEWNS), "mounts of one's own")
    call(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mounts of one's own")
    for file, target in found:
        call(libc.mount(os.fsencode(file), os.fsencode(target), None, MS_BIND, None), f"{file} over {target}")
    # For the whole process, but elsewhere it names what is the machine's own anyway.
    os.environ["SSL_CERT_FILE"] = str(COVERED["ca-certificates.crt"])

"""Running the machine's own tools: one place that turns a failure into a sentence with a way out."""

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from rehearsal.testhosts.settings import RehearsalError

T = TypeVar("T")
CLONE_NEWNET = 0x40000000
INSIDE = "inside-netns"

# Command -> Debian package that brings it; toolchain/debian-packages.txt lists the same packages.
TOOLS = {
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "mmdebstrap": "mmdebstrap",
    "dpkg-deb": "dpkg",
    "apt-get": "apt",
    "nsd": "nsd",
    "nsd-control": "nsd",
    "openssl": "openssl",
    "pebble": "pebble",
    "slapadd": "slapd",
    "slapd": "slapd",
    "ssh": "openssh-client",
}


def tool(name: str) -> str:
    """Full path of a tool; sbin folders are looked at even when PATH lacks them."""
    path = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"
    found = shutil.which(name, path=path)
    if not found:
        package = TOOLS.get(name, name)
        raise RehearsalError(f"{name} is not installed on this machine; `apt-get install {package}` brings it")
    return found


def execute(argv: Sequence[str], *, stdin: str | None = None, accept: Sequence[int] = (0,)) -> str:
    """Run a tool to its end and return what it said."""
    done = subprocess.run([tool(argv[0]), *argv[1:]], input=stdin, text=True, capture_output=True, check=False)
    if done.returncode not in accept:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing said")[-2000:]
        raise RehearsalError(f"`{' '.join(argv)}` failed with {done.returncode}: {said}")
    return done.stdout


def contained(argv: Sequence[str]) -> list[str]:
    """The same command in namespaces that end with the caller, even by kill -9: no child goes on, no mount is left."""
    holder = [tool("setpriv"), "--pdeathsig", "KILL", tool("unshare"), "-m", "-p", "--fork"]
    return [*holder, "--kill-child=SIGKILL", "--mount-proc", "--", tool(argv[0]), *argv[1:]]


def batch(lines: Sequence[str], *, netns: str | None = None) -> None:
    """Many `ip` commands in one process, in a namespace."""
    where = ["-n", netns] if netns else []
    execute(["ip", *where, "-batch", "-"], stdin="\n".join(lines) + "\n")


def netns_path(name: str) -> Path:
    """The file that stands for a namespace."""
    return Path("/run/netns") / name


def same_netns(one: str | Path, other: str | Path) -> bool:
    """Whether two files stand for one namespace."""
    try:
        return Path(one).stat().st_ino == Path(other).stat().st_ino
    except OSError:
        return False


def inside(namespace: Path, action: Callable[[], T]) -> T:
    """Call something with the network of a namespace, e.g. open a socket there; the caller's own network stays."""
    if same_netns("/proc/thread-self/ns/net", namespace):
        return action()
    outcome: list[T] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            # A namespace belongs to a thread, so a thread of its own can leave ours untouched.
            descriptor = os.open(namespace, os.O_RDONLY)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
            finally:
                os.close(descriptor)
            outcome.append(action())
        except BaseException as error:  # handed to the caller below
            failure.append(error)

    thread = threading.Thread(target=work, name=INSIDE)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]

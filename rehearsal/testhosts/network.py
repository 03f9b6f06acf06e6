"""The rehearsal's network: one namespace with a bridge plays the internet; no route leads out of it.

Outside, the same addresses are blackholed, so that a client started in the wrong place reaches nobody.
"""

import fcntl
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from rehearsal.testhosts import commands, internet, settings
from rehearsal.testhosts.commands import batch, execute, netns_path, same_netns
from rehearsal.testhosts.settings import RehearsalError

T = TypeVar("T")


@contextmanager
def lock(name: str) -> Iterator[None]:
    """One at a time per name, across processes; ends with its holder."""
    with (settings.folder("locks") / name).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def exists(namespace: str) -> bool:
    """Whether the namespace is there and usable; a file of an interrupted `ip netns add` is not."""
    try:
        # A namespace is a mount of another file system over the plain file.
        return netns_path(namespace).stat().st_dev != Path("/run/netns").stat().st_dev
    except OSError:
        return False


def add_namespace(namespace: str) -> None:
    """Make a namespace, also where an interrupted attempt left half of one."""
    if not exists(namespace):
        netns_path(namespace).unlink(missing_ok=True)
        execute(["ip", "netns", "add", namespace])


def delete_namespace(namespace: str) -> None:
    """Remove a namespace; nothing happens if there is none."""
    if exists(namespace):
        execute(["ip", "netns", "delete", namespace])
    else:
        netns_path(namespace).unlink(missing_ok=True)


def outside() -> Path:
    """The machine's own network, also when the caller runs in the rehearsal's."""
    mine = Path("/proc/self/ns/net")
    if not same_netns(mine, netns_path(settings.internet())):
        return mine
    if not exists(settings.doorway()):
        raise RehearsalError(f"this runs inside {settings.internet()}, which has no way out; run it in a plain shell")
    return netns_path(settings.doorway())


def name_outside() -> None:
    """Give the machine's own network a name; process 1's would do, but may be out of reach even for root."""
    here, door = outside(), settings.doorway()
    if not same_netns(here, netns_path(door)):
        delete_namespace(door)
        execute(["ip", "netns", "attach", door, str(os.getpid())])


def outer_ip(*words: str, accept: tuple[int, ...] = (0,)) -> str:
    """An `ip` command in the machine's own network."""
    return execute(["nsenter", f"--net={outside()}", commands.tool("ip"), *words], accept=accept)


def blackholes() -> list[tuple[str, str]]:
    """The two routes that must be there while the rehearsal runs, by family."""
    return [("-4", str(settings.net4())), ("-6", str(settings.net6()))]


def holds_blackhole(family: str, net: str) -> bool:
    """Whether the machine's own routes throw away what is meant for the rehearsal."""
    return f"blackhole {net}" in outer_ip(family, "route", "show", "type", "blackhole")


def up() -> None:
    """Bring the internet up; does only what is missing."""
    settings.require_root()
    with lock("network"):
        internet.write()
        name_outside()
        # First of all: from here on nothing meant for a test host can leave by the default route.
        for family, net in blackholes():
            if not holds_blackhole(family, net):
                outer_ip(family, "route", "add", "blackhole", net)
        space, bridge = settings.internet(), settings.bridge()
        add_namespace(space)
        if f" {bridge}:" not in execute(["ip", "-n", space, "-o", "link"]):
            batch([f"link add {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0"], netns=space)
        batch(
            [
                "link set lo up",
                f"address replace {settings.gateway4()}/16 dev {bridge}",
                f"address replace {settings.dns4()}/16 dev {bridge}",
                f"address replace {settings.acme4()}/16 dev {bridge}",
                f"address replace {settings.people4()}/16 dev {bridge}",
                f"address replace {settings.cloud4()}/16 dev {bridge}",
                # nodad: otherwise each address is unusable for its first second.
                f"address replace {settings.gateway6()}/64 dev {bridge} nodad",
                f"address replace {settings.dns6()}/64 dev {bridge} nodad",
                f"link set {bridge} up",
            ],
            netns=space,
        )


def down() -> None:
    """Take the internet away."""
    with lock("network"):
        clear()


def clear() -> None:
    """Namespaces of this rehearsal and the routes, without a lock: for a cleaning after a crash."""
    outer = outside()
    # Every child namespace first; deleting one deletes its cables.
    for namespace in namespaces():
        if namespace not in (settings.internet(), settings.doorway()):
            delete_namespace(namespace)
    for family, net in blackholes():
        if holds_blackhole(family, net):
            execute(["nsenter", f"--net={outer}", commands.tool("ip"), family, "route", "del", "blackhole", net])
    delete_namespace(settings.internet())
    delete_namespace(settings.doorway())


def namespaces() -> list[str]:
    """Every namespace of this rehearsal."""
    folder = Path("/run/netns")
    start = f"{settings.prefix()}-"
    return sorted(entry.name for entry in folder.iterdir() if entry.name.startswith(start)) if folder.is_dir() else []


def cable(host: str) -> str:
    """The name of a host's cable at the bridge; interface names hold 15 characters."""
    return f"v-{host}" if len(host) <= 13 else f"v-{zlib.crc32(host.encode()):08x}"


def attach(host: str, ipv4: str, ipv6: str | None) -> None:
    """Give a host its namespace and plug it in with its public addresses; does only what is missing."""
    space, plug = settings.netns_of(host), cable(host)
    add_namespace(space)
    if " eth0" not in execute(["ip", "-n", space, "-o", "link"]):
        # Between two runs only one end can be left, of a namespace that is gone.
        execute(["ip", "-n", settings.internet(), "link", "del", plug], accept=(0, 1))
        mac = ":".join(["02", "00", *(f"{int(octet):02x}" for octet in ipv4.split("."))])
        batch(
            [
                f"link add {plug} type veth peer name eth0 address {mac} netns {space}",
                f"link set {plug} master {settings.bridge()}",
            ],
            netns=settings.internet(),
        )
    batch([f"link set {plug} up"], netns=settings.internet())
    lines = ["link set lo up", f"address replace {ipv4}/16 dev eth0"]
    if ipv6:
        lines.append(f"address replace {ipv6}/64 dev eth0 nodad")
    batch([*lines, "link set eth0 up"], netns=space)


def detach(host: str) -> None:
    """Unplug a host and remove its namespace."""
    if exists(settings.internet()):
        execute(["ip", "-n", settings.internet(), "link", "del", cable(host)], accept=(0, 1))
    delete_namespace(settings.netns_of(host))


def link(host: str, up: bool) -> None:
    """Cut a host off, or plug it in again; the host itself sees its cable as connected to nothing."""
    batch([f"link set {cable(host)} {'up' if up else 'down'}"], netns=settings.internet())


def from_internet(action: Callable[[], T]) -> T:
    """Call something as a client on the internet would: its names, its authorities, for this call alone."""

    def there() -> T:
        # Only in the thread that `inside` made; who runs there altogether came through toolchain/inside.sh.
        if threading.current_thread().name == commands.INSIDE:
            internet.look_here()
        return action()

    return commands.inside(netns_path(settings.internet()), there)

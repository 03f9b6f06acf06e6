"""The rehearsal's DNS server: nsd, authoritative for every zone file in a folder, at its own address of the internet.

Whoever writes a zone file raises its serial, writes it beside and renames it, then calls `reload()`.
"""

import re
import signal
import socket
import struct
import time
from pathlib import Path

from rehearsal.testhosts import network, processes, settings
from rehearsal.testhosts.commands import execute, netns_path, tool
from rehearsal.testhosts.settings import RehearsalError

RECORD = "dns"
READY_SECONDS = 45.0
SOA = 6
PATIENCE_SECONDS = 1.0


def zones_folder() -> Path:
    """Where zone files are looked for unless `serve` is told otherwise."""
    return settings.run() / "dns" / "zones"


def config_path() -> Path:
    """The configuration we generate."""
    return settings.run() / "dns" / "nsd.conf"


def socket_path() -> Path:
    """Where nsd takes orders."""
    return settings.run() / "dns" / "nsd.sock"


def zones_in(folder: Path) -> list[str]:
    """Names of the zones that have a file, in order."""
    return sorted(path.name.removesuffix(".zone") for path in folder.glob("*.zone"))


def config(folder: Path, zones: list[str]) -> str:
    """nsd's configuration for these zones."""
    here = config_path().parent
    lines = [
        "server:",
        f"  ip-address: {settings.dns4()}",
        f"  ip-address: {settings.dns6()}",
        f'  zonesdir: "{folder}"',
        f'  zonelistfile: "{here}/zone.list"',
        f'  xfrdfile: "{here}/xfrd.state"',
        f'  xfrdir: "{here}"',
        '  pidfile: ""',
        # Without its own, every nsd of the machine shares one database file, and breaks the others' reloads.
        '  database: ""',
        '  username: ""',
        '  chroot: ""',
        "  server-count: 1",
        "  hide-version: yes",
        "  zonefiles-check: yes",
        "  zonefiles-write: 0",
        # The rehearsal's checks ask each record in a burst; a limit would look like a missing record.
        "  rrl-ratelimit: 0",
        "remote-control:",
        "  control-enable: yes",
        f'  control-interface: "{socket_path()}"',
    ]
    for zone in zones:
        lines += ["zone:", f'  name: "{zone}"', f'  zonefile: "{zone}.zone"']
    return "\n".join(lines) + "\n"


def write_config(folder: Path) -> bool:
    """Generate the configuration; True if it changed."""
    text = config(folder, zones_in(folder))
    if config_path().exists() and config_path().read_text() == text:
        return False
    draft = config_path().with_suffix(".tmp")
    draft.write_text(text)
    draft.replace(config_path())
    return True


def current() -> processes.Process | None:
    """The running server."""
    process = processes.read_record(settings.run() / "pids" / f"{RECORD}.json")
    return process if process and processes.alive(process) else None


def serve(zones_dir: Path | None = None) -> None:
    """Start the server, or bring the running one up to date; returns when it answers."""
    settings.require_root()
    with network.lock("dns"):
        settings.folder("dns", "zones")
        folder = zones_dir or zones_folder()
        folder.mkdir(parents=True, exist_ok=True)
        if len(str(socket_path())) > 100:
            raise RehearsalError(f"{socket_path()} is too long for a socket's name; choose a shorter FLEET_RUN")
        changed = write_config(folder)
        if current() and not changed:
            control("reload")
            return
        if current():
            control("reconfig")
            control("reload")
            return
        processes.end_survivors("nsd")
        socket_path().unlink(missing_ok=True)
        command = [
            tool("nsenter"),
            f"--net={netns_path(settings.internet())}",
            "--",
            tool("nsd"),
            "-d",
            "-c",
            str(config_path()),
        ]
        processes.spawn(RECORD, command)
        deadline = time.monotonic() + READY_SECONDS
        while not answers():
            if not current() or time.monotonic() > deadline:
                log = settings.run() / "logs" / f"{RECORD}.log"
                raise RehearsalError(
                    f"the DNS server does not start; {log} ends: {log.read_text(errors='replace')[-800:].strip()}"
                )
            time.sleep(0.02)


def answers() -> bool:
    """Whether the server takes orders."""
    return "version" in execute(["nsd-control", "-c", str(config_path()), "status"], accept=(0, 1))


def control(*words: str) -> str:
    """One order to the server."""
    return execute(["nsd-control", "-c", str(config_path()), *words])


def serial_of(zone_file: str) -> int | None:
    """The serial in a zone file's SOA, one line or in parentheses."""
    text = re.sub(r";[^\n]*", "", zone_file)
    found = re.search(r"\bSOA\s+\S+\s+\S+\s*\(?\s*(\d+)", text)
    return int(found.group(1)) if found else None


def served(zone: str) -> int | None:
    """The serial being served, asked over DNS as anybody would; None while the zone is not loaded.

    Older nsd-control says no serial for a primary zone.
    """
    labels = b"".join(bytes([len(label)]) + label.encode() for label in zone.rstrip(".").split(".")) + b"\0"
    question = labels + struct.pack("!HH", SOA, 1)

    def ask() -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.settimeout(0.5)
            line.sendto(struct.pack("!6H", 1, 0, 1, 0, 0, 0) + question, (settings.dns4(), 53))
            return line.recv(4096)

    try:
        answer = network.from_internet(ask)
    except OSError:
        return None
    if int.from_bytes(answer[6:8], "big") == 0:
        return None
    at = 12 + len(question)
    # The owner is a pointer to the question, or spelt out as there.
    at += 2 if answer[at] >= 0xC0 else len(labels)
    kind, _, _, length = struct.unpack("!HHIH", answer[at : at + 10])
    data = answer[at + 10 : at + 10 + length]
    return int.from_bytes(data[-20:-16], "big") if kind == SOA else None


def reload(seconds: float = 10.0) -> None:
    """Make the server serve what the files say, new and removed zones too; returns when it does."""
    settings.require_root()
    if not current():
        serve()
    with network.lock("dns"):
        folder = zones_folder_of(config_path().read_text())
        if write_config(folder):
            control("reconfig")
        control("reload")
        stale = await_served(folder, PATIENCE_SECONDS)
    if stale:
        # nsd 4.6 at times loses the process that reloads ("reload closed cmd channel") and never reloads again.
        stop()
        serve()
        stale = await_served(folder, seconds)
    if stale:
        raise RehearsalError(
            f"zone {stale[0]}: the serial of {folder / stale[0]}.zone is not served; "
            f"see {settings.run() / 'logs' / RECORD}.log for its syntax error, or raise the serial"
        )


def await_served(folder: Path, seconds: float) -> list[str]:
    """Wait until every zone is served as its file says; returns those that are not in time."""
    deadline = time.monotonic() + seconds
    while True:
        stale = []
        for zone in zones_in(folder):
            wanted = serial_of((folder / f"{zone}.zone").read_text())
            if wanted is not None and served(zone) != wanted:
                stale.append(zone)
        if not stale or time.monotonic() > deadline:
            return stale
        time.sleep(0.02)


def zones_folder_of(text: str) -> Path:
    """The folder a configuration reads zones from."""
    found = re.search(r'zonesdir: "([^"]+)"', text)
    return Path(found.group(1)) if found else zones_folder()


def stop() -> None:
    """End the server."""
    process = current()
    if process:
        processes.send(process, signal.SIGTERM)
        processes.end([process])

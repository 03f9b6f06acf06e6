"""What a host's own services say, over ssh: svlogd's files where runit keeps them, the journal where systemd does."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.mistake import Mistake
from cli.places import outputs
from cli.way_in import WayIn
from components.born import from_outputs
from components.ground import connections

LOGS = "/var/log"
# $1: how many lines; $2: whether to follow; $3: where logs are; the rest: services, none: all of the fleet's own.
SCRIPT = r"""
lines=$1 follow=$2 logs=$3; shift 3
[ $# -gt 0 ] || for place in "$logs"/fleet-*/current /etc/systemd/system/fleet-*.service; do
    [ -e "$place" ] || continue
    case $place in
    */current) name=${place%/current}; name=${name##*/} ;;
    *) name=${place##*/}; name=${name%.service} ;;
    esac
    set -- "$@" "$name"
done
[ $# -gt 0 ] || { echo "no service of the fleet has a log on this host" >&2; exit 3; }
show() {
    for name in "fleet-$1" "$1"; do
        file=$logs/$name/current
        if [ -f "$file" ]; then
            if [ "$follow" = yes ]; then exec tail -n "$lines" -F "$file" 2>/dev/null; fi
            tail -n "$lines" "$file"; return 0
        fi
    done
    if command -v journalctl >/dev/null 2>&1; then
        for name in "fleet-$1" "$1"; do
            [ -n "$(journalctl -q -u "$name" -n 1 2>/dev/null)" ] || continue
            if [ "$follow" = yes ]; then exec journalctl -q -u "$name" -n "$lines" -f -o short-iso; fi
            journalctl -q -u "$name" -n "$lines" -o short-iso; return 0
        done
    fi
    echo "no log of $1 on this host" >&2
    return 3
}
for one in "$@"; do
    one=${one#fleet-}
    if [ "$follow" = yes ]; then
        (show "$one") | while IFS= read -r line; do printf '%s: %s\n' "$one" "$line"; done &
    else
        show "$one" | while IFS= read -r line; do printf '%s: %s\n' "$one" "$line"; done
    fi
done
wait
"""


def log(way: WayIn, host: str, lines: int, follow: bool, services: tuple[str, ...] = ()) -> int:
    """Show a host's logs; returns how ssh ended."""
    connection = reached(way, host)
    address = connection["address"] or way.fleet.fqdn(host)
    with tempfile.TemporaryDirectory() as folder:
        command = ssh(connection, address, Path(folder))
        words = ["sh", "-c", SCRIPT, "log", str(lines), "yes" if follow else "no", LOGS, *services]
        if user(connection) != "root":
            words = ["sudo", "-n", *words]
        if follow and sys.stdout.isatty():
            # With a terminal over there what follows the log ends with the connection.
            command.insert(1, "-tt")
        try:
            code = subprocess.call([*command, shlex.join(words)])
        except FileNotFoundError:
            raise Mistake("ssh", "is not on PATH", "a host's own logs are read over ssh", "install it") from None
    if code == 255:
        raise Mistake(
            host,
            f"no ssh connection to {address}",
            "a host's own logs are read over ssh",
            "look whether your key is in the agent (or FLEET_SSH_KEY names it) and the host is up: `fleet status`",
        )
    return code


def reached(way: WayIn, host: str) -> Mapping[str, Any]:
    """How a host is reached: by what is recorded, else by what the engine knows, if it can be asked."""
    found = connections(way.fleet)[host]
    if found["address"] and found["host_key"]:
        return found
    try:
        return connections(way.fleet, from_outputs(way.fleet, outputs(way.stack, None)))[host]
    except Mistake:
        return found  # then ssh asks the person about the key, and DNS has the address


def user(connection: Mapping[str, Any]) -> str:
    """The account to log in with."""
    return str(os.environ.get("FLEET_SSH_USER") or connection["users"][0])


def ssh(connection: Mapping[str, Any], address: str, folder: Path) -> list[str]:
    """The ssh command for a host. A recorded host key is held to."""
    options = ["ConnectTimeout=5", "LogLevel=ERROR"]
    if connection["host_key"]:
        known = folder / "known_hosts"
        where = address if connection["port"] == 22 else f"[{address}]:{connection['port']}"
        known.write_text(f"{where} {' '.join(str(connection['host_key']).split()[:2])}\n")
        options += [f"UserKnownHostsFile={known}", "StrictHostKeyChecking=yes"]
    key = os.environ.get("FLEET_SSH_KEY")
    words = [word for option in options for word in ("-o", option)]
    words += ["-i", key] if key else []
    return ["ssh", *words, "-p", str(connection["port"]), f"{user(connection)}@{address}"]

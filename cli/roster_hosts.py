"""People's sessions on hosts: ended over ssh, everywhere at once and within a deadline."""

from __future__ import annotations

import contextlib
import functools
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cli.host_log import ssh, user
from cli.mistake import Mistake
from cli.places import outputs
from components.born import from_outputs
from components.ground import connections
from model import Fleet

# $1...: `<handle>:<number>`. First the host hears from the directory, so that nobody comes in again. Then what is
# left of theirs is ended with all that became root below it, for a host may not hear the directory.
SCRIPT = r"""
fresh=
if [ -e /etc/fleet/login.json ] && command -v fleet-login >/dev/null 2>&1; then
    if fleet-login refresh >/dev/null 2>&1; then fresh=yes; else fresh=no; fi
fi
theirs() {
    # One that ends while it is read is no error.
    cat /proc/[0-9]*/status 2>/dev/null | awk -v id="$1" -v self="$$" '
        /^State:/ { dead = $2 == "Z" || $2 == "X" }
        /^Pid:/ { p = $2 }
        /^PPid:/ { up[p] = $2 }
        /^Uid:/ { if (!dead && ($2 == id || $3 == id)) hit[p] = 1 }
        END {
            do { more = 0
                for (p in up) if (!(p in hit) && (up[p] in hit)) { hit[p] = 1; more = 1 }
            } while (more)
            for (p in hit) if (p > 1 && p != self) print p
        }'
}
for one in "$@"; do
    who=${one%:*} id=${one##*:} ended=0 told=' '
    for round in 1 2 3 4 5; do
        found=$(theirs "$id")
        [ -n "$found" ] || break
        for p in $found; do
            kill -KILL "$p" 2>/dev/null || continue
            # One that is still ending is found again.
            case $told in *" $p "*) ;; *) told="$told$p " ended=$((ended + 1)) ;; esac
        done
        sleep 0.2
    done
    [ -z "$(theirs "$id")" ] || { echo "processes of $who go on" >&2; exit 4; }
    [ "$ended" = 0 ] || echo "ended $ended processes of $who"
    for place in /run/sudo/ts /var/run/sudo/ts /var/lib/sudo/ts /var/db/sudo/ts; do
        for name in "$who" "$id"; do
            [ -e "$place/$name" ] && rm -f "$place/$name" && echo "forgot what sudo remembered of $who"
        done
    done
    # Who is not remembered has to be asked about, and who cannot be asked about stays outside.
    if [ "$fresh" = no ]; then
        rm -f "/var/lib/fleet/login/people/$who.json" "/var/lib/fleet/login-passwords/$who.json"
    fi
done
[ "$fresh" != no ] || echo "does not hear the directory: nobody it remembers of these comes in"
exit 0
"""


class UnreachedError(Exception):
    """A host that could not be reached, or could not do it."""


def calls(fleet: Fleet, stack: str, people: Mapping[str, int], seconds: float) -> dict[str, Callable[[], list[str]]]:
    """One call for each managed host, which ends what these people have there. `people`: handle to number."""
    known = connections(fleet)
    if any(not (one["address"] and one["host_key"]) for one in known.values()):
        with contextlib.suppress(Mistake):  # else DNS has the address
            known = connections(fleet, from_outputs(fleet, outputs(stack, None)))
    words = [f"{handle}:{number}" for handle, number in sorted(people.items())]
    return {
        host: functools.partial(_end, known[host], known[host]["address"] or fleet.fqdn(host), words, seconds)
        for host in fleet.managed
    }


def _end(connection: Mapping[str, Any], address: str, words: list[str], seconds: float) -> list[str]:
    command = ["sh", "-s", "--", *words]
    if user(connection) != "root":
        command = ["sudo", "-n", *command]
    with tempfile.TemporaryDirectory() as folder:
        first, *rest = ssh(connection, address, Path(folder))
        try:
            done = subprocess.run(
                [first, "-o", "BatchMode=yes", *rest, shlex.join(command)],
                input=SCRIPT,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except FileNotFoundError:
            raise UnreachedError("ssh is not on PATH") from None
        except subprocess.TimeoutExpired:
            raise UnreachedError(f"no end within {seconds:g} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise UnreachedError(said[-1] if said else f"ended with {done.returncode}")
    return done.stdout.strip().splitlines()

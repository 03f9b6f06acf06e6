"""What each mirror's front has passed on to the instances of a service: counted on the mirror, over ssh.

The log names virtual addresses. What each port of one means is the mirror's own map, which changes as instances come
and go, and of which the mirror keeps what it was. Counted is what was asked while it is known for sure who answered:
for some seconds after a port got another meaning its connections may still lead to the one before.
"""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cli.host_log import reached, ssh, user
from cli.mistake import Mistake
from cli.together import Answer, ask
from cli.way_in import WayIn
from hostconfig.front_places import HOST

SECONDS = 40.0
# A connection to an instance is given to no request that begins later than this: keepalive_time and keepalive_timeout
# of the front's upstreams, and the second to which a file's time is exact.
SETTLED = 11
# $1: the front's state; $2: its logs; $3: seconds after a port's change; $4: nothing before; then virtual addresses.
# A line: "now", "since"; "map ADDRESS PORT INSTANCE"; "sum ADDRESS INSTANCE WHAT NUMBER", with the steps of the front's
# own count.awk. Of a line of the log the end is read, since a client chooses what it says its host is.
SCRIPT = r"""
state=$1 logs=$2 settled=$3 began=$4; shift 4
[ -r "$state/instances.json" ] || { echo "no front runs here" >&2; exit 3; }
export LC_ALL=C
changed() { stat -c '%Y %s' "$state/instances.past" 2>/dev/null; }
# What each port of an address meant, from when on; "-" is nobody.
meant() { jq -rs --arg a "$1" '([.[].map[$a] // {} | keys[]] | unique) as $ports
    | .[] | .at as $at | (.map[$a] // {}) as $map
    | $ports[] | "\($at) \(.) \($map[.] // "-" | sub(" . "; ":"))"' "$state/instances.past"; }
count() { awk -v virtual="$1" -v since="$since" -v settled="$settled" -v meant="$kept" '
FILENAME == meant {
    if ($3 != last[$2]) {
        changes[$2]++
        from[$2, changes[$2]] = $1
        means[$2, changes[$2]] = last[$2] = $3
    }
    next
}
{
    pieces = split($0, piece, "|")
    if (pieces < 4 || index(piece[pieces - 2], virtual ":") == 0) next
    behind = length(piece[pieces - 2]) + length(piece[pieces - 1]) + length(piece[pieces]) + 3
    words = split(substr($0, 1, length($0) - behind), said, " ")
    if (words < 5 || (asked_at = said[1] - said[words - 1]) < since) next
    asked = split(piece[pieces - 2], at, /, | : /)
    split(piece[pieces - 1], status, /, | : /)
    split(piece[pieces], took, /, | : /)
    for (i = 1; i <= asked; i++) {
        if (index(at[i], virtual ":") != 1) continue
        port = substr(at[i], length(virtual) + 2)
        for (n = changes[port]; n > 0 && from[port, n] > asked_at; n--) continue
        # The last of several was asked later than the first: a change meanwhile says nothing for sure.
        if (n < 1 || asked_at < from[port, n] + settled || (n < changes[port] && from[port, n + 1] <= said[1])) continue
        who = means[port, n]
        heard = said[words - 3]
        if (status[i] !~ /^[1-5][0-9][0-9]$/ || (i == asked && (heard == 444 || heard == 499))) {
            sum[who " unheard"]++
            continue
        }
        sum[who " answers"]++
        sum[who " " substr(status[i], 1, 1) "xx"]++
        if (i == asked) sum[who " bytes"] += said[words - 2]
        ms = took[i] * 1000
        sum[who " step" (ms <= 1 ? 0 : int(log(ms) / log(1.25) + 0.999))]++
    }
}
END { for (key in sum) printf "sum %s %s %.0f\n", virtual, key, sum[key] }' "$kept" -; }
look() {
    since=$(head -n 1 "$state/instances.past" | jq .at)
    [ "$since" -ge "$began" ] || since=$began
    echo "now $(date +%s)"
    echo "since $since"
    for virtual in "$@"; do
        jq -r --arg a "$virtual" '.map[$a] // {} | to_entries[] | "map \($a) \(.key) \(.value | sub(" . "; ":"))"' \
            "$state/instances.json" || exit 4
        meant "$virtual" >"$kept" || exit 4
        for log in "$logs"/[0-9]*/access.log.1 "$logs"/[0-9]*/access.log; do
            [ -e "$log" ] && [ "$(stat -c %Y "$log")" -ge "$since" ] || continue
            cat "$log"
        done | count "$virtual"
    done
}
[ -s "$state/instances.past" ] || { echo "what its ports meant is not written down yet: ask again" >&2; exit 6; }
kept=$(mktemp) || exit
trap 'rm -f "$kept"' EXIT
# Where the map changes meanwhile it is looked at again.
for try in 1 2 3; do
    before=$(changed)
    found=$(look "$@") || exit
    [ "$(changed)" = "$before" ] || continue
    printf '%s\n' "$found"
    exit
done
echo "its map of instances changes all the time" >&2
exit 5
"""
# $1: the front's state; $2: of what; $3: the text. The next swap keeps the last hundred of all.
KEEP = r"""
mkdir -p "$1/comparisons" && printf '%s\n' "$3" >"$1/comparisons/$(date -u +%Y%m%dT%H%M%SZ)-$2.txt"
"""


@dataclass(frozen=True)
class Seen:
    """What one mirror says: for how long it counted, which instance each port means, and each instance's counts."""

    seconds: int
    instances: dict[tuple[str, str], str]
    counts: dict[tuple[str, str], Counter[str]]


def seen(text: str) -> Seen:
    """What the script printed."""
    now = since = 0
    instances: dict[tuple[str, str], str] = {}
    counts: dict[tuple[str, str], Counter[str]] = {}
    for line in text.splitlines():
        match line.split():
            case ["now", number]:
                now = int(number)
            case ["since", number]:
                since = int(number)
            case ["map", address, port, instance]:
                instances[address, port] = instance
            case ["sum", address, instance, what, number]:
                counts.setdefault((address, instance), Counter())[what] += int(number)
    return Seen(max(0, now - since), instances, counts)


def mirrors(way: WayIn, began: float, addresses: Sequence[str]) -> dict[str, Answer[Seen]]:
    """Every mirror's counts, or why there are none."""
    words = (HOST.state, HOST.logs, str(SETTLED), f"{began:.0f}", *addresses)
    return ask({host: partial(_seen, way, host, words) for host in way.fleet.mirrors}, SECONDS + 1)


def keep(way: WayIn, what: str, text: str) -> dict[str, Answer[str]]:
    """The comparison, kept on every mirror beside those of the front itself."""
    words = (HOST.state, what.replace("/", "-"), text)
    return ask({host: partial(run, way, host, KEEP, words) for host in way.fleet.mirrors}, SECONDS + 1)


def _seen(way: WayIn, host: str, words: Sequence[str]) -> Seen:
    return seen(run(way, host, SCRIPT, words))


def run(way: WayIn, host: str, script: str, words: Sequence[str]) -> str:
    """A script on a host; what it printed."""
    connection = reached(way, host)
    address = connection["address"] or way.fleet.fqdn(host)
    with tempfile.TemporaryDirectory() as folder:
        command = ssh(connection, address, Path(folder))
        asked = ["sh", "-c", script, "compare", *words]
        if user(connection) != "root":
            asked = ["sudo", "-n", *asked]
        command[1:1] = ["-o", "BatchMode=yes"]
        try:
            done = subprocess.run(
                [*command, shlex.join(asked)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=SECONDS,
                check=False,
            )
        except FileNotFoundError:
            raise Mistake("ssh", "is not on PATH", "a mirror's log is read over ssh", "install it") from None
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"no answer within {SECONDS:g} s") from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or [f"ssh ended with {done.returncode}"]
        raise OSError(said[-1])
    return done.stdout

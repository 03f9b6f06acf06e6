"""The script of a sync: pulls by rsync so that no reader ever finds an index without its files, and the time of it.

What differs between syncs are the words at its beginning. The rest stands in `pull.sh`, plain POSIX shell.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from model.registration import seconds
from model.services import Template
from model.sync import Sync

COMMAND = "/local/pull"
# The time of the last whole pull, as Prometheus reads it: the web server of the copy hands it out like any file.
METRIC = "fleet_fresh_timestamp_seconds"
# Where a pull keeps what nobody may read yet, in the target itself, since only there a rename is one step.
OWN = ".pull"


def templates(service: str, group: str, sync: Sync) -> dict[str, Template]:
    """The script, which Nomad writes anew when the server it pulls from moves."""
    return {"local/pull": Template(text=script(service, group, sync), perms="0755")}


def script(service: str, group: str, sync: Sync) -> str:
    """A shell script that pulls once. What is half pulled is never seen as whole, nor recorded as fresh."""
    words = {
        "target": sync.target.rstrip("/"),
        "never": "\n".join([f"/{OWN}", f"/{sync.record}", *sync.exclude]),
        "indexes": "\n".join(sync.indexes),
        "times": "\n".join(sync.times),
        "format": sync.format or "",
        "beside": " ".join(sync.beside),
        "keep": round(seconds(sync.keep)),
        "most_gone": sync.most_gone,
        "tries": sync.tries,
        "stall": _whole(sync.stall),
        "record": sync.record,
        "series": f'{METRIC}{{job_name="{service}",group="{group}"}}',
    }
    lines = [
        "#!/bin/sh",
        "# One pull. Written by the fleet's program; the time in the record is that of the last whole pull.",
        "set -euf",
        f'[ -n "${{BOUNDED-}}" ] || BOUNDED=yes exec timeout -k 10 {_whole(sync.within)} /bin/sh "$0"',
        "umask 022",
        "export LC_ALL=C",
        *_source(sync),
        *(f"{word}={shlex.quote(str(value))}" for word, value in words.items()),
    ]
    return "\n".join([*lines, Path(__file__).with_name("pull.sh").read_text(encoding="utf-8")])


def _source(sync: Sync) -> list[str]:
    """Where it pulls from: a named server, or any healthy instance of a registered service."""
    if sync.server is not None:
        return [f"from=rsync://{sync.server}/{sync.module}/"]
    find = "nomadService" if sync.provider == "nomad" else "service"
    return [
        "from=",
        f'{{{{ range $i, $it := {find} "{sync.service}" }}}}{{{{ if eq $i 0 }}}}'
        f"from=rsync://{{{{ .Address }}}}:{{{{ .Port }}}}/{sync.module}/{{{{ end }}}}{{{{ end }}}}",
        f'[ -n "$from" ] || {{ echo "no healthy instance of {sync.service} to pull from" >&2; exit 1; }}',
    ]


def _whole(duration: str) -> int:
    return max(1, round(seconds(duration)))

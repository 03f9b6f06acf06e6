"""The script of a sync: one pull by rsync, and the time it was whole."""

from __future__ import annotations

import shlex

from model.registration import seconds
from model.services import Sync, Template

COMMAND = "/local/pull"
# The time of the last whole pull, as Prometheus reads it: the web server of the copy hands it out like any file.
METRIC = "fleet_fresh_timestamp_seconds"


def templates(service: str, group: str, sync: Sync) -> dict[str, Template]:
    """The script, which Nomad writes anew when the server it pulls from moves."""
    return {"local/pull": Template(text=script(service, group, sync), perms="0755")}


def script(service: str, group: str, sync: Sync) -> str:
    """A shell script that pulls once. What is half pulled is never seen as whole, nor recorded as fresh."""
    target = sync.target.rstrip("/")
    kept = [f"/{sync.record}", f"/{sync.record}.next", *sync.exclude]
    options = ["-vurk", "--links", "--delete-after", "--delay-updates", f"--timeout={_whole(sync.stall)}"]
    options += [f"--exclude={pattern}" for pattern in kept]
    words = " ".join(shlex.quote(option) for option in options)
    record = shlex.quote(f"{target}/{sync.record}")
    series = f'{METRIC}{{job_name="{service}",group="{group}"}}'
    lines = [
        "#!/bin/sh",
        "# One pull. Written by the fleet's program; the time in the record is that of the last whole pull.",
        "set -eu",
        *_source(sync),
        f'/usr/bin/rsync {words} "$from" {shlex.quote(target + "/")}',
        f"echo {shlex.quote(series)} $(date +%s) > {record}.next",
        f"mv {record}.next {record}",
    ]
    return "\n".join(lines) + "\n"


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

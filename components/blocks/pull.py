"""The script of a sync: one pull by rsync, and the time it was whole."""

from __future__ import annotations

import shlex

from model.registration import seconds
from model.services import Sync, Task, Template

COMMAND = "/local/pull"
# A task that mounts this volume leaves the time there for the machine's node_exporter too.
METRICS = "node_metrics"


def templates(service: str, group: str, task: Task, sync: Sync) -> dict[str, Template]:
    """The script, which Nomad writes anew when the server it pulls from moves."""
    return {"local/pull": Template(text=script(service, group, task, sync), perms="0755")}


def script(service: str, group: str, task: Task, sync: Sync) -> str:
    """A shell script that pulls once. What is half pulled is never seen as whole, nor recorded as fresh."""
    target = sync.target.rstrip("/")
    kept = [f"/{sync.record}", f"/{sync.record}.next", *sync.exclude]
    options = ["-vurk", "--links", "--delete-after", "--delay-updates", f"--timeout={_whole(sync.stall)}"]
    options += [f"--exclude={pattern}" for pattern in kept]
    words = " ".join(shlex.quote(option) for option in options)
    record = shlex.quote(f"{target}/{sync.record}")
    lines = [
        "#!/bin/sh",
        "# One pull. Written by the fleet's program; the time in the record is that of the last whole pull.",
        "set -eu",
        *_source(sync),
        f'/usr/bin/rsync {words} "$from" {shlex.quote(target + "/")}',
        f"date +%s > {record}.next",
        f"mv {record}.next {record}",
    ]
    if METRICS in task.volumes:
        file = shlex.quote(f"{task.volumes[METRICS].to}/{service}-{group}.prom")
        name = f'fleet_fresh_timestamp_seconds{{job_name="{service}",group="{group}"}}'
        lines += [f'echo {shlex.quote(name)} "$(cat {record})" > {file}.next', f"mv {file}.next {file}"]
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

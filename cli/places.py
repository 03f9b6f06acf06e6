"""Where a stack's data stands, and what the engine knows of a stack."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from cli.mistake import Mistake

ROOT = Path(__file__).resolve().parents[1]
STACKS = ROOT / "stacks"


def shown(path: Path) -> str:
    """A path as a person writes it: from the project's folder where it is inside."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def folders() -> list[Path]:
    """Every folder of data that the project holds."""
    return sorted(path for path in STACKS.iterdir() if path.is_dir())


def folder(word: str) -> Path:
    """The folder that a word means: a stack of the project by name, or any folder by its path."""
    if "/" not in word and (STACKS / word).is_dir():
        return STACKS / word
    if Path(word).is_dir():
        return Path(word)
    known = ", ".join(path.name for path in folders())
    raise Mistake(
        word, "no such stack and no such folder", "what is named is there", f"name one of: {known}, or a path"
    )


def data_of(stack: str) -> Path:
    """The folder that a stack's settings name as its data."""
    settings = ROOT / f"Pulumi.{stack}.yaml"
    if not settings.is_file():
        known = ", ".join(sorted(p.name[7:-5] for p in ROOT.glob("Pulumi.*.yaml") if p.name.count(".") == 2))
        raise Mistake(stack, f"no {settings.name}", "a stack has its settings", f"name one of: {known}")
    data: str | None = ((yaml.safe_load(settings.read_text()) or {}).get("config") or {}).get("fleet:data")
    if not data or not (ROOT / data).is_dir():
        what = f"fleet:data is {data or 'not set'}, which is no folder"
        raise Mistake(settings.name, what, "a stack's settings name the folder of its data", "set fleet:data to one")
    return ROOT / data


def outputs(stack: str, file: str | None) -> dict[str, dict[str, Any]]:
    """What each host turned out to be: the stack's output `hosts`, from the engine or from a file that holds it."""
    if file is not None:
        where = file
        try:
            text = Path("/dev/stdin" if file == "-" else file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Mistake(where, f"cannot be read ({error})", "outputs come from a JSON file", "name another") from None
    else:
        where = f"output hosts of stack {stack}"
        text = _asked(stack)
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Mistake(
            where, f"is no JSON ({error})", "outputs are JSON", "run `pulumi stack output hosts --json`"
        ) from None
    if isinstance(found, dict) and set(found) == {"hosts"}:
        found = found["hosts"]
    if not isinstance(found, dict) or not all(isinstance(host, dict) for host in found.values()):
        raise Mistake(
            where,
            "is no mapping of hosts",
            "the output is {host: {ipv4, ipv6, fabric, port, wireguard_key, ssh_host_key}}",
            "run `pulumi up` with this version of the program, then try again",
        )
    return found


def _asked(stack: str) -> str:
    command = ["pulumi", "stack", "output", "hosts", "--json", "--stack", stack, "--non-interactive"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ, check=False)
    except FileNotFoundError:
        raise Mistake(
            "pulumi", "is not on PATH", "the engine knows a stack's outputs", f"run `. ./activate {stack}` first"
        ) from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it said nothing"]
        raise Mistake(
            f"stack {stack}",
            f"its outputs cannot be read: {said[-1].removeprefix('error: ')}",
            "a stack that was brought up has the output `hosts`",
            f"run `. ./activate {stack}` and `pulumi up -s {stack}`, or give the outputs with --from",
        )
    return done.stdout

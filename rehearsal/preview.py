"""Plan-only previews on an embedded cloud of their own: no root, no Linux, no credentials, nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rehearsal import engine
from toolchain.places import ROOT
from toolchain.progress import Estimate, Progress

PREFIX = "void-fleet-preview-"
CONFIG = {"prod": "Pulumi.prod.placeholders.yaml", "local": "Pulumi.local.yaml"}
# Stands for an operator's key in a preview; the private half was thrown away.
NOBODY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP2y0C8XKGbQeMQbyVZHzgpl/ApIohoHjSGYeyxac2af placeholder"


class PreviewError(RuntimeError):
    """A preview could not be made; the text says what to do."""


def ask(path: Path, question: dict[str, Any], seconds: float = 5.0) -> dict[str, Any]:
    """One question to a cloud's control socket."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(seconds)
        line.connect(str(path))
        line.sendall(json.dumps(question).encode() + b"\n")
        answer: dict[str, Any] = json.loads(line.makefile().readline() or "{}")
        return answer


def answers(path: Path) -> bool:
    """Whether a cloud listens there."""
    try:
        ask(path, {"cmd": "ping"})
    except (OSError, ValueError):
        return False
    return True


def wait_for(path: Path, alive: Any, log: Path, seconds: float = 30.0) -> None:
    """Wait until a cloud answers."""
    deadline = time.monotonic() + seconds
    while not answers(path):
        if not alive() or time.monotonic() > deadline:
            tail = log.read_text()[-2000:] if log.is_file() else ""
            raise PreviewError(f"the embedded cloud does not answer at {path}; its log says:\n{tail or '(nothing)'}")
        time.sleep(0.05)


def sweep() -> None:
    """Remove what killed previews left: their folder, and their cloud if it still answers."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = left.name.removeprefix(PREFIX).split("-")[0]
        if not owner.isdigit() or _living(int(owner)) or left.stat().st_uid != os.getuid():
            continue
        with suppress(OSError, ValueError):
            ask(left / "cloud.sock", {"cmd": "stop"})
        shutil.rmtree(left, ignore_errors=True)


def _living(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def embedded(stack: str) -> Iterator[tuple[dict[str, str], Path]]:
    """A plan-only cloud with a stack: (environment, config file)."""
    sweep()
    run = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    child: subprocess.Popen[bytes] | None = None
    try:
        (run / "backend").mkdir()
        (run / "key.pub").write_text(NOBODY + "\n")
        (run / "people-keys").mkdir()
        env = engine.environment(run) | {"FLEET_SSH_PUBLIC_KEY": str(run / "key.pub")}
        env.pop("FLEET_SSH_KEY", None)
        log = run / "cloud.log"
        with log.open("wb") as out:
            child = subprocess.Popen(
                [sys.executable, "-m", "rehearsal.cloud", "serve", "--run", str(run), "--plan-only"],
                cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        engine.make_home(run)
        config = _stack(env, stack, run / "project")
        started = child
        wait_for(run / "cloud.sock", lambda: started.poll() is None, log)
        yield env, config
    finally:
        if child is not None:
            child.terminate()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(run, ignore_errors=True)


def _stack(env: dict[str, str], stack: str, project: Path) -> Path:
    """Make the stack in a project folder of its own: making it writes a salt into the config file."""
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: fleet\nruntime: python\n")
    config = project / f"Pulumi.{stack}.yaml"
    shutil.copy(ROOT / CONFIG[stack], config)
    done = engine.pulumi(env, "stack", "init", stack, "--no-select", cwd=project)
    if done.returncode != 0:
        raise PreviewError(f"making a throwaway stack failed: {done.stderr.strip()}")
    return config


def preview(stack: str, *, json_file: Path | None = None) -> int:
    """Print the preview of a stack, or write it as JSON; the exit code is Pulumi's own."""
    with embedded(stack) as (env, config):
        words = ["preview", "--stack", stack, "--config-file", str(config)]
        if json_file is None:
            argv = ["pulumi", *words, "--non-interactive", "--suppress-progress", "--diff"]
            with Progress(f"preview of {stack}", Estimate(20.0)) as progress:
                progress.doing = "planning on the embedded cloud"
                done = subprocess.run(
                    argv, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False
                )
            print(done.stdout)
            return done.returncode
        result = engine.pulumi(env, *words, "--json")
        json_file.write_text(result.stdout)
        sys.stderr.write(result.stderr)
        return result.returncode

"""`python -m tests.bench.cloud RUN`: stand-ins that ask real servers, without machines, DNS and package repository.

The rehearsal's own cloud brings those along, and a bench must not touch the network of a rehearsal that runs.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rehearsal import engine
from rehearsal.cloud.daemon import Cloud
from rehearsal.cloud.world import World
from rehearsal.preview import wait_for
from servers.environment import ADDRESSES, TOKENS
from toolchain.places import ROOT


class _Servers(World):
    """A world of servers alone."""

    def resume(self) -> None:
        """Nothing of a rehearsal is brought up."""


@dataclass(frozen=True)
class Bench:
    """A throwaway backend, and the environment of every Pulumi on it."""

    place: Path
    env: dict[str, str]

    def stack(self, name: str, project: Path) -> list[str]:
        """Make a stack of a project; returns the words that name it. Raises RuntimeError."""
        done = engine.pulumi(self.env, "stack", "init", name, "--no-select", cwd=project)
        if done.returncode != 0:
            raise RuntimeError(f"making a throwaway stack failed: {done.stderr.strip()[-300:]}")
        return ["--stack", name, "--non-interactive", "--suppress-progress", "--suppress-outputs"]


@contextlib.contextmanager
def serving(place: Path, *, plan_only: bool) -> Iterator[Bench]:
    """A cloud for as long as the block lasts; with `plan_only` the one of `make preview`."""
    (place / "backend").mkdir(parents=True)
    env = engine.environment(place) | {"PYTHONPATH": str(ROOT), "FLEET_PYTHON": sys.executable}
    # Whoever measures may have the fleet's addresses and tokens set: neither is any of the bench's business.
    for name in (*ADDRESSES.values(), *TOKENS.values(), "FLEET_SSH_KEY", "FLEET_SSH_PUBLIC_KEY"):
        env.pop(name, None)
    engine.make_home(place)
    words = ["rehearsal.cloud", "serve", "--plan-only", "--run"] if plan_only else ["tests.bench.cloud"]
    log = place / "cloud.log"
    with log.open("wb") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", *words, str(place)],
            cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        wait_for(place / "cloud.sock", lambda: child.poll() is None, log)
        yield Bench(place, env)
    finally:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        shutil.rmtree(place, ignore_errors=True)


def project(folder: Path, name: str, program: str) -> Path:
    """Write a bare project; returns its folder."""
    folder.mkdir(parents=True)
    (folder / "Pulumi.yaml").write_text(f"name: {name}\nruntime:\n  name: python\nmain: .\n")
    (folder / "__main__.py").write_text(program)
    return folder


if __name__ == "__main__":
    cloud = Cloud(Path(sys.argv[1]).resolve(), plan_only=True)
    cloud.world = _Servers(cloud.run, plan_only=False)
    cloud.serve()

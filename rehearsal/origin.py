"""Real packages in the rehearsal's root tree, and the first manual pages out of them before anybody asks for one."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from model import Fleet
from rehearsal import periodic
from rehearsal.testhosts import hosts, manuals
from rehearsal.testhosts.commands import tool
from rehearsal.testhosts.settings import RehearsalError
from servers import Api
from toolchain.progress import Estimate, Progress

VOLUME = "root_mirror"
FOLDER = "debian"
# What takes the pages out, and what it leaves when it is done.
JOB, NAMESPACE, POINTER = "man-pages", "apps", "man/man-current"
RUN_SECONDS = 240.0


def holder(fleet: Fleet) -> tuple[str, str]:
    """The machine that has the root tree, and where."""
    for name, machine in sorted(fleet.managed.items()):
        if machine.nomad is not None and VOLUME in machine.nomad.volumes:
            return name, str(machine.nomad.volumes[VOLUME].path)
    raise RehearsalError(f"no machine of the stack has the volume {VOLUME}")


def fill(fleet: Fleet) -> None:
    """Bring the packages there, if they are not."""
    bring(fleet, manuals.ensure())


def bring(fleet: Fleet, source: Path) -> None:
    """A repository in the place of the one that is there, at once: who reads its list finds all that it names."""
    name, root = holder(fleet)
    target = f"{root}/{FOLDER}"
    there = hosts.execute_in(name, "cat", f"{target}/Packages", check=False)
    if there.stdout == (source / "Packages").read_text():
        return
    packed = subprocess.Popen([tool("tar"), "-C", str(source), "-cf", "-", "."], stdout=subprocess.PIPE)
    script = (
        f"set -e; mkdir -p {root}; rm -rf {target}.next; mkdir {target}.next;"
        f" tar -xf - -C {target}.next --no-same-owner; rm -rf {target}; mv {target}.next {target}"
    )
    done = subprocess.run(
        [*hosts.entering(name), "sh", "-c", script], stdin=packed.stdout, capture_output=True, text=True, check=False
    )
    assert packed.stdout is not None
    packed.stdout.close()
    if packed.wait() or done.returncode:
        raise RehearsalError(f"the packages did not come to {name}: {done.stderr.strip()[-500:]}")


def force(nomad: Api) -> None:
    """Have the pages taken out now: by its clock the job would begin up to five minutes later."""
    periodic.force(nomad, JOB, NAMESPACE)


def runs(nomad: Api) -> dict[str, str]:
    """The job's allocations, and how each is."""
    return periodic.runs(nomad, JOB, NAMESPACE)


def first_pages(fleet: Fleet, nomad: Api, seconds: float = RUN_SECONDS) -> None:
    """Have the pages of a new tree taken out, and wait for them."""
    name, root = holder(fleet)
    if hosts.execute_in(name, "test", "-e", f"{root}/{POINTER}", check=False).returncode == 0:
        return
    force(nomad)
    end = time.monotonic() + seconds
    with Progress("taking the first manual pages out of the packages", Estimate(15.0)):
        while hosts.execute_in(name, "test", "-e", f"{root}/{POINTER}", check=False).returncode != 0:
            if time.monotonic() > end:
                raise RehearsalError(f"{JOB} took no pages out within {seconds:.0f} s: `fleet log {JOB}` says why")
            time.sleep(0.5)

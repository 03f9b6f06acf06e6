"""Real packages in the rehearsal's root tree, so that the jobs that read packages have some."""

from __future__ import annotations

import subprocess

from model import Fleet
from rehearsal.testhosts import hosts, manuals
from rehearsal.testhosts.commands import tool
from rehearsal.testhosts.settings import RehearsalError

VOLUME = "root_mirror"
FOLDER = "debian"


def holder(fleet: Fleet) -> tuple[str, str]:
    """The machine that has the root tree, and where."""
    for name, machine in sorted(fleet.managed.items()):
        if machine.nomad is not None and VOLUME in machine.nomad.volumes:
            return name, str(machine.nomad.volumes[VOLUME].path)
    raise RehearsalError(f"no machine of the stack has the volume {VOLUME}")


def fill(fleet: Fleet) -> int:
    """Bring the packages there, if they are not; says how many there are.

    The list of packages is the last to come into place: who reads it finds all that it names.
    """
    name, root = holder(fleet)
    source = manuals.ensure()
    number = len(list(source.glob("*.deb")))
    target = f"{root}/{FOLDER}"
    there = hosts.execute_in(name, "cat", f"{target}/Packages", check=False)
    if there.stdout == (source / "Packages").read_text():
        return number
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
    return number

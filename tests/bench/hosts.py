"""A run over hosts that are as declared: ours, Ansible's, and one bare ssh command a host, on the running rehearsal."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal import engine
from rehearsal.place import Place, place
from rehearsal.testhosts import settings
from tests.bench.measure import Measured, run
from toolchain import environment
from toolchain.places import ROOT

RUNS = 3
# The same things that the ground state looks at. Test hosts have no Python, so Ansible's own modules cannot run there:
# each is one `raw` command, which is less work than a module and needs no Python.
LOOKS = {
    "host name": "hostname; cat /etc/hostname; true",
    "hosts file": "sha256sum /etc/hosts",
    "packages": "dpkg-query -W -f '${Package} ${Status}\\n' | wc -l",
    "kernel settings": "cat /etc/sysctl.d/*.conf; sudo -n sysctl net.ipv4.ip_forward; true",
    "accounts": "getent passwd; getent group",
    "keys": "sha256sum /home/*/.ssh/authorized_keys; true",
    "sudo": "sudo -n sha256sum /etc/sudoers.d/*; true",
    "clock": "sha256sum /etc/chrony/chrony.conf; true",
    "resolver": "sha256sum /etc/unbound/unbound.conf; true",
    "sshd": "sha256sum /etc/ssh/sshd_config; true",
    "firewall": "sudo -n nft list ruleset",
    "fabric": "sudo -n wg show all dump | cut -f 2-; true",
}


@dataclass
class Timing:
    """One way of looking at all hosts: median seconds, or why there is none."""

    name: str
    seconds: float = 0.0
    note: str = ""


def measure(say: Callable[[str], None]) -> tuple[int, list[Timing], int]:
    """Hosts of the running rehearsal, how long each way took, and the size of its state in bytes."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return 0, [Timing("no-op host run", note="skipped: needs root on Linux and the running rehearsal")], 0
    at = place()
    born = engine.outputs(at.env) if at.checkpoint.is_file() else {}
    running = settings.internet() and Path("/run/netns", settings.internet()).exists()
    if not born or not running:
        note = "skipped: the rehearsal is not running (bring it up with `make rehearsal`)"
        return 0, [Timing("no-op host run", note=note)], 0
    with tempfile.TemporaryDirectory(prefix="void-fleet-bench-") as folder:
        found = _all(Path(folder), at, born, say)
    return len(born), found, at.checkpoint.stat().st_size


def _all(folder: Path, at: Place, born: Mapping[str, Any], say: Callable[[str], None]) -> list[Timing]:
    known = folder / "known_hosts"
    known.write_text("".join(f"{h['ipv4']} {h['ssh_host_key']}\n" for h in born.values()))
    options = (
        f"-i {at.key} -o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes -o BatchMode=yes"
        " -o IdentitiesOnly=yes -o LogLevel=ERROR"
    )
    env = at.env | {"FLEET_STACK": engine.STACK, "FLEET_PYTHON": sys.executable}
    bare = " & ".join(f"ssh {options} deploy@{h['ipv4']} true" for h in born.values()) + " & wait"
    plan = ["pulumi", "preview", "--stack", engine.STACK, "--non-interactive", "--suppress-progress"]
    pyinfra = [
        str(Path(sys.executable).with_name("pyinfra")),
        "-y",
        "hostconfig/inventory.py",
        "hostconfig/deploy.py",
        "--dry",
    ]
    found = [
        _median("bare ssh: one command a host, at once", ["sh", "-c", bare], env, say),
        _median("ours: pyinfra alone, dry", pyinfra, env, say),
        _median("ours: preview --refresh, each host and resource read", [*plan, "--refresh"], env, say),
        _median("ours: preview of the whole stack, no host read", plan, env, say),
    ]
    ansible = environment.environment_folder("requirements-bench.txt") / "bin" / "ansible-playbook"
    if not ansible.exists():
        return [*found, Timing("Ansible", note="skipped: not installed (`make bench` installs it)")]
    play = _playbook(folder, born, options)
    own = env | {
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_FORKS": str(len(born)),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "PATH": f"{ansible.parent}:{env['PATH']}",
    }
    argv = [str(ansible), "-i", str(folder / "inventory.json"), str(play)]
    return [*found, _median(f"Ansible, pipelining, forks = hosts, {len(LOOKS)} raw tasks", argv, own, say)]


def _playbook(folder: Path, born: Mapping[str, Any], options: str) -> Path:
    inventory = {
        "all": {
            "vars": {"ansible_user": "deploy", "ansible_ssh_extra_args": options},
            "hosts": {name: {"ansible_host": host["ipv4"], "ansible_port": 22} for name, host in born.items()},
        }
    }
    (folder / "inventory.json").write_text(json.dumps(inventory))
    tasks = [{"name": name, "ansible.builtin.raw": command, "changed_when": False} for name, command in LOOKS.items()]
    play = folder / "play.json"
    play.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    return play


def _median(name: str, argv: list[str], env: Mapping[str, str], say: Callable[[str], None]) -> Timing:
    found: list[Measured] = []
    for number in range(RUNS):
        one = run(engine.inside_network(argv, settings.internet()), env=env, cwd=ROOT, most=300)
        if one.failed:
            return Timing(name, note=f"failed: {one.failed}")
        found.append(one)
        say(f"{name}: run {number + 1} of {RUNS}, {one.seconds:.2f} s")
    return Timing(name, statistics.median(one.seconds for one in found))

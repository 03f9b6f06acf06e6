"""One Nomad agent on loopback, in namespaces that end with us: no process, mount or control group outlives it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rehearsal.alone.adapted import DATACENTER
from rehearsal.secrets import made_up
from rehearsal.testhosts import base, cgroups, packages
from rehearsal.testhosts.commands import contained
from servers import Api, ApiError
from toolchain import servers

SOCKET_FOLDER = 80
METADATA = "env_aws,env_gce,env_azure,env_digitalocean"
# Which folders of the test hosts' root file system a job sees as its own.
SEEN = (
    *("bin", "sbin", "lib", "lib64", "usr/bin", "usr/sbin", "usr/lib", "usr/share/prometheus"),
    *("etc/passwd", "etc/group", "etc/nsswitch.conf"),
)
# The volume with the packages, which jobs read: those that test hosts may install stand for them.
ORIGIN = "root_mirror"
READY_SECONDS = 40.0


class AgentError(RuntimeError):
    """The agent did not start; the text holds its last words."""


@dataclass(frozen=True)
class Agent:
    """A running agent: its API, and the folder that holds everything of it."""

    api: Api
    folder: Path

    def volume(self, name: str) -> Path:
        """The folder behind a host volume."""
        return self.folder / "volumes" / name

    def remember(self, variables: Mapping[str, set[str]]) -> None:
        """Variables with values made up for this run alone, where a job reads any."""
        for path, keys in variables.items():
            items = {key: made_up(key) for key in keys}
            self.api.put(f"/v1/var/{path}", {"Path": path, "Namespace": "default", "Items": items})


def free_port() -> int:
    """A port of loopback that nobody has right now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def config(folder: Path, root: Path, volumes: set[str]) -> dict[str, object]:
    """What the agent is told."""
    return {
        "name": DATACENTER,
        "datacenter": DATACENTER,
        "data_dir": str(folder / "data"),
        "bind_addr": "127.0.0.1",
        "advertise": dict.fromkeys(("http", "rpc", "serf"), "127.0.0.1"),
        "ports": {name: free_port() for name in ("http", "rpc", "serf")},
        "disable_update_check": True,
        "disable_anonymous_signature": True,
        "leave_on_interrupt": True,
        "leave_on_terminate": True,
        "server": {"enabled": True, "bootstrap_expect": 1},
        "client": {
            "enabled": True,
            "network_interface": "lo",
            "options": {
                "fingerprint.denylist": METADATA,
                "driver.allowlist": "exec,raw_exec",
                # A task has a folder for its own scraps; the agent's environment holds no secret.
                "env.denylist": "TMPDIR",
            },
            "cgroup_parent": f"fleet-alone-{folder.name.rsplit('-', 1)[-1]}",
            "chroot_env": {str(root / part): f"/{part}" for part in SEEN if (root / part).exists()},
            "host_volume": {
                name: {"path": str(folder / "volumes" / name), "read_only": False} for name in sorted(volumes)
            },
        },
        "plugin": [{"raw_exec": [{"config": [{"enabled": True}]}]}],
        "consul": {"server_auto_join": False, "client_auto_join": False, "auto_advertise": False},
    }


@contextlib.contextmanager
def running(volumes: set[str]) -> Iterator[Agent]:
    """An agent for as long as the block lasts."""
    nomad = servers.ensure_servers() / "bin" / "nomad"
    root = base.ensure()
    for killed in root.parent.glob("alone-*"):
        _sweep(killed)
    # Beside the root file system, so that what a job sees is linked and not copied.
    folder = Path(tempfile.mkdtemp(prefix="alone-", dir=root.parent))
    child: subprocess.Popen[bytes] | None = None
    try:
        told = config(folder, root, volumes)
        for name in volumes:
            (folder / "volumes" / name).mkdir(parents=True)
            # Whichever account the job runs as: on a host the folder is its owner's.
            (folder / "volumes" / name).chmod(0o777)
            if name == ORIGIN:
                _packages(folder / "volumes" / name)
        (folder / "agent.json").write_text(json.dumps(told))
        (folder / "owner").write_text(str(os.getpid()))
        ports = told["ports"]
        assert isinstance(ports, dict)
        api = Api("nomad", f"http://127.0.0.1:{ports['http']}")
        log = folder / "agent.log"
        # For the sockets of Nomad's parts, which it leaves when it is killed; their names hold some hundred letters.
        scratch = folder / "t"
        scratch.mkdir(mode=0o700)
        own = {"TMPDIR": str(scratch)} if len(str(scratch)) < SOCKET_FOLDER else {}
        with log.open("wb") as out:
            child = subprocess.Popen(
                contained([str(nomad), "agent", f"-config={folder / 'agent.json'}"]),
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=base.clean_environment() | own,
                start_new_session=True,
            )  # fmt: skip
        _await(api, child, log)
        yield Agent(api, folder)
    finally:
        if child is not None:
            child.kill()
            child.wait()
        _clean(folder)


def _packages(volume: Path) -> None:
    """A repository of real packages: linked, so that they cost nothing."""
    (volume / "debian").mkdir()
    for file in packages.path(base.recipe()).iterdir():
        os.link(file, volume / "debian" / file.name)


def _await(api: Api, child: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while True:
        with contextlib.suppress(ApiError):
            if any(node["Status"] == "ready" for node in api.get("/v1/nodes")):
                return
        if child.poll() is not None or time.monotonic() > end:
            raise AgentError(f"the Nomad agent did not get ready; its last words:\n{log.read_text()[-1500:]}")
        time.sleep(0.2)


def _sweep(folder: Path) -> None:
    """Remove what a killed run left; one that still runs is let alone."""
    try:
        owner = int((folder / "owner").read_text())
    except (OSError, ValueError):
        # Made a moment ago, or never finished.
        if time.time() - folder.stat().st_mtime > 60:
            _clean(folder)
        return
    if not Path(f"/proc/{owner}").exists():
        _clean(folder)


def _clean(folder: Path) -> None:
    """The mounts are gone with the agent's namespace; files and empty control groups are left to remove."""
    shutil.rmtree(folder, ignore_errors=True)
    name = f"fleet-alone-{folder.name.rsplit('-', 1)[-1]}"
    for group in cgroups.named(name):
        cgroups.remove_tree(group)

"""Devspace's job on a real Nomad: a new version beside the old one on one port and one folder, compared and promoted.

The group is the one of local's data. Left out is what only a host has: its volume, the directory, and Consul.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cli import front_log
from cli.allocations import ENDED
from cli.way_in import WayIn
from components.blocks import job
from model import load
from servers import Api
from tests.cli.run import Ran, fleet
from tests.devspace.client import sftp
from tests.executable import executable
from tests.harness import ROOT
from tests.servers import real
from tests.servers.test_canary import cell
from toolchain.servers import ensure_server

__all__ = ["fleet"]
pytestmark = [pytest.mark.servers, pytest.mark.skipif(os.geteuid() != 0, reason="changes the account: needs root")]
NAME, WHO, NOBODY = "devspace", "eli", 65534
SECOND = 1_000_000_000


class Place:
    """A port that is kept for the test, the files, somebody's key, and their client."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)
        # Bound as the servers will have it, by their account, so that nobody else gets the port meanwhile.
        os.seteuid(NOBODY)
        self.bound = socket.socket()
        os.seteuid(0)
        self.bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.bound.bind(("127.0.0.1", 0))
        self.port = self.bound.getsockname()[1]
        self.program = shutil.copy2(ensure_server("fleet-devspace"), folder / "fleet-devspace")
        for name in ("key", "host_key"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(words, check=True)
        executable(folder / "keys", f'#!/bin/sh\n[ "$1" != {WHO} ] || cat {folder}/key.pub\n')
        (folder / "data").mkdir()
        for name in ("data", "host_key"):
            os.chown(folder / name, NOBODY, NOBODY)

    def config(self) -> str:
        text = (ROOT / "stacks/local/services/files/devspace/devspace.json").read_text()
        keys = text[text.index(' "host_keys"') : text.index(' "data"')]
        login = text[text.index(' "login"') :]
        text = text.replace(keys, f' "host_keys": ["{self.folder}/host_key"],\n').replace(
            "/data", f"{self.folder}/data"
        )
        text = text.replace('":{{ env "FLEET', '"127.0.0.1:{{ env "FLEET')
        return text.replace(login, f' "login": {{"command": ["{self.folder}/keys"]}}\n}}\n')

    def job(self, says: str) -> dict[str, Any]:
        """The group of the data, by a driver of this machine."""
        body = job(load(ROOT / "stacks/local"), NAME).body
        (group,) = [one for one in body["TaskGroups"] if one["Name"] == "sftp"]
        (task,) = group["Tasks"]
        # Nobody may look into the agent's own folder here.
        told = f"{self.folder}/$NOMAD_ALLOC_ID.json"
        script = (
            f'install -o {NOBODY} -m 0400 "$NOMAD_TASK_DIR/devspace.json" "{told}" && exec setpriv --reuid={NOBODY} '
        )
        script += f'--regid={NOBODY} --clear-groups --no-new-privs {self.program} --config "{told}" serve'
        task |= {"Driver": "raw_exec", "User": "", "VolumeMounts": [], "Meta": {"says": says}}
        task["Config"] = {"command": "/bin/sh", "args": ["-c", script]}
        task["Env"] = {"FLEET_PORT_sftp": str(self.port)}
        task["Resources"] = {"CPU": 20, "MemoryMB": 30}
        task["ShutdownDelay"] = SECOND
        task["Templates"] = [one for one in task["Templates"] if one["DestPath"] == "local/devspace.json"]
        task["Templates"][0]["EmbeddedTmpl"] = self.config()
        group["Volumes"] = {}
        service = {"Name": "devspace-sftp", "Provider": "nomad", "PortLabel": "http"}
        checks = [{"Type": "http", "Path": "/-/healthy", "Interval": SECOND, "Timeout": SECOND}]
        group["Services"] = [service | {"Checks": checks}]
        group["Update"]["HealthCheck"] = "checks"
        return {"ID": NAME, "Name": NAME, "Type": "service", "Datacenters": ["*"], "TaskGroups": [group]}

    def client(self) -> subprocess.Popen[str]:
        """A client that stays in until its input ends."""
        words = sftp(self.folder / "key", f"{WHO}@127.0.0.1", self.port)
        return subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def put(self, name: str) -> None:
        """One whole visit."""
        client = self.client()
        said, _ = client.communicate(f"put {self.folder}/keys {name}\n", timeout=30)
        assert client.returncode == 0, said
        assert self.has(name)

    def has(self, name: str) -> bool:
        file = self.folder / "data/home" / WHO / name
        return file.exists() and file.read_bytes() == (self.folder / "keys").read_bytes()


@pytest.fixture
def place(nomad: real.Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="beside-") as folder:
        made = Place(Path(folder))

        def here(way: WayIn, host: str, script: str, words: Sequence[str]) -> str:
            assert host in way.fleet.mirrors
            told = ["sh", "-c", script, "compare", *words]
            return subprocess.run(told, capture_output=True, text=True, check=True, timeout=30).stdout

        monkeypatch.setattr(front_log, "run", here)
        monkeypatch.setattr(front_log, "keep", lambda *_: {})
        monkeypatch.setenv("NOMAD_ADDR", nomad.address)
        assert nomad.token is not None
        monkeypatch.setenv("NOMAD_TOKEN", nomad.token)
        yield made
        made.bound.close()
        nomad.api.delete(f"/v1/job/{NAME}")
        real.wait_for("the end", lambda: all(one["ClientStatus"] in ENDED for one in _allocations(nomad.api)), 60)
        nomad.api.delete(f"/v1/job/{NAME}", purge=True)


def _allocations(nomad: Api) -> list[dict[str, Any]]:
    return list(nomad.get(f"/v1/job/{NAME}/allocations", missing_ok=True) or ())


def _bring(nomad: Api, made: dict[str, Any]) -> int:
    nomad.post("/v1/jobs", {"Job": made})
    return int(nomad.get(f"/v1/job/{NAME}")["Version"])


def _healthy(nomad: Api, version: int) -> bool:
    found = [one for one in _allocations(nomad) if one["JobVersion"] == version]
    return bool(found) and all((one["DeploymentStatus"] or {}).get("Healthy") for one in found)


def test_a_new_version_of_devspace_is_tried_beside_the_old_one(
    nomad: real.Server, place: Place, fleet: Callable[..., Ran]
) -> None:
    api = nomad.api
    first = _bring(api, place.job("one"))
    real.wait_for("the first version", lambda: _healthy(api, first), 60)
    inside = place.client()
    assert inside.stdin is not None
    inside.stdin.write(f"put {place.folder}/keys before\n")
    inside.stdin.flush()
    real.wait_for("somebody is in", lambda: place.has("before"))

    second = _bring(api, place.job("two"))
    real.wait_for("a canary beside it", lambda: _healthy(api, second), 60)
    for visit in range(80):
        place.put(f"visit{visit}")
    shown = fleet("compare", NAME, "-s", "local")
    assert cell(shown.out, "version") == [str(first), str(second)]
    logins = [int(word) for word in cell(shown.out, "logins")]
    assert sum(logins) == 81
    assert min(logins) >= 20, "the kernel deals connections out to both"
    assert shown.out.splitlines()[-1] == "no worse"
    promoted = fleet("promote", NAME, "-s", "local")
    assert promoted.out.splitlines()[-1] == f"promoted: version {second} takes the place of version {first}"

    # Whoever is in goes on at the old one, which ends by itself once they leave.
    real.wait_for("the old one listens no more", lambda: _listeners(place.port) == 1)
    inside.stdin.write(f"put {place.folder}/keys after\n")
    inside.stdin.flush()
    real.wait_for("they go on", lambda: place.has("after"))
    place.put("last")
    said, _ = inside.communicate(timeout=30)
    assert inside.returncode == 0, said
    old = real.wait_for("the old one's end", lambda: _ended(api, first))
    (state,) = old["TaskStates"].values()
    assert [event["ExitCode"] for event in state["Events"] if event["Type"] == "Terminated"] == [0]


def _listeners(port: int) -> int:
    lines = Path("/proc/net/tcp").read_text().splitlines()
    return sum(1 for line in lines if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A")


def _ended(nomad: Api, version: int) -> dict[str, Any] | None:
    (it,) = [one for one in _allocations(nomad) if one["JobVersion"] == version]
    return it if it["ClientStatus"] in ENDED else None

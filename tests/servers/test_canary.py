"""A service of two instances on a real Nomad: half changed, compared, one version chosen; nobody's request fails."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cli import front_log
from cli.allocations import ENDED
from cli.compare import behind
from cli.way_in import WayIn
from model import load
from model.front import LEAVING_SECONDS
from servers import Api
from tests.cli.run import Ran, fleet
from tests.harness import ROOT
from tests.servers import real
from tests.servers.round_robin import Mirror, busy

__all__ = ["fleet"]
pytestmark = pytest.mark.servers
# A service of the rehearsal's data that the mirrors pass requests on to; only its name and its address are used.
NAME = "infradocs"
SECOND = 1_000_000_000
PROGRAM = """
import http.server, os, time
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        bad = self.path == "/" and os.environ["BAD"] == "1"
        time.sleep(0.002)
        body = os.environ["SAYS"].encode()
        self.send_response(500 if bad else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
Server((os.environ["NOMAD_IP_http"], int(os.environ["NOMAD_PORT_http"])), Answer).serve_forever()
"""


def job(says: str, *, bad: bool = False) -> dict[str, Any]:
    """Two instances that say something. One that leaves is named no more for as long before it ends."""
    check = {"Type": "http", "Path": "/healthy", "Interval": SECOND, "Timeout": SECOND}
    service = {"Name": NAME, "Provider": "nomad", "PortLabel": "http", "Checks": [check]}
    update: dict[str, Any] = {"Canary": 1, "MaxParallel": 1, "MinHealthyTime": SECOND, "HealthCheck": "checks"}
    update |= {"HealthyDeadline": 60 * SECOND, "ProgressDeadline": 120 * SECOND}
    task: dict[str, Any] = {
        "Name": "app",
        "Driver": "raw_exec",
        "Config": {"command": sys.executable, "args": ["-c", PROGRAM]},
    }
    task |= {
        "Env": {"SAYS": says, "BAD": str(int(bad))},
        "Resources": {"CPU": 20, "MemoryMB": 30},
        "ShutdownDelay": LEAVING_SECONDS * SECOND,
    }
    group = {"Name": NAME, "Count": 2, "Tasks": [task], "Services": [service], "Update": update}
    group |= {"Networks": [{"DynamicPorts": [{"Label": "http"}]}]}
    return {"ID": NAME, "Name": NAME, "Type": "service", "Datacenters": ["*"], "TaskGroups": [group]}


@pytest.fixture
def mirror(nomad: real.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """The mirror in front of this Nomad, where `fleet` finds both: its scripts run here and not over ssh."""
    (name,) = behind(load(ROOT / "stacks/local"), NAME)
    made = Mirror(tmp_path / "mirror", nomad.api, NAME, name.address)

    def here(way: WayIn, host: str, script: str, words: Sequence[str]) -> str:
        assert host in way.fleet.mirrors
        if host != way.fleet.mirrors[0]:
            raise OSError("only one mirror is up")
        told = ["sh", "-c", script, "compare", str(made.state), *words[1:]]
        if script == front_log.SCRIPT:
            told[5] = str(made.logs)
        return subprocess.run(told, capture_output=True, text=True, check=True, timeout=30).stdout

    monkeypatch.setattr(front_log, "run", here)
    # What the connections of this round robin need to settle: it keeps none.
    monkeypatch.setattr(front_log, "SETTLED", 2)
    monkeypatch.setenv("NOMAD_ADDR", nomad.address)
    assert nomad.token is not None
    monkeypatch.setenv("NOMAD_TOKEN", nomad.token)
    yield made
    # What still runs when its Nomad ends is ended by nobody. While it waits for its delay it is "pending".
    nomad.api.delete(f"/v1/job/{NAME}")
    real.wait_for("the end", lambda: all(one["ClientStatus"] in ENDED for one in _allocations(nomad.api)))
    nomad.api.delete(f"/v1/job/{NAME}", purge=True)


def _allocations(nomad: Api) -> list[dict[str, Any]]:
    return list(nomad.get(f"/v1/job/{NAME}/allocations", missing_ok=True) or ())


def bring(nomad: Api, made: dict[str, Any]) -> int:
    """Register a version; returns its number."""
    nomad.post("/v1/jobs", {"Job": made})
    return int(nomad.get(f"/v1/job/{NAME}")["Version"])


def settled(nomad: Api, version: int) -> Callable[[], bool]:
    """Whether exactly two instances run, all of one version."""

    def look() -> bool:
        running = [one for one in _allocations(nomad) if one["ClientStatus"] == "running"]
        return [one["JobVersion"] for one in running] == [version] * 2 and all(
            (one["DeploymentStatus"] or {}).get("Healthy") for one in running
        )

    return look


def waits(nomad: Api, version: int) -> bool:
    found = nomad.get(f"/v1/job/{NAME}/deployment")
    return bool(found["JobVersion"] == version and found["TaskGroups"][NAME]["HealthyAllocs"] == 1)


def cell(page: str, row: str) -> list[str]:
    """What a row of the page says of old and new."""
    (found,) = [line for line in page.splitlines() if line.startswith(row)]
    return found[16:].split()


def test_half_is_compared_and_one_version_is_chosen_and_no_request_fails(
    nomad: real.Server, mirror: Mirror, fleet: Callable[..., Ran]
) -> None:
    api = nomad.api
    first = bring(api, job("one"))
    real.wait_for("two instances", settled(api, first))
    real.wait_for("their checks", lambda: len(mirror.follow()) == 2)
    refused = fleet("compare", NAME, "-s", "local")
    assert refused.code == 1
    assert f"default/{NAME}: no canary waits, its last deployment is" in refused.err

    with busy(mirror) as heard:
        # A version that is as good as the old one: half changed, compared, promoted.
        second = bring(api, job("two"))
        real.wait_for("a healthy canary", lambda: waits(api, second))
        good = real.wait_for("enough answers", lambda: _no_worse(fleet), 60)
        assert cell(good.out, "version") == [str(first), str(second)]
        assert cell(good.out, "instances") == ["2", "1"]
        old, new = (int(word) for word in cell(good.out, "answers"))
        assert 20 <= new < 0.8 * old, "the new one is asked from the time it is known"
        promoted = fleet("promote", NAME, "-s", "local")
        assert (promoted.code, promoted.out.splitlines()[-1]) == (
            0,
            f"promoted: version {second} takes the place of version {first}",
        )
        real.wait_for("all of the new version", settled(api, second), 120)
        time.sleep(3)
        assert {status for status, _ in heard} == {200}
        heard.clear()
        time.sleep(1)
        assert set(heard) == {(200, "two")}

        # The same that answers 500: seen by its comparison, withdrawn; the old one was never touched.
        third = bring(api, job("three", bad=True))
        before = {one["ID"] for one in _allocations(api) if one["JobVersion"] == second}
        real.wait_for("a canary that looks healthy", lambda: waits(api, third))
        bad = real.wait_for("its failures", lambda: _worse(fleet), 60)
        assert "! a-pdx-us: not read: only one mirror is" in bad.out
        withdrawn = fleet("withdraw", NAME, "-s", "local")
        assert (withdrawn.code, withdrawn.out.splitlines()[-1]) == (
            0,
            f"withdrawn: version {second} goes on; mend the data, then `make up ONLY=services UP=--refresh`",
        )
        real.wait_for("the canary's end", lambda: not _running(api, "three"), 60)
        time.sleep(3)
        # What it answered is the version's; what broke would be ours.
        assert {answer for answer in heard if answer[0] == 0} == set()
        heard.clear()
        time.sleep(1)
        assert set(heard) == {(200, "two")}
    assert {one["ID"] for one in _allocations(api) if one["ClientStatus"] == "running"} <= before
    assert api.get(f"/v1/job/{NAME}")["TaskGroups"][0]["Tasks"][0]["Env"]["SAYS"] == "two"
    kept = sorted((mirror.state / "comparisons").iterdir())
    assert [one.read_text().splitlines()[-1].partition(":")[0] for one in kept] == ["promoted", "withdrawn"]
    refused = fleet("withdraw", NAME, "-s", "local")
    assert (refused.code, refused.err.count("rule:")) == (1, 1)


def _no_worse(fleet: Callable[..., Ran]) -> Ran | None:
    ran = fleet("compare", NAME, "-s", "local")
    return ran if ran.code == 0 else None


def _worse(fleet: Callable[..., Ran]) -> Ran | None:
    ran = fleet("compare", NAME, "-s", "local")
    return ran if "\nworse: " in ran.out else None


def _running(api: Api, says: str) -> bool:
    found = [one for one in _allocations(api) if one["ClientStatus"] == "running"]
    wholes = [api.get(f"/v1/allocation/{one['ID']}") for one in found]
    return any(one["Job"]["TaskGroups"][0]["Tasks"][0]["Env"]["SAYS"] == says for one in wholes)

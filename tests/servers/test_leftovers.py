"""A test's Nomad leaves nothing behind, also with a task that still runs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from tests.servers import leftovers, real

pytestmark = pytest.mark.servers


def test_a_nomad_ends_with_its_tasks_its_mounts_and_its_folder(tmp_path: Path) -> None:
    task = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/sleep", "args": ["3600"]}}
    group = {"Name": "g", "Count": 1, "Tasks": [task]}
    job = {"ID": "lasting", "Name": "lasting", "Type": "service", "Datacenters": ["*"], "TaskGroups": [group]}
    with real.nomad(tmp_path / "nomad") as server:
        server.api.post("/v1/jobs", {"Job": job})
        real.wait_for(
            "the task", lambda: [one for one in server.api.get("/v1/allocations") if one["ClientStatus"] == "running"]
        )
        assert server.process is not None
        begun, scratch = leftovers.below(server.process.pid), server.scratch
        names = set()
        for pid, _ in begun:
            with suppress(OSError):
                names.add(Path(f"/proc/{pid}/comm").read_text().strip())
        assert {"nomad", "sleep"} <= names, "its executor and the task"
        assert list(scratch.glob("NomadClient*"))
    assert [pid for pid, began in begun if leftovers.same(pid, began) and not leftovers.ended(pid)] == []
    assert not scratch.exists()
    assert str(scratch) not in Path("/proc/self/mountinfo").read_text()

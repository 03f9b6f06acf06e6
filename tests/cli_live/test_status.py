"""`fleet status`: what the screen says, and that it comes in time."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from tests.cli.run import Ran, fleet
from tests.cli_live.plane import Plane, job
from tests.cli_live.terminal import in_time, program
from tests.servers.real import free_ports, wait_for

__all__ = ["fleet"]
pytestmark = pytest.mark.rehearsal
Fleet = Callable[..., Ran]


def test_the_screen_fits_a_phone_and_names_what_is_wrong(operator: Plane, fleet: Fleet) -> None:
    operator.nomad.api.post("/v1/jobs", job("ill", 1, "echo no; exit 9"))
    large = job("large", 1, "sleep 1000")
    large["Job"]["TaskGroups"][0]["Tasks"][0]["Resources"]["MemoryMB"] = 10**7
    operator.nomad.api.post("/v1/jobs", large)
    try:
        wait_for("the failure", lambda: "Exit Code: 9" in " ".join(fleet("status").out.split()), 20)
        ran = in_time(lambda: fleet("status"))
        assert ran.code == 1
        assert max(len(line) for line in ran.out.splitlines()) <= 40
        text = " ".join(ran.out.replace("! ", "").split())
        assert "ill: " in text
        assert "large: not placed: app: no memory left on 1" in text
        assert "NOMAD 1.11" in text
        assert "VAULT 1.21" in text
        assert "3 of 3 open" in text
        assert "3 of 4 services healthy" not in text
        assert "2 of 4 services healthy" in text
        assert "39 days left" in text
    finally:
        for name in ("ill", "large"):
            operator.nomad.api.delete(f"/v1/job/{name}", purge=True)


@pytest.mark.parametrize("dead", ["nomad", "consul"])
def test_a_system_that_hangs_or_is_off_is_said_in_time(
    operator: Plane, dead: str, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = {"nomad": "NOMAD_ADDR", "consul": "CONSUL_HTTP_ADDR"}[dead]
    other = {"nomad": "CONSUL", "consul": "NOMAD"}[dead]
    with _silent_server() as silent:
        for address in (silent, f"http://127.0.0.1:{free_ports(1)[0]}"):
            monkeypatch.setenv(variable, address)
            ran = in_time(lambda: fleet("status"))
            assert ran.code == 1
            part = ran.out.split(dead.upper())[1].splitlines()
            assert part[1].startswith("! no answer")
            assert re.search(rf"^{other} \d", ran.out, flags=re.M)
        # Nothing that still waits for the silent one holds up the end of the program, which takes a while to start.
        began = time.monotonic()
        program(operator, "--help")
        starts = time.monotonic() - began
        in_time(lambda: program(operator, "status", **{variable: silent}), 6 + max(1.5, 2 * starts))


@contextlib.contextmanager
def _silent_server() -> Iterator[str]:
    """Takes connections and never answers."""

    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        there.listen(64)
        yield f"http://127.0.0.1:{there.getsockname()[1]}"

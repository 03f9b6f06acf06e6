"""`fleet exec` and `fleet log` against a real Nomad, and a machine's own logs over ssh."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cli import login as logins
from tests.cli.directory import PEOPLE
from tests.cli.run import Ran, fleet
from tests.cli.vaults import HOSTS, project
from tests.cli_live.plane import Plane, job, running, up
from tests.cli_live.terminal import at_terminal, program, surroundings
from tests.harness import ROOT
from tests.servers.real import free_ports, wait_for

__all__ = ["fleet"]
pytestmark = pytest.mark.rehearsal
Fleet = Callable[..., Ran]


def test_a_command_runs_inside_and_its_exit_code_comes_back(operator: Plane) -> None:
    assert program(operator, "exec", "web", "--", "sh", "-c", "exit 7").returncode == 7
    done = program(operator, "exec", "one", "--", "sh", "-c", "echo out; echo err >&2; cat; exit 0", feed="fed\n")
    assert (done.returncode, done.stdout) == (0, "out\nfed\n")
    assert "err" in done.stderr
    missing = program(operator, "exec", "one", "--", "/no/such/program")
    assert missing.returncode not in (0, None)
    assert "Traceback" not in missing.stderr
    big = program(operator, "exec", "one", "--", "sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x")
    assert len(big.stdout) == 300000


def test_at_a_terminal_a_command_has_a_terminal_of_that_size(operator: Plane) -> None:
    said = at_terminal(
        operator,
        ["exec", "one", "--", "sh", "-c", "sleep 0.5; stty size; read x; echo got $x; exit 3"],
        [("\n", "yes"), (None, "")],
        code=3,
    )
    assert "33 44" in said
    assert "got yes" in said


def test_exec_without_the_right_or_the_service_says_so(operator: Plane, fleet: Fleet) -> None:
    ran = fleet("exec", "wbe", "--", "true")
    assert "no such service" in ran.err
    ran = fleet("exec", "web", "--task", "db", "--", "true")
    assert "has no task db" in ran.err
    ran = fleet("exec", "web", "--on", "a-bru-be", "--", "true")
    assert "does not run there" in ran.err
    given = logins.tokens(operator.vaults.api(HOSTS[0]), "grace", PEOPLE["grace"], {"nomad": ("observer",)})
    done = program(operator, "exec", "web", "--", "true", NOMAD_TOKEN=given["NOMAD_TOKEN"])
    assert done.returncode == 1
    assert "alloc-exec" in done.stderr
    assert "fleet login" in done.stderr


@pytest.mark.usefixtures("operator")
def test_logs_of_all_allocations_come_with_the_machine_in_front(fleet: Fleet) -> None:
    ran = fleet("log", "web", "-n", "2")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert len(lines) == 6
    assert len({line.split(": ")[0] for line in lines}) == 3
    ran = fleet("log", "one", "--stderr")
    assert ran.out.splitlines()[0].endswith(": oops")
    ran = fleet("log", "one")
    assert ran.out.splitlines()[0].endswith(": begun")


def test_a_followed_log_goes_on(operator: Plane) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "log", "web", "-f", "-n", "1"],
        cwd=ROOT, env=surroundings(operator), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        seen = list[str]()
        end = time.monotonic() + 60
        # One that is heard late is heard all the same.
        while (len(seen) < 12 or len({line.split(": ")[0] for line in seen}) < 3) and time.monotonic() < end:
            seen.append(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate(timeout=10)
    sources = {line.split(": ")[0] for line in seen}
    assert len(sources) == 3
    for source in sources:
        times = [float(line.split(": ")[1]) for line in seen if line.startswith(f"{source}: ")]
        assert times == sorted(times)


def test_a_service_in_two_namespaces_is_named_whole(operator: Plane, fleet: Fleet) -> None:
    operator.nomad.api.post("/v1/namespace", {"Name": "apps"})
    trial = job("one", 1, "echo of apps; sleep 1000")
    trial["Job"]["Namespace"] = "apps"
    operator.nomad.api.post("/v1/jobs", trial, namespace="apps")
    try:
        place = "/v1/job/one/allocations"
        wait_for("apps/one", lambda: up(operator.nomad.api.get(place, namespace="apps")))
        ran = fleet("log", "one")
        assert ran.code == 1
        assert "apps/one" in ran.err
        assert "default/one" in ran.err
        assert wait_for("its log", lambda: "of apps" in fleet("log", "apps/one").out, 10)
    finally:
        operator.nomad.api.delete("/v1/job/one", namespace="apps", purge=True)


def test_a_machine_and_a_service_of_one_name_are_told_apart(operator: Plane, fleet: Fleet) -> None:
    operator.nomad.api.post("/v1/jobs", job("a-bru-be", 1, "echo a service; sleep 1000"))
    try:
        wait_for("the job", lambda: running(operator, "a-bru-be"))
        ran = fleet("log", "a-bru-be")
        assert ran.code == 1
        assert "--host" in ran.err
        assert "default/a-bru-be" in ran.err
        assert wait_for("its log", lambda: "a service" in fleet("log", "a-bru-be", "--service").out, 10)
    finally:
        operator.nomad.api.delete("/v1/job/a-bru-be", purge=True)


def test_a_machines_own_logs_come_over_ssh_from_the_machine_that_was_recorded(here: Plane, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    for name in ("host", "person"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    shutil.copy(tmp_path / "person.pub", tmp_path / "authorized")
    Path("/run/sshd").mkdir(exist_ok=True)
    (tmp_path / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {tmp_path}/host\nPidFile none\nStrictModes no\n"
        f"AuthorizedKeysFile {tmp_path}/authorized\nPermitRootLogin yes\nUsePAM no\n"
    )
    root = project(tmp_path / "project", here.vaults.addresses)
    machines = root / "stacks" / "local" / "machines.yaml"
    machines.write_text(machines.read_text().replace("  a-nyc-us:\n", f"  a-nyc-us:\n    ssh_port: {port}\n"))
    recorded = root / "stacks" / "local" / "recorded.yaml"
    _record(recorded, (tmp_path / "host.pub").read_text())
    server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", str(tmp_path / "sshd_config")])
    try:
        wait_for("sshd", lambda: _listens(port))
        more = {"FLEET_SSH_KEY": str(tmp_path / "person"), "FLEET_SSH_USER": "root"}
        words = ("log", "a-nyc-us", "--host", "no-such-agent")
        done = program(here, *words, root=root, **more)
        assert "no log of no-such-agent on this host" in done.stderr, done.stderr
        _record(recorded, (tmp_path / "person.pub").read_text())
        done = program(here, *words, root=root, **more)
        assert done.returncode == 1
        assert "no ssh connection to 127.0.0.1" in done.stderr
    finally:
        server.terminate()
        server.wait(10)
    done = program(here, "log", "a-nyc-us", root=root, **more)
    assert "a-nyc-us: no ssh connection" in done.stderr


def _record(file: Path, host_key: str) -> None:
    whole = yaml.safe_load(file.read_text())
    facts = {"ipv4": "127.0.0.1", "ssh_host_key": " ".join(host_key.split()[:2])}
    whole["recorded"].setdefault("a-nyc-us", {}).update(facts)
    file.write_text(yaml.safe_dump(whole))


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False

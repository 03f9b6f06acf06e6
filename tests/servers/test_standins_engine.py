"""The real engine with pass-through stand-ins and real servers: preview, up, drift, destroy, and no token kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rehearsal.cloud.home import write_home
from rehearsal.cloud.passthrough import PASSING
from tests.servers import real

pytestmark = pytest.mark.servers
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json
import pulumi
import pulumi_nomad as nomad
import pulumi_vault as vault
import pulumi_consul as consul

n = pulumi.ResourceOptions(provider=nomad.Provider("n", address="{nomad}"))
c = pulumi.ResourceOptions(provider=consul.Provider("c", address="{consul}"))
v = pulumi.ResourceOptions(provider=vault.Provider("v", address="{vault}", skip_child_token=True))
apps = nomad.Namespace("apps", name="apps", description="applications", opts=n)
job = json.loads('''{job}''')
nomad.Job("web", jobspec=json.dumps({{"Job": job}}), json=True, detach=False, purge_on_destroy=True,
          opts=pulumi.ResourceOptions(provider=n.provider, depends_on=[apps]))
nomad.AclPolicy("reader", name="reader", rules_hcl='namespace "apps" {{\\n  policy = "read"\\n}}\\n', opts=n)
vault.Policy("people", name="people", policy='path "secret/*" {{\\n  capabilities = ["read"]\\n}}\\n', opts=v)
consul.AclPolicy("exporter", name="exporter", rules='service "x" {{\\n  policy = "write"\\n}}\\n', opts=c)
"""
# The embedded cloud without its machines: their daemon would want the whole rehearsal.
CLOUD = """
import sys
from pathlib import Path
from rehearsal.cloud.daemon import Cloud
cloud = Cloud(Path(sys.argv[1]), plan_only=True)
cloud.world.plan_only = False
cloud.world.resume = lambda: None
cloud.serve()
"""


def web(**env: str) -> str:
    task = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/sleep", "args": ["1000"]}, "Env": env}
    task["Resources"] = {"CPU": 20, "MemoryMB": 10}
    update = {"HealthCheck": "task_states", "MinHealthyTime": 0}
    groups = [{"Name": "web", "Count": 1, "Tasks": [task], "Update": update}]
    return json.dumps({"ID": "web", "Name": "web", "Namespace": "apps", "Datacenters": ["*"], "TaskGroups": groups})


@dataclass
class Project:
    """A program in front of three servers."""

    folder: Path
    env: dict[str, str]
    addresses: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)

    def write(self, job: str, **instead: str) -> None:
        text = PROGRAM.format(job=job, **{**self.addresses, **instead})
        (self.folder / "__main__.py").write_text(textwrap.dedent(text))

    def pulumi(self, *words: str, code: int = 0, tokens: bool = True) -> str:
        command = ["pulumi", *words, "--non-interactive", "--stack", "t"]
        env = {**self.env, **(self.tokens if tokens else {})}
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path, nomad: real.Server, consul: real.Server, vault: real.Server) -> Iterator[Project]:
    if shutil.which("pulumi") is None:
        pytest.fail("pulumi is not on PATH: run the tests with `make test`, or after `. ./activate`")
    run = tmp_path / "run"
    write_home(run / "pulumi-home", PASSING)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "FLEET_"))}
    env |= {
        "PULUMI_BACKEND_URL": f"file://{tmp_path}",
        "PULUMI_CONFIG_PASSPHRASE": "x",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_HOME": str(run / "pulumi-home"),
        "FLEET_CLOUD_SOCKET": str(run / "cloud.sock"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: trial\nruntime: python\n")
    daemon = subprocess.Popen([sys.executable, "-c", CLOUD, str(run)], cwd=ROOT, stdout=subprocess.DEVNULL)
    servers = (nomad, consul, vault)
    made = Project(folder, env, {one.system: one.address for one in servers})
    made.tokens = {
        "NOMAD_TOKEN": str(nomad.token),
        "CONSUL_HTTP_TOKEN": str(consul.token),
        "VAULT_TOKEN": str(vault.token),
    }
    try:
        real.wait_for("the embedded cloud", (run / "cloud.sock").exists)
        made.pulumi("stack", "init")
        yield made
    finally:
        daemon.terminate()
        daemon.wait(10)


def made(project: Project) -> None:
    project.write(web(A="1"))
    assert "9 created" in project.pulumi("up", "--yes", "--skip-preview")


def test_the_whole_round_and_no_token_in_the_state(project: Project, nomad: real.Server) -> None:
    project.write(web(A="1"))
    first = project.pulumi("preview", "--diff")
    assert "9 to create" in first
    # Its namespace is only about to come.
    assert "planned by the scheduler once this exists there" in first
    made(project)
    assert "9 unchanged" in project.pulumi("preview", "--refresh", "--expect-no-changes")
    exported = project.pulumi("stack", "export", "--show-secrets")
    # The control: the state is told in clear, and what it is searched for is what the servers know us by.
    assert '"name": "people"' in exported
    assert nomad.api.get("/v1/acl/token/self")["SecretID"] == project.tokens["NOMAD_TOKEN"]
    assert not [name for name, one in project.tokens.items() if one in exported]

    project.write(web(A="2"))
    told = project.pulumi("preview", "--diff")
    assert "1 to update" in told
    assert '"1 destructive"' in told
    assert "jobspec" not in told
    assert "8 unchanged" in told
    assert "the scheduler's plan for job web: web: 1 destructive" in project.pulumi("up", "--yes", "--skip-preview")
    project.pulumi("preview", "--refresh", "--expect-no-changes")
    project.pulumi("destroy", "--yes", "--skip-preview")
    assert nomad.api.get("/v1/namespace/apps", missing_ok=True) is None


def test_drift_refusal_and_servers_that_are_away(project: Project, nomad: real.Server) -> None:
    made(project)
    # Without a token nothing of the unchanged is asked, and nothing is planned away.
    assert "9 unchanged" in project.pulumi("preview", tokens=False)
    project.write(web(A="3"), nomad="http://127.0.0.1:1")
    lost = project.pulumi("preview", "--target", "**web", "--target", "**::n")
    assert "cannot connect to nomad" in lost
    assert "2 to update" in lost
    # Somebody edits a job by hand.
    project.write(web(A="1"))
    nomad.api.post("/v1/jobs", {"Job": json.loads(web(A="by hand"))}, namespace="apps")
    drift = project.pulumi("preview", "--refresh", "--diff")
    assert '"1" => "by hand"' in drift
    assert '"1 destructive"' in drift
    assert "1 to update" in drift
    project.write(web(A="1").replace('"raw_exec"', '""'))
    refused = project.pulumi("preview", code=1)
    assert "Nomad would refuse job web of namespace apps" in refused
    assert "/bin/sleep" not in refused
    assert "Traceback" not in refused
    project.write(web(A="1"))
    project.pulumi("up", "--yes", "--skip-preview", "--refresh")
    project.pulumi("destroy", "--yes", "--skip-preview")
    assert nomad.api.get("/v1/job/web", missing_ok=True, namespace="apps") is None

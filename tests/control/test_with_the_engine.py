"""What the three hold, by the real engine, stand-ins and servers, in the order of the very first time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rehearsal.cloud.home import write_home
from rehearsal.cloud.passthrough import PASSING
from servers import Api
from tests.harness import ROOT
from tests.servers import real
from tests.servers.certificates import authority
from tests.servers.test_standins_engine import CLOUD

pytestmark = pytest.mark.servers
# The rehearsal's data and components; only the servers are elsewhere, and one of each.
PROGRAM = """
import json, sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {root!r})
from components.control.component import Consul, Nomad
from components.control.plan import plan
from components.control.vault import Vault, VaultArgs
from model import load
at = json.loads(Path("servers.json").read_text())
wanted = plan(load(Path(at["data"])))
nomad = replace(wanted.nomad, address=at["nomad"])
consul = replace(wanted.consul, address=at["consul"])
vault = replace(
    wanted.vault,
    address=at["vault"],
    nomad=replace(wanted.vault.nomad, address=at["nomad"]),
    consul=replace(wanted.vault.consul, address=at["consul"]),
)
members = {{"one": None}}
elsewhere = replace(wanted, nomad=nomad, consul=consul, vault=vault)
Vault("control-vault", VaultArgs(elsewhere, members, at["trust"], at["trust"]))
Nomad("control-nomad", nomad, members)
Consul("control-consul", consul, members)
"""


@dataclass
class Project:
    """The program in front of three servers."""

    folder: Path
    env: dict[str, str]
    at: dict[str, str]
    tokens: dict[str, str]

    def write(self, **changed: str) -> None:
        self.at |= changed
        (self.folder / "servers.json").write_text(json.dumps(self.at))

    def pulumi(self, *words: str) -> str:
        command = ["pulumi", *words, "--non-interactive", "--stack", "local"]
        env = {**self.env, **self.tokens}
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=300)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said[-6000:]
        return said

    def up(self, part: str | None = None) -> str:
        only = ["--target", f"urn:pulumi:*::*::fleet:control:{part}**"] if part else []
        return self.pulumi("up", "--yes", "--skip-preview", *only)

    def differing(self, *words: str) -> dict[str, str]:
        """What a preview would do to which resource."""
        said = json.loads(self.pulumi("preview", "--json", *words))
        return {s["urn"].rpartition("::")[2]: s["op"] for s in said["steps"] if s["op"] not in ("same", "refresh")}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    if shutil.which("pulumi") is None:
        pytest.fail("pulumi is not on PATH: run the tests with `make test`, or after `. ./activate`")
    place = tmp_path_factory.mktemp("rights")
    folder, run = place / "program", place / "run"
    write_home(run / "pulumi-home", PASSING)
    folder.mkdir()
    (folder / "__main__.py").write_text(PROGRAM.format(root=str(ROOT)))
    plugin = {"providers": [{"name": "hosts", "path": str(ROOT / "providers" / "hosts")}]}
    (folder / "Pulumi.yaml").write_text(json.dumps({"name": "fleet", "runtime": "python", "plugins": plugin}))
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "FLEET_"))}
    env |= {
        "PULUMI_BACKEND_URL": f"file://{place}",
        "PULUMI_CONFIG_PASSPHRASE": "x",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_PARALLEL": "64",
        "PULUMI_HOME": str(run / "pulumi-home"),
        "FLEET_CLOUD_SOCKET": str(run / "cloud.sock"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    daemon = subprocess.Popen([sys.executable, "-c", CLOUD, str(run)], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        with (
            real.nomad(place / "nomad", bootstrap=False) as nomad,
            real.consul(place / "consul", bootstrap=False) as consul,
            real.vault(place / "vault") as vault,
        ):
            # Dev mode brings a store of that name along.
            vault.api.delete("/v1/sys/mounts/secret")
            real.wait_for("the embedded cloud", (run / "cloud.sock").exists)
            at: dict[str, str] = {one.system: one.address for one in (nomad, consul, vault)}
            trust = authority(place, "first")
            made = Project(folder, env, {**at, "trust": trust, "data": str(ROOT / "stacks" / "local")}, {})
            made.tokens["VAULT_TOKEN"] = str(vault.token)
            made.write()
            made.pulumi("stack", "init")
            yield made
    finally:
        daemon.terminate()
        daemon.wait(10)


def _api(project: Project, system: Any, token: str = "") -> Api:
    names = {"nomad": "NOMAD_TOKEN", "consul": "CONSUL_HTTP_TOKEN", "vault": "VAULT_TOKEN"}
    return Api(system, project.at[system], token or project.tokens[names[system]])


def test_vault_first_then_the_rest_then_nothing(project: Project) -> None:
    # There is no token of Nomad or Consul yet: Vault makes both.
    project.up("Vault")
    vault = _api(project, "vault")
    project.tokens["NOMAD_TOKEN"] = vault.get("/v1/nomad/creds/management")["data"]["secret_id"]
    project.tokens["CONSUL_HTTP_TOKEN"] = vault.get("/v1/consul/creds/root")["data"]["token"]
    project.up()
    assert project.differing() == {}
    assert project.differing("--refresh") == {}, "what the servers tell is what was asked"


def test_the_state_holds_no_token(project: Project) -> None:
    exported = project.pulumi("stack", "export", "--show-secrets")
    assert "control-vault-engine-consul" in exported
    assert [name for name, token in project.tokens.items() if token != "root" and token in exported] == []
    providers = [
        r for r in json.loads(exported)["deployment"]["resources"] if r["type"].startswith("pulumi:providers:")
    ]
    assert len([r for r in providers if r["urn"].rpartition("::")[2].startswith("control-")]) == 3
    for resource in providers:
        assert not {"token", "secretId", "tokenWo"} & set(resource.get("inputs") or {}), resource["urn"]


def test_another_authority_changes_who_is_trusted_and_no_policy(project: Project, tmp_path: Path) -> None:
    project.write(trust=project.at["trust"] + authority(tmp_path, "second"))
    found = project.differing()
    hosts = {name for name in found if name.startswith("control-vault-host-")}
    # The directory is trusted by the same file here.
    assert set(found) - hosts <= {"control-vault-engine-nomad", "control-vault-auth-ldap"}
    assert len(hosts) == 6
    assert set(found.values()) == {"update"}
    project.up()
    assert project.differing() == {}
    # Neither engine forgot its token.
    vault = _api(project, "vault")
    assert vault.get("/v1/nomad/creds/observer")["data"]["secret_id"]
    assert vault.get("/v1/consul/creds/observer")["data"]["token"]


def test_a_policy_changed_by_hand_is_drift_by_name(project: Project) -> None:
    nomad = _api(project, "nomad")
    rules = nomad.get("/v1/acl/policy/observer")["Rules"]
    nomad.put("/v1/acl/policy/observer", {"Name": "observer", "Rules": rules + 'quota {\n  policy = "read"\n}\n'})
    assert project.differing("--refresh") == {"control-nomad-policy-observer": "update"}
    project.pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert nomad.get("/v1/acl/policy/observer")["Rules"] == rules

"""What the engine is told in a first preview: whole structures with unknown leaves, so that a diff can name paths."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.components.programs import SEVENTH, program, program_with, states
from tests.components.test_exposure import repr_leaf
from tests.harness import PUBLIC_KEY, ROOT, UNKNOWN, leaves
from tests.model.change import GONE, changed, facts, write

# What waits for hosts, and what says who may log in where.
KNOWS_HOSTS = ("control-gate-", "roster-ledger")
# What is born on hosts: where it stands in a desired state, and as what.
BORN = {
    (("fabric", "joining"), "key"),
    (("fabric", "joining"), "endpoint"),
    (("pki", "authorities"), "certificate"),
    (("pki", "authorities"), "ssh_host_key"),
    (("pki", "hosts"), "ssh_host_key"),
}


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_only_leaves_of_a_desired_state_are_outputs(stack: str) -> None:
    known, first = program(stack), program(stack, preview=True)
    unknown_leaves = 0
    for name, state in states(first).items():
        before = dict(leaves(state.wire["desired"]))
        after = dict(leaves(known[name].wire["desired"]))
        assert set(before) <= set(after), f"{name}: a branch is unknown as a whole"
        for path in after:
            if before.get(path, UNKNOWN) == UNKNOWN:
                unknown_leaves += 1
                where = (path[:2], path[-1])
                assert where in BORN, f"{name}: {path} is not known before the machines are"
    assert unknown_leaves > 0, "the search would find one"


def test_a1_08_a_seventh_host_is_one_new_peer_on_six_hosts_and_nothing_else() -> None:
    six, seven = program("local"), program_with(SEVENTH)
    for name, state in states(six).items():
        changes = set(map(repr_leaf, leaves(state.wire))) ^ set(map(repr_leaf, leaves(seven[name].wire)))
        changes = {(path, value) for path, value in changes if path != ("members",)}
        joins = {("desired", "fabric", "joining", "b-bru-be", leaf) for leaf in ("address", "endpoint", "key")}
        # A control host also learns to sign for it.
        enrolled = {path for path, _ in changes if path[:4] == ("desired", "pki", "hosts", "b-bru-be")}
        assert bool(enrolled) == ("control" in facts("local")["machines"][state.inputs["host"]]["roles"])
        assert {path for path, _ in changes} == joins | enrolled
    # How many share a layer is about the run and not about the host.
    others = [a for a in six.asked if a.type != "hosts:index:State" and "members" not in a.wire]
    assert [a.name for a in others if seven[a.name].wire != a.wire and not a.name.startswith(KNOWS_HOSTS)] == []
    new = {a.name for a in seven.asked} - {a.name for a in six.asked}
    assert new == {
        "machines-b-bru-be",
        "machines-metal-b-bru-be",
        "fabric-identity-b-bru-be",
        "ground-b-bru-be",
        "dns-fleet.example-a-b-bru-be.m",
        "agents-b-bru-be",
        "control-vault-host-b-bru-be",
        "control-vault-policy-host-b-bru-be",
        "control-vault-consul-role-agent-b-bru-be",
    }


def test_a_seventh_host_with_a_role_is_also_let_in_where_a_scope_names_the_role() -> None:
    seven = program_with({**SEVENTH, "machines/b-bru-be/roles": ["worker"]})
    for name, state in states(program("local")).items():
        new = {
            path for path, _ in set(map(repr_leaf, leaves(seven[name].wire))) - set(map(repr_leaf, leaves(state.wire)))
        }
        scopes = {path[:4] for path in new if path[1:2] == ("firewall",)}
        mirror = "mirror" in facts("local")["machines"][state.inputs["host"]]["roles"]
        assert scopes == ({("desired", "firewall", "scopes", "sync")} if mirror else set())


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
RUN = """
import sys
from pathlib import Path
from tests.harness import run_stack
run_stack({stack!r}, Path({place!r}), data=Path({data!r}))
print(*sorted({{m for m in sys.modules if m in ("pulumi_digitalocean", "pulumi_aws", "pulumi_gcp", "pulumi_github")}}))
"""


def _imported(stack: str, data: Path, place: Path) -> list[str]:
    code = RUN.format(stack=stack, place=str(place), data=str(data))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_cloud_that_a_stack_does_not_name_is_not_imported(tmp_path: Path) -> None:
    data = facts("local")
    gone = {f"machines/{name}": GONE for name in data["machines"] if name != "a-bru-be"}
    gone |= dict.fromkeys(("zones", "digitalocean", "aws", "gcp", "fabric/scopes", "base/pinned_names"), GONE)
    gone |= dict.fromkeys(("control", "access", "front", "services", "service_files", "roster", "github"), GONE)
    metal = write(tmp_path / "metal", changed(data, gone))
    assert _imported("local", metal, tmp_path / "run-metal") == []
    assert _imported("prod", ROOT / "stacks" / "prod", tmp_path / "run-prod") == [
        "pulumi_digitalocean",
        "pulumi_github",
    ]
    everything = _imported("local", ROOT / "stacks" / "local", tmp_path / "run-local")
    assert everything == ["pulumi_aws", "pulumi_digitalocean", "pulumi_gcp", "pulumi_github"], (
        "the search would find one"
    )


def test_the_operators_key_comes_from_the_environment() -> None:
    key = program("local")["machines-key-digitalocean-operator"].inputs["publicKey"]
    assert key == PUBLIC_KEY
    for state in states(program("local")).values():
        assert state.inputs["desired"]["users"]["deploy"]["keys"] == [PUBLIC_KEY]


def test_the_shared_document_holds_no_path_of_this_machine() -> None:
    for state in states(program("local")).values():
        document = state.inputs["desired"]["fabric"]["document"]
        assert document.path == ".fleet/local/fabric.json"

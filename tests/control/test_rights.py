"""What the program asks of Nomad, Vault and Consul: each object once, behind its gate, and no token anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from components.control.plan import HOST_SECONDS, digest, host_roles, plan
from tests.components.test_exposure import repr_leaf
from tests.control.programs import AUTHORITY, DIRECTORY, fleet_of, program, program_with
from tests.harness import UNKNOWN, Ledger, leaves, number_of
from tests.model.change import facts

STACKS = ("local", "prod")
PARTS = {"nomad": "fleet:control:Nomad", "consul": "fleet:control:Consul", "vault": "fleet:control:Vault"}
OUTSIDE = {"url": "ldaps://ldap.fleet.example", "certificate_env": "FLEET_LDAP_CA"}
COUNTS = {
    "nomad:index/namespace:Namespace": {"local": 5, "prod": 6},
    "nomad:index/schedulerConfig:SchedulerConfig": {"local": 1, "prod": 1},
    "nomad:index/aclPolicy:AclPolicy": {"local": 7, "prod": 11},
    "nomad:index/aclRole:AclRole": {"local": 1, "prod": 0},
    "vault:index/mount:Mount": {"local": 1, "prod": 1},
    "vault:index/policy:Policy": {"local": 6 + 6, "prod": 6 + 16},
    "vault:ldap/authBackend:AuthBackend": {"local": 1, "prod": 1},
    "vault:ldap/authBackendGroup:AuthBackendGroup": {"local": 3, "prod": 2},
    "vault:index/authBackend:AuthBackend": {"local": 1, "prod": 1},
    "vault:index/certAuthBackendRole:CertAuthBackendRole": {"local": 6, "prod": 16},
    "vault:index/nomadSecretBackend:NomadSecretBackend": {"local": 1, "prod": 1},
    "vault:index/nomadSecretRole:NomadSecretRole": {"local": 4, "prod": 4},
    "vault:consul/secretBackend:SecretBackend": {"local": 1, "prod": 1},
    "vault:consul/secretBackendRole:SecretBackendRole": {"local": 2 + 6 + 2, "prod": 1 + 16 + 2},
    "consul:index/aclPolicy:AclPolicy": {"local": 5, "prod": 5},
    "consul:index/aclRole:AclRole": {"local": 5, "prod": 5},
    "consul:index/aclTokenPolicyAttachment:AclTokenPolicyAttachment": {"local": 1, "prod": 1},
    "hosts:index:Gate": {"local": 5, "prod": 5},
    "pulumi:providers:": {"local": 3, "prod": 3},
}


def _own(ledger: Ledger, system: str) -> list[str]:
    """The names of a system's resources."""
    return [a.name for a in ledger.asked if a.type.startswith(f"{system}:")]


@pytest.mark.parametrize("stack", STACKS)
def test_each_object_is_asked_for_once(stack: str) -> None:
    ledger = program(stack)
    assert {kind: len(ledger.of(kind)) for kind in COUNTS} == {kind: n[stack] for kind, n in COUNTS.items()}
    components = [a for a in ledger.asked if not a.custom]
    assert len(ledger.asked) == sum(n[stack] for n in COUNTS.values()) + len(components)
    assert {a.type for a in components} == set(PARTS.values())


@pytest.mark.parametrize("stack", STACKS)
def test_names_say_the_system_and_belong_to_its_part(stack: str) -> None:
    ledger = program(stack)
    for system, part in PARTS.items():
        names = _own(ledger, system)
        assert names
        for name in names:
            assert name.startswith(f"control-{system}-"), name
            assert ledger[ledger[name].parent].type == part, "a part is brought up to date alone by its type"
            assert ledger[name].provider == f"control-{system}-provider"
        assert not ledger[f"control-{system}-provider"].parent.startswith("control-"), "it is made with any part"


@pytest.mark.parametrize("stack", STACKS)
def test_everything_stands_behind_its_gate_and_no_host(stack: str) -> None:
    ledger = program(stack)
    for system in PARTS:
        for name in _own(ledger, system):
            assert f"control-gate-{system}" in ledger[name].depends_on, name
    for name in (a.name for a in ledger.asked):
        assert not any(on.startswith(("ground-", "servers-", "agents-")) for on in ledger[name].depends_on)
    for gate in ledger.of("hosts:index:Gate").values():
        assert gate.depends_on == ()
        assert set(gate.inputs["members"]) == set(fleet_of(stack).voters)


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_waits_for_a_namespace_that_it_does_not_name(stack: str) -> None:
    ledger = program(stack)
    start = "control-nomad-namespace-"
    named = [(a, on.removeprefix(start)) for a in ledger.asked for on in a.depends_on if on.startswith(start)]
    assert {a.type for a, _ in named} == {"nomad:index/aclPolicy:AclPolicy"}
    for asked, namespace in named:
        told = asked.inputs["rulesHcl"] + str((asked.inputs.get("jobAcl") or {}).get("namespace"))
        assert namespace in told, asked.name


@pytest.mark.parametrize("stack", STACKS)
def test_each_part_waits_for_nothing_of_another(stack: str) -> None:
    ledger = program(stack)
    part_of = {a.name: a.parent for a in ledger.asked if a.custom and not a.type.startswith("pulumi:providers:")}
    for asked in ledger.asked:
        assert {part_of[on] for on in asked.depends_on} <= {asked.parent}, f"{asked.name} waits for another part"
    for system in ("nomad", "consul"):
        engine = ledger[f"control-vault-engine-{system}"]
        assert f"control-vault-gate-{system}" in engine.depends_on, "an engine makes its system's first token"
        address = ledger[f"control-vault-gate-{system}"].inputs["address"]
        assert address == ledger[f"control-gate-{system}"].inputs["address"]


@pytest.mark.parametrize("stack", STACKS)
def test_no_provider_is_told_a_token(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("VAULT_TOKEN", "NOMAD_TOKEN", "CONSUL_HTTP_TOKEN"):
        monkeypatch.setenv(variable, "s.very-secret")
    ledger = program_with({}, stack)
    found = {}
    for name, provider in ledger.of("pulumi:providers:").items():
        found[name] = {path[0] for path, _ in leaves(provider.wire)} - {"version"}
    assert found["control-nomad-provider"] == {"address"}
    assert found["control-consul-provider"] == {"address", "datacenter"}
    assert found["control-vault-provider"] <= {"address", "maxLeaseTtlSeconds", "maxRetries"}
    for asked in ledger.asked:
        assert "very-secret" not in json.dumps(asked.wire)
        assert not {"token", "tokenWo", "bindpass", "clientKey", "secretId"} & set(asked.wire), asked.name


@pytest.mark.parametrize("stack", STACKS)
def test_addresses_are_the_datas_own(stack: str) -> None:
    names = facts(stack)["control"]["names"]
    for system in PARTS:
        assert program(stack)[f"control-{system}-provider"].inputs["address"] == f"https://{names[system]}"
        assert program(stack)[f"control-gate-{system}"].inputs["address"] == f"https://{names[system]}"


def test_a_host_gets_its_own_tokens_and_no_others() -> None:
    ledger, fleet = program("local"), fleet_of("local")
    for host in fleet.managed:
        login = ledger[f"control-vault-host-{host}"].inputs
        assert login["allowedCommonNames"] == [f"{host}.m.fleet.example"]
        assert login["tokenPolicies"] == [f"host-{host}"]
        assert login["tokenTtl"] == login["tokenMaxTtl"] == HOST_SECONDS
        assert login["certificate"] == "".join(AUTHORITY.format(host=voter) for voter in fleet.voters)
        text = ledger[f"control-vault-policy-host-{host}"].inputs["policy"]
        assert text.count("path ") == len(host_roles(fleet, host))
        assert f'path "consul/creds/agent-{host}"' in text
        assert ("nomad-server" in text) == (host in fleet.voters)
        assert ("nomad-client" in text) == (host in fleet.clients)
        agent = ledger[f"control-vault-consul-role-agent-{host}"].inputs
        assert agent["nodeIdentities"] == [f"{host}:dc1"]
        assert ("vault-server" in agent["consulRoles"]) == (host in fleet.voters)
        assert "consulPolicies" not in agent


def test_people_hold_tokens_for_an_hour_and_hosts_for_a_month() -> None:
    ledger = program("local")
    assert ledger["control-vault-consul-role-root"].inputs["ttl"] == 3600
    assert ledger["control-vault-consul-role-root"].inputs["maxTtl"] == 28800
    assert ledger["control-vault-consul-role-agent-a-bru-be"].inputs["ttl"] == HOST_SECONDS
    assert ledger["control-vault-engine-consul"].inputs["maxLeaseTtlSeconds"] == HOST_SECONDS
    assert ledger["control-vault-engine-nomad"].inputs["maxTtl"] == 28800
    assert ledger["control-vault-auth-ldap"].inputs["tokenTtl"] == 3600
    assert ledger["control-vault-auth-ldap"].inputs["tokenExplicitMaxTtl"] == 43200
    assert "certificate" not in ledger["control-vault-auth-ldap"].inputs, "the bridge is asked on loopback"


def test_a_directory_outside_is_trusted_by_what_the_environment_names() -> None:
    outside = {f"access/vault/ldap/{key}": value for key, value in OUTSIDE.items()}
    login = program_with(outside)["control-vault-auth-ldap"].inputs
    assert (login["url"], login["certificate"]) == (OUTSIDE["url"], DIRECTORY)


def test_vaults_engines_ask_over_the_fabric_and_trust_the_private_authorities() -> None:
    ledger, fleet = program("local"), fleet_of("local")
    nomad, consul = (ledger[f"control-vault-engine-{system}"].inputs for system in ("nomad", "consul"))
    assert nomad["address"] == "https://server.global.nomad:4646"
    assert (consul["scheme"], consul["address"]) == ("https", "server.dc1.consul:8501")
    trusted = "".join(AUTHORITY.format(host=voter) for voter in fleet.voters)
    assert nomad["caCert"] == consul["caCert"] == trusted
    assert consul["bootstrap"] is True


def test_stores_and_engines_are_protected_and_nothing_else_is() -> None:
    protected = {a.name for a in program("local").asked if a.protect}
    assert protected == {"control-vault-mount-secret", "control-vault-engine-nomad", "control-vault-engine-consul"}
    assert program("local")["control-vault-engine-consul"].ignores == ("caCert",)


def test_a_role_of_consul_knows_its_policies_by_id() -> None:
    roles = program("prod").of("consul:index/aclRole:AclRole")
    assert roles["control-consul-role-root"].inputs["policies"] == ["00000000-0000-0000-0000-000000000001"]
    own = roles["control-consul-role-nomad-server"]
    policies = [f"control-consul-policy-resin-nomad-{kind}" for kind in ("client", "server")]
    assert own.inputs["policies"] == [str(number_of(name)) for name in policies]
    assert own.depends_on == (
        "control-consul-policy-resin-nomad-client",
        "control-consul-policy-resin-nomad-server",
        "control-gate-consul",
    )


def test_only_certificates_are_unknown_before_the_control_hosts_are_born() -> None:
    unknown = {
        (a.name, path[0])
        for a in program("local", preview=True).asked
        for path, value in leaves(a.wire)
        if value == UNKNOWN
    }
    hosts = {(f"control-vault-host-{host}", "certificate") for host in fleet_of("local").managed}
    engines = {("control-vault-engine-nomad", "caCert"), ("control-vault-engine-consul", "caCert")}
    roles = {(name, "policies") for name in program("local").of("consul:index/aclRole:AclRole")}
    assert unknown == hosts | engines | roles


ONE_HOST = {
    "machines/a-bru-be/openings/trial": {"proto": "tcp", "ports": "9999", "why": "a test"},
    "machines/a-bru-be/nomad/meta/speed": "high",
    "roles/worker/packages/jo": "a test",
}


def test_one_host_edit_leaves_every_policy_as_it_is() -> None:
    before, after = program("local"), program_with(ONE_HOST)
    assert {a.name for a in before.asked} == {a.name for a in after.asked}
    for asked in before.asked:
        changes = set(map(repr_leaf, leaves(asked.wire))) ^ set(map(repr_leaf, leaves(after[asked.name].wire)))
        assert not changes, f"{asked.name}: {changes}"


def test_one_policy_edited_is_one_policy_and_its_gate() -> None:
    before = program("local")
    after = program_with({"access/nomad/policies/observer/rules/operator": "write"})
    differing = [a.name for a in before.asked if a.wire != after[a.name].wire]
    assert sorted(differing) == ["control-gate-nomad", "control-nomad-policy-observer"]


def test_the_same_data_make_the_same_plan() -> None:
    mine, again, other = plan(fleet_of("local")), plan(fleet_of("local")), plan(fleet_of("prod"))
    assert mine == again
    assert mine is not None
    assert other is not None
    parts = [mine.nomad, mine.vault, mine.consul, other.nomad, other.vault, other.consul]
    assert len({digest(part) for part in parts}) == len(parts)


def test_a_stack_without_rights_asks_for_nothing_and_loads_no_provider() -> None:
    code = (
        "import sys; from tests.control.programs import fleet_of, run;"
        "fleet = fleet_of('local').model_copy(update={'access': None});"
        "print(len(run(fleet, 'local').asked), *sorted(m for m in sys.modules if m in "
        "('pulumi_nomad', 'pulumi_vault', 'pulumi_consul')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ, PYTHONPATH=".")
    )
    assert done.stdout.strip() == "0"

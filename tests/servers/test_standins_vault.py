"""Vault's stand-in in front of a real Vault: each type made, looked at, changed, imported, taken away, and refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from providers.base.values import Bag, Secret
from tests.servers import real
from tests.servers.certificates import authority
from tests.servers.conftest import Passing

pytestmark = pytest.mark.servers
MOUNT = "vault:index/mount:Mount"
POLICY = "vault:index/policy:Policy"
AUTH = "vault:index/authBackend:AuthBackend"
CERT_ROLE = "vault:index/certAuthBackendRole:CertAuthBackendRole"
LDAP = "vault:ldap/authBackend:AuthBackend"
GROUP = "vault:ldap/authBackendGroup:AuthBackendGroup"
NOMAD = "vault:index/nomadSecretBackend:NomadSecretBackend"
NOMAD_ROLE = "vault:index/nomadSecretRole:NomadSecretRole"
CONSUL = "vault:consul/secretBackend:SecretBackend"
CONSUL_ROLE = "vault:consul/secretBackendRole:SecretBackendRole"
AUDIT = "vault:index/audit:Audit"
RULES = 'path "secret/*" {\n  capabilities = ["read"]\n}\n'


@pytest.fixture
def engine(passing: Callable[..., Passing], vault: real.Server) -> Passing:
    return passing(vault)


def through_its_life(engine: Passing, token: str, inputs: Bag, changed: Bag, place: str) -> None:
    """Made, looked at, changed, looked at, imported, taken away twice."""
    id_, outputs = engine.create(token, inputs)
    assert id_ == place
    engine.kept(token, id_, inputs, outputs)
    checked, _ = engine.check(token, changed, olds=inputs)
    before, _ = engine.check(token, inputs)
    difference = engine.diff(token, id_, before, outputs, checked)
    assert difference.detailedDiff
    assert not difference.replaces
    outputs = engine.update(token, id_, before, outputs, checked)
    engine.kept(token, id_, checked, outputs)
    _, seen, _ = engine.imported(token, id_)
    assert not engine.diff(token, id_, seen, outputs, {**seen, **readable(checked)}).detailedDiff
    engine.remove(token, id_, checked, outputs)
    assert engine.gone(token, id_, checked)
    engine.remove(token, id_, checked, outputs)


def readable(inputs: Bag) -> Bag:
    """What a server may tell again: no secret, and nothing about the provider's manners."""
    return {key: value for key, value in inputs.items() if not isinstance(value, Secret) and key != "disableRemount"}


MOUNTED = {"path": "secret", "type": "kv", "description": "secrets", "options": {"version": "1"}}


@pytest.mark.parametrize(
    ("token", "inputs", "changes", "place"),
    [
        (MOUNT, {**MOUNTED, "path": "kv"}, {"defaultLeaseTtlSeconds": 3600, "description": "more"}, "kv"),
        (MOUNT, {"path": "a/b", "type": "transit", "maxLeaseTtlSeconds": 7200}, {"maxLeaseTtlSeconds": 60}, "a/b"),
        (POLICY, {"name": "resin-root", "policy": RULES}, {"policy": RULES.replace("read", "list")}, "resin-root"),
        (AUTH, {"type": "cert", "path": "hosts"}, {"tune": {"maxLeaseTtl": "1h30m"}}, "hosts"),
        (AUTH, {"type": "approle", "tune": {"defaultLeaseTtl": "1h"}}, {"description": "x"}, "approle"),
        (AUDIT, {"type": "file", "path": "f", "options": {"file_path": "/dev/null"}}, {}, "f"),
    ],
)
def test_a_thing_of_its_own(engine: Passing, token: str, inputs: Bag, changes: Bag, place: str) -> None:
    if changes:
        through_its_life(engine, token, inputs, {**inputs, **changes}, place)
        return
    id_, outputs = engine.create(token, inputs)
    engine.kept(token, id_, inputs, outputs)
    engine.remove(token, id_, inputs, outputs)
    assert engine.gone(token, id_, inputs)


def test_people_by_ldap(engine: Passing) -> None:
    inputs: Bag = {
        "url": "ldap://localhost",
        "userdn": "ou=entities,dc=netauth,dc=fleet,dc=example",
        "userattr": "uid",
        "groupdn": "ou=entities,dc=netauth,dc=fleet,dc=example",
        "groupfilter": "(uid={{.Username}})",
        "groupattr": "memberOf",
        "discoverdn": False,
        "tokenExplicitMaxTtl": 43200,
        "bindpass": "hush-hush",
    }
    id_, outputs = engine.create(LDAP, inputs)
    assert id_ == "ldap"
    assert isinstance(outputs["bindpass"], Secret)
    engine.kept(LDAP, id_, inputs, outputs)
    group: Bag = {"groupname": "dante", "policies": ["resin-root", "another"]}
    through_its_life(engine, GROUP, group, {**group, "policies": ["resin-root"]}, "auth/ldap/groups/dante")
    engine.remove(LDAP, id_, inputs, outputs)
    through_its_life(engine, LDAP, inputs, {**inputs, "tokenExplicitMaxTtl": 3600, "userattr": "cn"}, "ldap")


def test_hosts_by_certificate(engine: Passing, tmp_path: Path) -> None:
    engine.create(AUTH, {"type": "cert", "path": "leaves"})
    role: Bag = {
        "backend": "leaves",
        "name": "a-fsn",
        "certificate": authority(tmp_path, "one") + "\n" + authority(tmp_path, "two"),
        "allowedCommonNames": ["a-fsn.fleet.example"],
        "tokenPolicies": ["host-a-fsn"],
        "tokenTtl": 3600,
    }
    changed = {**role, "tokenPolicies": ["host-a-fsn", "more"], "certificate": authority(tmp_path, "three")}
    del changed["tokenTtl"]
    through_its_life(engine, CERT_ROLE, role, changed, "auth/leaves/certs/a-fsn")
    _, failures = engine.check(CERT_ROLE, {"name": "x", "backend": "leaves"})
    assert failures == ["certificate: required by CertAuthBackendRole, and missing"]
    engine.remove(AUTH, "leaves", {"type": "cert", "path": "leaves"}, {})


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[tuple[real.Server, real.Server]]:
    """Nomad and Consul that nobody has bootstrapped."""
    with (
        real.nomad(tmp_path / "nomad", bootstrap=False) as nomad,
        real.consul(tmp_path / "c", bootstrap=False) as consul,
    ):
        real.wait_for("nomad's leader", lambda: nomad.open.get("/v1/status/leader"))
        real.wait_for("consul's leader", lambda: consul.open.get("/v1/status/leader"))
        yield nomad, consul


def test_the_engines_bootstrap_nomad_and_consul_and_keep_their_tokens(
    engine: Passing, vault: real.Server, fresh: tuple[real.Server, real.Server]
) -> None:
    nomad, consul = fresh
    inputs: Bag = {"backend": "nomad", "address": nomad.address, "ttl": 3600, "maxTtl": 28800, "description": "tokens"}
    id_, outputs = engine.create(NOMAD, inputs)
    engine.kept(NOMAD, id_, inputs, outputs)
    assert "token" not in outputs
    role: Bag = {"backend": "nomad", "role": "management", "type": "management"}
    engine.create(NOMAD_ROLE, role)
    made = vault.api.get("/v1/nomad/creds/management")["data"]["secret_id"]
    nomad.token = made
    assert nomad.api.get("/v1/acl/tokens")
    # Told anything else, Vault still has the token it was given at the beginning.
    changed = {**inputs, "ttl": 1800, "description": "their tokens"}
    outputs = engine.update(NOMAD, id_, inputs, outputs, changed)
    engine.kept(NOMAD, id_, changed, outputs)
    assert vault.api.get("/v1/nomad/creds/management")["lease_duration"] == 1800
    limited: Bag = {"backend": "nomad", "role": "apps-admin", "policies": ["anonymous", "apps-admin"]}
    through_its_life(engine, NOMAD_ROLE, limited, {**limited, "policies": ["apps-admin"]}, "nomad/role/apps-admin")

    address = consul.address.removeprefix("http://")
    inputs = {"path": "consul", "address": address, "bootstrap": True, "defaultLeaseTtlSeconds": 3600}
    id_, outputs = engine.create(CONSUL, inputs)
    engine.kept(CONSUL, id_, inputs, outputs)
    role = {"backend": "consul", "name": "agent-a-fsn", "nodeIdentities": ["a-fsn:dc1"], "ttl": 2592000}
    changed = {**role, "consulPolicies": ["global-management"], "ttl": 3600}
    through_its_life(engine, CONSUL_ROLE, role, changed, "consul/roles/agent-a-fsn")
    engine.create(CONSUL_ROLE, changed)
    consul.token = vault.api.get("/v1/consul/creds/agent-a-fsn")["data"]["token"]
    assert consul.api.get("/v1/acl/policies")
    for token, path in ((NOMAD, "nomad"), (CONSUL, "consul")):
        engine.remove(token, path, {}, {})
        assert engine.gone(token, path, {})


def refusal(act: Callable[[], Any]) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        act()
    return str(caught.value.details())


def test_a_failed_engine_leaves_the_path_free(engine: Passing, vault: real.Server) -> None:
    (port,) = real.free_ports(1)
    inputs = {"backend": "unreached", "address": f"http://127.0.0.1:{port}"}
    assert "failed to bootstrap ACLs" in refusal(lambda: engine.create(NOMAD, inputs))
    assert "unreached/" not in vault.api.get("/v1/sys/mounts")["data"]


def test_what_is_wrong_is_named(engine: Passing, passing: Callable[..., Passing], vault: real.Server) -> None:
    told = refusal(lambda: engine.create(POLICY, {"name": "bad", "policy": 'path "x" { capabilities = ["fly"] }'}))
    assert told.startswith("vault at http://127.0.0.1")
    assert "\n" not in told
    engine.create(MOUNT, {"path": "taken", "type": "kv"})
    assert "path is already in use" in refusal(lambda: engine.create(MOUNT, {"path": "taken", "type": "kv"}))
    engine.remove(MOUNT, "taken", {}, {})
    for token, inputs, words in (
        (POLICY, {"name": "Upper", "policy": RULES}, "lower case: write 'upper'"),
        (CONSUL, {"address": "x:8501"}, "unless bootstrap is true"),
        (CONSUL_ROLE, {"name": "r"}, "a role needs policies, roles or identities"),
        (MOUNT, {"path": "x", "type": "kv", "default_lease_ttl_seconds": 1}, "did you mean defaultLeaseTtlSeconds?"),
        (MOUNT, {"path": "x", "type": "kv", "namespace": "team"}, "enterprise edition"),
        (NOMAD_ROLE, {"backend": "nomad", "role": "r", "type": "boss"}, "not one of client, management"),
    ):
        _, failures = engine.check(token, inputs)
        assert any(words in one for one in failures), failures
    told = refusal(lambda: passing(vault, "s.dead-beef").create(POLICY, {"name": "p", "policy": RULES}))
    assert "fleet login" in told
    assert "dead-beef" not in told


def test_another_path_is_another_mount(engine: Passing) -> None:
    difference = engine.diff(MOUNT, "a", {"path": "a", "type": "kv"}, {}, {"path": "b", "type": "kv"})
    assert list(difference.replaces) == ["path"]
    assert not engine.diff(MOUNT, "a", {"path": "a/", "type": "kv"}, {}, {"path": "a", "type": "kv"}).detailedDiff


def test_a_sealed_vault_is_planned_for_and_not_written_to(passing: Callable[..., Passing], tmp_path: Path) -> None:
    with real.vault(tmp_path, dev=False) as server:
        shares = server.open.put("/v1/sys/init", {"secret_shares": 1, "secret_threshold": 1})
        server.token = shares["root_token"]
        server.open.put("/v1/sys/unseal", {"key": shares["keys"][0]})
        real.wait_for("the vault", lambda: not server.open.get("/v1/sys/health", standbyok=True)["sealed"])
        engine = passing(server)
        inputs: Bag = {"name": "kept", "policy": RULES}
        id_, outputs = engine.create(POLICY, inputs)
        server.api.put("/v1/sys/seal")
        id_again, seen, told = engine.read(POLICY, id_, inputs, outputs)
        assert (id_again, seen, told) == (id_, inputs, outputs)
        assert any(kind == "warning" and "fleet unseal" in text for kind, text in engine.said)
        engine.create(POLICY, {"name": "planned", "policy": RULES}, preview=True)
        assert "fleet unseal" in refusal(lambda: engine.create(POLICY, {"name": "new", "policy": RULES}))


def test_a_token_in_the_configuration_is_refused(engine: Passing) -> None:
    assert any("VAULT_TOKEN" in one for one in engine.configure(address="https://v.example", token="s.x"))

"""Consul's stand-in in front of a real Consul: made, looked at, changed, imported, taken away, and refused."""

from __future__ import annotations

import json
from collections.abc import Callable

import grpc
import pytest

from tests.servers import real
from tests.servers.conftest import Passing

pytestmark = pytest.mark.servers
POLICY = "consul:index/aclPolicy:AclPolicy"
ROLE = "consul:index/aclRole:AclRole"
TOKEN = "consul:index/aclToken:AclToken"
ATTACHMENT = "consul:index/aclTokenPolicyAttachment:AclTokenPolicyAttachment"
ROLE_ATTACHMENT = "consul:index/aclTokenRoleAttachment:AclTokenRoleAttachment"
METHOD = "consul:index/aclAuthMethod:AclAuthMethod"
BINDING = "consul:index/aclBindingRule:AclBindingRule"
RULES = 'service "node-exporter" {\n  policy = "write"\n}\n'
PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEKFDsYrjcraxR8/biq84YJzgg18xA
ArHTM+7uotgOcPeJ+s4sWhltVZXV/C+aVYhAqyvzip+txJnFlDHG8QY/rw==
-----END PUBLIC KEY-----
"""
ANONYMOUS = "00000000-0000-0000-0000-000000000002"


@pytest.fixture
def engine(passing: Callable[..., Passing], consul: real.Server) -> Passing:
    return passing(consul)


def test_a_policy_through_its_life(engine: Passing, consul: real.Server) -> None:
    inputs = {"name": "exporter", "rules": RULES, "description": "the exporter"}
    id_, outputs = engine.create(POLICY, inputs)
    assert consul.api.get(f"/v1/acl/policy/{id_}")["Rules"] == RULES
    engine.kept(POLICY, id_, inputs, outputs)
    changed = {**inputs, "rules": RULES.replace("write", "read"), "description": "it only reads"}
    difference = engine.diff(POLICY, id_, inputs, outputs, changed)
    assert set(difference.detailedDiff) == {"rules", "description"}
    assert not difference.replaces
    outputs = engine.update(POLICY, id_, inputs, outputs, changed)
    engine.kept(POLICY, id_, changed, outputs)
    _, seen, _ = engine.imported(POLICY, id_)
    assert seen == changed
    # Somebody edits it by hand: the next look shows where.
    consul.api.put(f"/v1/acl/policy/{id_}", {"ID": id_, "Name": "exporter", "Rules": RULES})
    _, fresh, _ = engine.read(POLICY, id_, changed, outputs)
    assert set(engine.diff(POLICY, id_, fresh, outputs, changed).detailedDiff) == {"rules", "description"}
    engine.remove(POLICY, id_, changed, outputs)
    assert engine.gone(POLICY, id_, changed)
    engine.remove(POLICY, id_, changed, outputs)


def test_a_role_holds_policies_and_identities(engine: Passing) -> None:
    policy, _ = engine.create(POLICY, {"name": "for-role", "rules": RULES})
    inputs = {
        "name": "agents",
        "policies": [policy],
        "nodeIdentities": [{"nodeName": "a-fsn", "datacenter": "dc1"}],
        "serviceIdentities": [{"serviceName": "web"}],
    }
    id_, outputs = engine.create(ROLE, inputs)
    engine.kept(ROLE, id_, inputs, outputs)
    changed = {"name": "agents", "policies": [policy]}
    outputs = engine.update(ROLE, id_, inputs, outputs, changed)
    engine.kept(ROLE, id_, changed, outputs)
    assert engine.imported(ROLE, id_)[1] == changed
    engine.remove(ROLE, id_, changed, outputs)
    assert engine.gone(ROLE, id_, changed)
    engine.remove(POLICY, policy, {}, {})


def test_a_token_whose_secret_never_comes_here(engine: Passing, consul: real.Server) -> None:
    policy, _ = engine.create(POLICY, {"name": "for-token", "rules": RULES})
    inputs = {"description": "a host", "policies": ["for-token"], "local": True}
    id_, outputs = engine.create(TOKEN, inputs)
    assert outputs["accessorId"] == id_
    secret = consul.api.get(f"/v1/acl/token/{id_}")["SecretID"]
    assert secret not in str(outputs)
    engine.kept(TOKEN, id_, inputs, outputs)
    changed = {**inputs, "policies": []}
    outputs = engine.update(TOKEN, id_, inputs, outputs, changed)
    engine.kept(TOKEN, id_, changed, outputs)
    engine.remove(TOKEN, id_, changed, outputs)
    assert engine.gone(TOKEN, id_, changed)
    engine.remove(POLICY, policy, {}, {})


def test_the_anonymous_token_gets_a_policy_and_keeps_its_others(engine: Passing, consul: real.Server) -> None:
    for name in ("everybody", "kept"):
        engine.create(POLICY, {"name": name, "rules": 'node_prefix "" {\n  policy = "read"\n}'})
    consul.api.put(f"/v1/acl/token/{ANONYMOUS}", {"AccessorID": ANONYMOUS, "Policies": [{"Name": "kept"}]})
    inputs = {"tokenId": ANONYMOUS, "policy": "everybody"}
    id_, outputs = engine.create(ATTACHMENT, inputs)
    assert id_ == f"{ANONYMOUS}:everybody"
    engine.kept(ATTACHMENT, id_, inputs, outputs)
    assert engine.imported(ATTACHMENT, id_)[1] == inputs
    # What the policy gives is given: nodes show to somebody without a token.
    assert consul.open.get("/v1/catalog/nodes")
    engine.remove(ATTACHMENT, id_, inputs, outputs)
    assert engine.gone(ATTACHMENT, id_, inputs)
    assert [one["Name"] for one in consul.api.get(f"/v1/acl/token/{ANONYMOUS}")["Policies"]] == ["kept"]


def test_a_role_of_the_anonymous_token(engine: Passing) -> None:
    role, _ = engine.create(ROLE, {"name": "for-anonymous", "serviceIdentities": [{"serviceName": "web"}]})
    inputs = {"tokenId": ANONYMOUS, "role": "for-anonymous"}
    id_, outputs = engine.create(ROLE_ATTACHMENT, inputs)
    engine.kept(ROLE_ATTACHMENT, id_, inputs, outputs)
    engine.remove(ROLE_ATTACHMENT, id_, inputs, outputs)
    assert engine.gone(ROLE_ATTACHMENT, id_, inputs)
    engine.remove(ROLE, role, {}, {})


def test_a_way_to_log_in_by_signed_words(engine: Passing) -> None:
    method = {
        "name": "nomad",
        "type": "jwt",
        "description": "workloads",
        "configJson": json.dumps({"JWTValidationPubKeys": [PUBLIC_KEY], "BoundIssuer": "nomad"}),
    }
    id_, outputs = engine.create(METHOD, method)
    engine.kept(METHOD, id_, method, outputs)
    rule = {"authMethod": "nomad", "bindType": "service", "bindName": "site"}
    bound, told = engine.create(BINDING, rule)
    engine.kept(BINDING, bound, rule, told)
    changed = {**rule, "bindName": "web", "description": "one"}
    told = engine.update(BINDING, bound, rule, told, changed)
    engine.kept(BINDING, bound, changed, told)
    edited = {**method, "description": "jobs"}
    outputs = engine.update(METHOD, id_, method, outputs, edited)
    engine.kept(METHOD, id_, edited, outputs)
    for token, thing, bag in ((BINDING, bound, changed), (METHOD, id_, edited)):
        engine.remove(token, thing, bag, {})
        assert engine.gone(token, thing, bag)


def test_what_the_server_refuses_comes_as_one_sentence(
    engine: Passing, passing: Callable[..., Passing], consul: real.Server
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        engine.create(POLICY, {"name": "wrong", "rules": 'service "x" { policy = "wrote" }'})
    told = caught.value.details()
    assert "consul at http://127.0.0.1" in told
    assert "\n" not in told
    _, failures = engine.check(POLICY, {"name": "x", "rule": RULES, "namespace": "team"})
    assert any(one.startswith("rule: unknown property") for one in failures)
    assert any(one.startswith("rules: required") for one in failures)
    assert any("enterprise edition" in one for one in failures)
    for token, words in (("00000000-dead-beef-0000-000000000000", "fleet login"), ("", "may not do this")):
        with pytest.raises(grpc.RpcError) as caught:
            passing(consul, token).create(POLICY, {"name": "nobody", "rules": RULES})
        assert words in caught.value.details()
        assert "dead-beef" not in caught.value.details()

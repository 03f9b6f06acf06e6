"""The rights of the prod stack agree with the facts, value by value; where they do not, the reason stands here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from model import Fleet, load
from model.access import ConsulEngine, ConsulRules, NomadEngine
from model.control import HostVolume, Node, Offer
from tests.model.change import STACKS

FACTS: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "facts_access.yaml").read_text(encoding="utf-8"))
NONE = "nothing"
ACCOUNT = "nomad/jobs/certificates/account"
Steps = tuple[str, ...]

# Where we mean to be different: what was found, what is here, and why.
DIFFERENCES: dict[Steps, tuple[Any, Any, str]] = {
    # The role root gave a policy over an empty namespace, so that people took management tokens.
    ("nomad", "policies", "root", "rules", "namespaces", "default", "policy"): ("write", NONE, "holds no job"),
    ("nomad", "policies", "root", "rules", "namespaces", "*", "policy"): (NONE, "write", "every namespace in use"),
    ("nomad", "policies", "root", "rules", "namespaces", "*", "variables", "*"): (
        NONE,
        ("destroy", "list", "read", "write"),
        "namespaces and their variables are separate rights",
    ),
    ("nomad", "policies", "root", "rules", "host_volumes", "*"): (NONE, "write", "most jobs have a volume"),
    ("nomad", "policies", "read-only", "rules", "namespaces", "default", "policy"): ("read", NONE, "holds no job"),
    ("nomad", "policies", "read-only", "rules", "namespaces", "*", "policy"): (NONE, "read", "every namespace in use"),
    # A kv mount without a version.
    ("vault", "mounts", "secret", "version"): ("not set (version 1)", 1, "said at last"),
    # One name, everywhere, for the right to manage apps-restricted.
    ("vault", "policies", "void-nomad-restricted-apps-admin", "nomad/creds/restricted-apps-admin"): (
        ("read",),
        NONE,
        "asked for tokens with a policy that is not defined",
    ),
    ("vault", "policies", "void-nomad-apps-restricted-admin", "nomad/creds/apps-restricted-admin"): (
        NONE,
        ("read",),
        "the policy's own name",
    ),
    ("vault", "endpoints", "nomad/role/restricted-apps-admin", "policies"): (
        ("anonymous", "restricted-apps-admin"),
        NONE,
        "that policy is not defined",
    ),
    ("vault", "endpoints", "nomad/role/apps-restricted-admin", "policies"): (
        NONE,
        ("anonymous", "apps-restricted-admin"),
        "the policy's own name",
    ),
    # Leftovers of a link between Nomad and Vault that no agent uses.
    **{
        ("vault", "policies", "resin-nomad-server", path): (tuple(capabilities), NONE, "nobody uses it")
        for path, capabilities in FACTS["vault"]["policies"]["resin-nomad-server"].items()
    },
    ("vault", "token_roles"): (("nomad-cluster",), (), "nobody uses it"),
    # What an operator needs and did not have.
    ("vault", "policies", "resin-root", "sys/leases/*"): (
        NONE,
        ("create", "list", "read", "sudo", "update"),
        "a host that goes loses its tokens",
    ),
    ("vault", "policies", "resin-root", "sys/seal"): (NONE, ("sudo", "update"), "who sees a theft must close it"),
    ("vault", "policies", "resin-root", "sys/storage/raft/*"): (
        NONE,
        ("create", "delete", "list", "read", "sudo", "update"),
        "Vault's data are in raft now: a control host that goes leaves the quorum",
    ),
    ("vault", "ldap", "token_seconds"): (NONE, 3600, "a login lasts an hour, and is renewed up to the twelve found"),
    # Least rights in Consul.
    ("consul", "policies", "resin-consul-agent", "node_prefix", ""): ("write", NONE, "each agent: its own node alone"),
    ("consul", "policies", "resin-consul-agent", "service_prefix", ""): ("read", NONE, "comes with its own node"),
    ("consul", "roles", "consul-agent"): (("resin-consul-agent",), ("void-node-exporter",), "one token for an agent"),
    ("consul", "policies", "resin-nomad-server", "acl"): ("write", NONE, "there is no service mesh"),
    **{
        ("consul", "policies", "resin-vault-server", resource, match): ("write", NONE, "its data are in raft now")
        for resource, match in (
            ("key_prefix", "vault/"),
            ("node_prefix", ""),
            ("agent_prefix", ""),
            ("session_prefix", ""),
        )
    },
    # The certificate of the public names, in place of cert-renew's.
    ("nomad", "policies", "certificates-hands-out", "rules", "namespaces", "infrastructure", "variables", ACCOUNT): (
        NONE,
        ("read", "write"),
        "any worker is the same customer of the certificate authority",
    ),
    **{
        ("nomad", "policies", "certificates-hands-out", "rules", "namespaces", namespace, "variables", path): (
            NONE,
            ("read", "write"),
            "it serves the certificate",
        )
        for namespace, path in (("mirror", "nomad/jobs/front-certificate"), ("apps-restricted", "nomad/jobs/maddy"))
    },
    **{
        ("nomad", "policies", "certificates-hands-out", "job", key): (NONE, value, "a right of that job alone")
        for key, value in (("namespace", "infrastructure"), ("job", "certificates"))
    },
    **{
        ("clients", host, "volumes", "front_certificate"): (NONE, "/var/lib/fleet/front rw", "the front is the host's")
        for host in ("a-fra-de", "b-hel-fi", "d-hel-fi")
    },
    ("clients", "d-hel-fi", "volumes", "devspace_home"): (
        "/data/devspace/home ro",
        "/data/devspace/public ro",
        "homes are private: the world reads what people put into public",
    ),
    # A single copy of a job, and two hosts with its volume.
    **{
        ("clients", "b-lej-de", "volumes", name): (f"/data/{folder} rw", NONE, "the job's copy belongs on j-hel-fi")
        for name, folder in (("prometheus", "prometheus"), ("grafana", "grafana"), ("etherpad-data", "etherpad"))
    },
}


@pytest.fixture(scope="module")
def prod() -> Fleet:
    return load(STACKS / "prod")


def _flat(value: Any, path: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, (*path, str(key)))
    elif value is not None:
        yield path, tuple(sorted(value)) if isinstance(value, list | tuple) else value


def _found() -> dict[Steps, Any]:
    facts = {**FACTS, "vault": {**FACTS["vault"]}}
    facts["vault"]["mounts"] = {
        m["path"].strip("/"): {k: v for k, v in m.items() if k != "path"} for m in FACTS["vault"]["mounts"]
    }
    ldap = dict(FACTS["vault"]["ldap"])
    ldap["longest_seconds"] = ldap.pop("token_explicit_max_ttl_seconds")
    facts["vault"]["ldap"] = ldap
    # The lease of Nomad's engine stood both with the mount and in the engine: it is one fact here.
    facts["vault"]["endpoints"] = {k: v for k, v in FACTS["vault"]["endpoints"].items() if k != "nomad/config/lease"}
    facts["consul"] = {**FACTS["consul"], "policies": {}}
    for name, rules in FACTS["consul"]["policies"].items():
        own = facts["consul"]["policies"][name] = {}
        for rule in rules:
            if rule["match"] is None:
                own[rule["resource"]] = rule["policy"]
            else:
                own.setdefault(rule["resource"], {})[rule["match"]] = rule["policy"]
    for client in facts["clients"].values():
        client["volumes"] = {**facts["volumes_of_every_client"], **client["volumes"]}
    facts.pop("volumes_of_every_client")
    return dict(_flat(facts))


def _ours(prod: Fleet) -> dict[Steps, Any]:
    assert prod.access is not None
    nomad, vault, consul = prod.access.nomad, prod.access.vault, prod.access.consul
    plain: dict[str, Any] = {"exclude_defaults": True, "mode": "json"}
    engines: dict[str, NomadEngine | ConsulEngine] = {"nomad": vault.nomad, "consul": vault.consul}
    endpoints: dict[str, Any] = {}
    for name, tokens in vault.nomad.roles.items():
        says = {"type": "management"} if tokens.management else {"policies": list(tokens.policies)}
        endpoints[f"nomad/role/{name}"] = says
    for name, handed in vault.consul.roles.items():
        endpoints[f"consul/roles/{name}"] = {"policies": list(handed.policies)}
    ours = {
        "nomad": {
            "namespaces": {name: its.purpose for name, its in nomad.namespaces.items()},
            "scheduler": nomad.scheduler.model_dump(mode="json"),
            "policies": {
                name: {"rules": its.rules.model_dump(**plain), "job": its.job and its.job.model_dump(**plain)}
                for name, its in nomad.policies.items()
            },
        },
        "vault": {
            "mounts": {path: {"type": m.type, "version": m.version} for path, m in vault.mounts.items()}
            | {
                name: {
                    "type": name,
                    "default_lease_seconds": engine.default_lease_seconds,
                    "max_lease_seconds": engine.max_lease_seconds,
                }
                for name, engine in engines.items()
            },
            "policies": {
                name: {path: list(c) for path, c in its.paths.items()} for name, its in vault.policies.items()
            },
            "endpoints": endpoints,
            "token_roles": [],
            "ldap": vault.ldap.model_dump(mode="json", exclude={"starttls", "certificate_env"}),
            "groups": {name: list(group.policies) for name, group in vault.groups.items()},
        },
        "consul": {
            "policies": {name: _consul(its.rules) for name, its in consul.policies.items()},
            "roles": {name: list(role.policies) for name, role in consul.roles.items()},
            "anonymous": list(consul.anonymous),
        },
        "clients": {host: _client(prod, host) for host in prod.clients},
    }
    return dict(_flat(ours))


def _consul(rules: ConsulRules) -> dict[str, Any]:
    return rules.model_dump(exclude_defaults=True, mode="json")


def _client(prod: Fleet, host: str) -> dict[str, Any]:
    machine = prod.machines[host]
    offers = [offer for role in machine.roles if (offer := prod.roles[role].nomad)]
    volumes: dict[str, HostVolume] = {}
    meta: dict[str, str] = {}
    parts: list[Offer | Node] = [*offers, *([machine.nomad] if machine.nomad else [])]
    for part in parts:
        volumes |= part.volumes
        meta |= part.meta
    assert {offer.drivers for offer in offers} == {("docker",)}
    return {
        "datacenter": offers[0].datacenter,
        "meta": meta,
        "capabilities": list(machine.nomad.capabilities) if machine.nomad else [],
        "volumes": {name: f"{v.path} {'ro' if v.read_only else 'rw'}" for name, v in volumes.items()},
    }


def test_rights_and_job_machines_are_those_of_the_facts_but_for_what_is_meant(prod: Fleet) -> None:
    found, ours = _found(), _ours(prod)
    differing = {
        path: (found.get(path, NONE), ours.get(path, NONE))
        for path in found.keys() | ours.keys()
        if found.get(path, NONE) != ours.get(path, NONE)
    }
    assert differing == {path: (was, now) for path, (was, now, _) in DIFFERENCES.items()}
    assert len(found) > 200, "the comparison is of something"


def test_the_folders_of_every_job_machine_are_made_by_something_else(prod: Fleet) -> None:
    for host in prod.clients:
        volumes = {n: v for r in prod.machines[host].roles if (o := prod.roles[r].nomad) for n, v in o.volumes.items()}
        assert {name for name, volume in volumes.items() if not volume.made} == set(FACTS["volumes_of_every_client"])


def test_vault_opens_with_three_of_five(prod: Fleet) -> None:
    assert prod.control is not None
    assert (prod.control.unseal.threshold, len(set(prod.control.unseal.holders))) == (3, 5)
    assert prod.voters == ("e-hel-fi", "f-hel-fi", "g-hel-fi")
    assert len(prod.clients) == 14

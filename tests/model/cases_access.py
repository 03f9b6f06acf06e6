"""Cases of the rules about who may do what."""

from __future__ import annotations

from model.checks import access, mounts
from tests.model.case import Case
from tests.model.change import GONE

NOMAD = "access/nomad/policies"
VAULT = "access/vault"
CONSUL = "access/consul"
ALL = ("apps", "build", "infra*", "mirror", "monitoring")
WEB = {"block": "service", "purpose": "x", "namespace": "apps", "datacenters": ["workers"], "image": "web"} | {
    "runs_in_rehearsal": True
}
IMAGE = {"source": "registry.fleet.example/web", "tag": "1", "architectures": ["x86_64"], "exec": ["/bin/true"]}
REPORT = {"images": {"web": IMAGE}, "services": {"report": WEB}}
KV = {"type": "kv", "version": 2, "purpose": "x"}

POLICIES = (
    Case(access.access_has_servers, {"control": GONE}, {"control/raft_multiplier": 2}),
    Case(
        access.policies_asked_for_are_defined,
        {f"{VAULT}/nomad/roles/apps-admin/policies": ["anonymous", "admin-of-apps"]},
        {f"{VAULT}/nomad/roles/apps-admin/policies": ["apps-admin"]},
    ),
    Case(
        access.policies_asked_for_are_defined,
        {"access/nomad/roles/release/policies": ["apps-admin", "observers"]},
        {"access/nomad/roles/release/policies": ["observer"]},
    ),
    Case(
        access.policies_asked_for_are_defined,
        {f"{VAULT}/groups/observers/policies": ["observer", "observes"]},
        {f"{VAULT}/groups/observers/policies": ["observer", "default"]},
    ),
    Case(
        access.policies_asked_for_are_defined,
        {f"{VAULT}/consul/roles/observer/roles": ["observers"]},
        {f"{VAULT}/consul/roles/observer/policies": ["observer"]},
    ),
    Case(
        access.policies_asked_for_are_defined,
        {f"{CONSUL}/roles/observer/policies": ["management"]},
        {f"{CONSUL}/roles/observer/policies": ["global-management"]},
    ),
    Case(access.policies_asked_for_are_defined, {f"{CONSUL}/anonymous": ["all"]}, {f"{CONSUL}/anonymous": []}),
    Case(
        access.policies_asked_for_are_defined,
        {f"{CONSUL}/hosts": {"nomad_server": "nomad"}},
        {f"{CONSUL}/hosts": {"nomad_server": "nomad-client"}},
    ),
    Case(
        access.policies_name_declared_namespaces,
        {f"{NOMAD}/observer/rules/namespaces/builds": {"policy": "read"}},
        {f"{NOMAD}/observer/rules/namespaces/app*": {"policy": "read"}},
    ),
    Case(
        access.policies_name_declared_namespaces,
        {f"{NOMAD}/observer/rules/namespaces/default": {"policy": "read"}},
        {f"{NOMAD}/observer/rules/namespaces/monitoring": {"policy": "read"}},
    ),
    # The role root of the set-up before this one: a policy over `default`, where no job was.
    Case(
        access.namespaces_are_managed,
        {f"{NOMAD}/operator/rules/namespaces": {"apps": {"policy": "write"}}},
        {f"{NOMAD}/operator/rules/namespaces": {p: {"policy": "write"} for p in ALL}},
    ),
    Case(
        access.namespaces_are_managed,
        {"access/nomad/namespaces/spare": {"purpose": "x"}}
        | {f"{NOMAD}/operator/rules/namespaces": {p: {"policy": "write"} for p in ALL}},
        {"access/nomad/namespaces/spare": {"purpose": "x"}},
    ),
    # The right is there, and no group's people have it.
    Case(
        access.namespaces_are_managed,
        {f"{VAULT}/policies/nomad-admin/paths": {"nomad/creds/apps-admin": ["read"]}},
        {f"{VAULT}/policies/nomad-admin/paths": {"nomad/creds/operator": ["read"]}},
    ),
    Case(
        access.groups_map_to_something,
        {f"{VAULT}/groups/guests": {"purpose": "x", "policies": []}},
        {f"{VAULT}/groups/guests": {"purpose": "x", "policies": ["observer"]}},
    ),
    Case(
        access.groups_map_to_something,
        {f"{VAULT}/policies/none": {"purpose": "x", "paths": {"secret/*": ["deny"]}}}
        | {f"{VAULT}/groups/guests": {"purpose": "x", "policies": ["none"]}},
        {f"{VAULT}/policies/none": {"purpose": "x", "paths": {"secret/*": ["list"]}}}
        | {f"{VAULT}/groups/guests": {"purpose": "x", "policies": ["none"]}},
    ),
    Case(
        access.engine_roles_say_one_thing,
        {f"{VAULT}/nomad/roles/management/policies": ["operator"]},
        {f"{VAULT}/nomad/roles/management/purpose": "x"},
    ),
    Case(
        access.engine_roles_say_one_thing,
        {f"{VAULT}/nomad/roles/spare": {"purpose": "x"}},
        {f"{VAULT}/nomad/roles/spare": {"purpose": "x", "policies": ["observer"]}},
    ),
    Case(
        access.engine_roles_say_one_thing,
        {f"{VAULT}/consul/roles/spare": {"purpose": "x"}},
        {f"{VAULT}/consul/roles/spare": {"purpose": "x", "roles": ["observer"]}},
    ),
    Case(
        access.credentials_are_of_roles,
        {f"{VAULT}/policies/observer/paths": {"nomad/creds/watcher": ["read"]}},
        {f"{VAULT}/policies/observer/paths": {"nomad/creds/+": ["read"]}},
    ),
    Case(
        access.credentials_are_of_roles,
        {f"{VAULT}/policies/observer/paths": {"consul/creds/watcher": ["read"]}},
        {f"{VAULT}/policies/observer/paths": {"consul/creds/root": ["read"]}},
    ),
    Case(
        access.rules_grant_something,
        {f"{NOMAD}/spare": {"purpose": "x", "rules": {}}},
        {f"{NOMAD}/spare": {"purpose": "x", "rules": {"agent": "read"}}},
    ),
    Case(
        access.rules_grant_something,
        {f"{NOMAD}/observer/rules/namespaces/apps": {}},
        {f"{NOMAD}/observer/rules/namespaces/apps": {"capabilities": ["read-fs"]}},
    ),
    Case(
        access.rules_grant_something,
        {f"{NOMAD}/observer/rules/namespaces/apps": {"variables": {"shared": []}}},
        {f"{NOMAD}/observer/rules/namespaces/apps": {"variables": {"shared": ["read"]}}},
    ),
    Case(
        access.rules_grant_something,
        {f"{VAULT}/policies/observer/paths": {"nomad/creds/observer": ["read"], "consul/creds/observer": []}},
        {f"{VAULT}/policies/observer/paths": {"nomad/creds/observer": ["read"]}},
    ),
    Case(
        access.rules_grant_something,
        {f"{CONSUL}/policies/spare": {"purpose": "x", "rules": {}}},
        {f"{CONSUL}/policies/spare": {"purpose": "x", "rules": {"keyring": "read"}}},
    ),
    Case(
        access.namespaces_in_use_are_declared,
        {**REPORT, "services": {"report": WEB, "web": WEB | {"namespace": "website"}}},
        {**REPORT, "services": {"report": WEB, "web": WEB | {"namespace": "monitoring"}}},
    ),
    Case(
        access.bound_jobs_exist,
        {**REPORT, f"{NOMAD}/report-reads-web/job/job": "reports"},
        REPORT,
    ),
    Case(
        access.bound_jobs_exist,
        {**REPORT, f"{NOMAD}/report-reads-web/job/namespace": "monitoring"},
        REPORT,
    ),
    Case(
        access.bound_jobs_exist,
        {f"{NOMAD}/report-reads-web/job/namespace": "reports"},
        {f"{NOMAD}/report-reads-web/purpose": "x"},
    ),
    Case(
        access.anonymous_reads_only,
        {f"{NOMAD}/anonymous/rules/namespaces/apps": {"policy": "write"}},
        {f"{NOMAD}/anonymous/rules/namespaces/apps": {"policy": "deny"}},
    ),
    Case(
        access.anonymous_reads_only,
        {f"{NOMAD}/anonymous/rules/namespaces/apps": {"variables": {"nomad/jobs/web": ["read"]}}},
        {f"{NOMAD}/anonymous/rules/namespaces/apps": {"capabilities": ["read-job"]}},
    ),
    Case(
        access.anonymous_reads_only,
        {f"{NOMAD}/anonymous/rules/operator": "write"},
        {f"{NOMAD}/anonymous/rules/operator": "read"},
    ),
    Case(
        access.anonymous_reads_only,
        {f"{CONSUL}/anonymous": ["anonymous", "vault-service"]},
        {f"{CONSUL}/anonymous": ["anonymous", "observer"]},
    ),
    Case(
        access.directories_are_asked_in_private,
        {f"{VAULT}/ldap/url": "ldap://ldap.fleet.example"},
        {f"{VAULT}/ldap/url": "ldap://localhost"},
    ),
    Case(
        access.directories_are_asked_in_private,
        {f"{VAULT}/ldap/url": "ldap://10.77.0.55:389"},
        {f"{VAULT}/ldap/url": "ldap://10.77.0.55:389", f"{VAULT}/ldap/starttls": True},
    ),
)

MOUNTS = (
    Case(
        mounts.mounts_stand_once,
        {f"{VAULT}/mounts": {"secret": KV, "secret/": KV}},
        {f"{VAULT}/mounts": {"secret": KV, "secrets/": KV}},
    ),
    Case(
        mounts.mounts_stand_once,
        {f"{VAULT}/mounts": {"secret": KV, "secret/of": KV}},
        {f"{VAULT}/mounts": {"secret": KV, "secret-of": KV}},
    ),
    Case(
        mounts.mounts_stand_once,
        {f"{VAULT}/mounts/nomad": {"type": "transit", "purpose": "x"}},
        {f"{VAULT}/mounts/nomad-keys": {"type": "transit", "purpose": "x"}},
    ),
    Case(
        mounts.mounts_stand_once,
        {f"{VAULT}/mounts/ldap": {"type": "transit", "purpose": "x"}},
        {f"{VAULT}/mounts/ldap-keys": {"type": "transit", "purpose": "x"}},
    ),
    Case(
        mounts.mounts_stand_once,
        {f"{VAULT}/mounts/sys": {"type": "transit", "purpose": "x"}},
        {f"{VAULT}/mounts/system": {"type": "transit", "purpose": "x"}},
    ),
    Case(
        mounts.kv_mounts_have_a_version,
        {f"{VAULT}/mounts/secret/version": GONE},
        {f"{VAULT}/mounts/secret/purpose": "x"},
    ),
    Case(
        mounts.kv_mounts_have_a_version,
        {f"{VAULT}/mounts/keys": {"type": "transit", "version": 1, "purpose": "x"}},
        {f"{VAULT}/mounts/keys": {"type": "transit", "purpose": "x"}},
    ),
    Case(
        mounts.leases_are_in_order,
        {f"{VAULT}/mounts/secret/default_lease_seconds": 3600, f"{VAULT}/mounts/secret/max_lease_seconds": 3599},
        {f"{VAULT}/mounts/secret/default_lease_seconds": 3600, f"{VAULT}/mounts/secret/max_lease_seconds": 3600},
    ),
    Case(
        mounts.leases_are_in_order,
        {f"{VAULT}/nomad/max_lease_seconds": 600},
        {f"{VAULT}/nomad/max_lease_seconds": 3600},
    ),
    Case(mounts.leases_are_in_order, {f"{VAULT}/ldap/longest_seconds": 600}, {f"{VAULT}/ldap/longest_seconds": 3600}),
    Case(
        mounts.vault_paths_are_mounted,
        {f"{VAULT}/policies/observer/paths": {"secrets/data/shown": ["read"]}},
        {f"{VAULT}/policies/observer/paths": {"secret/data/shown": ["read"]}},
    ),
    Case(
        mounts.vault_paths_are_mounted,
        {f"{VAULT}/policies/observer/paths": {"/sys/health": ["read"]}},
        {f"{VAULT}/policies/observer/paths": {"sys/health": ["read"]}},
    ),
    Case(
        mounts.kv_paths_name_the_part,
        {f"{VAULT}/policies/observer/paths": {"secret/shown": ["read"]}},
        {f"{VAULT}/policies/observer/paths": {"secret/shown": ["read"]}, f"{VAULT}/mounts/secret/version": 1},
    ),
    Case(
        mounts.names_are_not_the_servers_own,
        {f"{VAULT}/policies/default": {"purpose": "x", "paths": {"secret/*": ["read"]}}},
        {f"{VAULT}/policies/defaults": {"purpose": "x", "paths": {"secret/*": ["read"]}}},
    ),
    Case(
        mounts.names_are_not_the_servers_own,
        {f"{VAULT}/policies/host-a-bru-be": {"purpose": "x", "paths": {"secret/*": ["read"]}}},
        {f"{VAULT}/policies/hosts": {"purpose": "x", "paths": {"secret/*": ["read"]}}},
    ),
    Case(
        mounts.names_are_not_the_servers_own,
        {f"{VAULT}/consul/roles/nomad-server": {"purpose": "x", "roles": ["observer"]}},
        {f"{VAULT}/consul/roles/nomad-people": {"purpose": "x", "roles": ["observer"]}},
    ),
)

CASES = (*POLICIES, *MOUNTS)

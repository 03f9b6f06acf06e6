"""Rules about who may do what: what is asked for is defined, and every namespace in use has people who manage it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator

from model.access import Access, ConsulRules, NamespaceRule, NomadRules
from model.checks.rule import Found
from model.fleet import Fleet
from model.reading import Where

# What the servers bring along and nobody defines.
OF_VAULT = frozenset({"default"})
OF_CONSUL = frozenset({"global-management"})
_READING = frozenset(
    {"list-jobs", "parse-job", "read-job", "read-job-scaling", "list-scaling-policies", "read-scaling-policy"}
)


def access_has_servers(fleet: Fleet) -> Iterator[Found]:
    """Rights are of servers that the stack has."""
    if fleet.access is not None and fleet.control is None:
        yield Found(("access",), "no `control:` says where the servers are", "declare `control:`, or remove this")


def _asked(access: Access) -> Iterator[tuple[Where, tuple[str, ...], str, Collection[str]]]:
    """Where policies and roles are asked for: the names, what they are, and those that exist."""
    nomad, vault, consul = access.nomad, access.vault, access.consul
    for name, role in nomad.roles.items():
        yield ("access", "nomad", "roles", name, "policies"), role.policies, "nomad.policies", nomad.policies
    for name, tokens in vault.nomad.roles.items():
        path: Where = ("access", "vault", "nomad", "roles", name, "policies")
        yield path, tokens.policies, "nomad.policies", nomad.policies
    for name, group in vault.groups.items():
        known = {*vault.policies, *OF_VAULT}
        yield ("access", "vault", "groups", name, "policies"), group.policies, "vault.policies", known
    known = {*consul.policies, *OF_CONSUL}
    for name, handed in vault.consul.roles.items():
        path = ("access", "vault", "consul", "roles", name)
        yield (*path, "policies"), handed.policies, "consul.policies", known
        yield (*path, "roles"), handed.roles, "consul.roles", consul.roles
    for name, holder in consul.roles.items():
        yield ("access", "consul", "roles", name, "policies"), holder.policies, "consul.policies", known
    yield ("access", "consul", "anonymous"), consul.anonymous, "consul.policies", known


def policies_asked_for_are_defined(fleet: Fleet) -> Iterator[Found]:
    """A policy or role that somebody is to have is defined."""
    if fleet.access is None:
        return
    for path, names, place, known in _asked(fleet.access):
        for i, name in enumerate(names):
            if name not in known:
                yield Found((*path, i), f"{name} is not defined", _define(name, f"access.{place}", known))
    roles = fleet.access.consul.roles
    for field, role in fleet.access.consul.hosts:
        if role not in roles:
            what = f"{role}, which hosts' tokens hold, is not defined"
            yield Found(("access", "consul", "hosts", field), what, _define(role, "access.consul.roles", roles))


def _define(name: str, place: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), 1)
    return f"did you mean {close[0]}? Else define it in {place}" if close else f"define it in {place}"


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern of Nomad, in which `*` stands for anything, is of a name."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None


def opens(path: str, asked: str) -> bool:
    """Whether a path of a Vault policy is over another path: `*` at the end stands for anything, `+` for one step."""
    prefix = path.removesuffix("*")
    pattern = "".join("[^/]+" if part == "+" else re.escape(part) for part in re.split(r"(\+)", prefix))
    return re.fullmatch(pattern + (".*" if path.endswith("*") else ""), asked) is not None


def policies_name_declared_namespaces(fleet: Fleet) -> Iterator[Found]:
    """A policy is over namespaces that are declared; `default` holds no job of ours and is none of them."""
    if fleet.access is None:
        return
    declared = fleet.access.nomad.namespaces
    for name, policy in fleet.access.nomad.policies.items():
        for pattern in policy.rules.namespaces:
            if not any(matches(pattern, namespace) for namespace in declared):
                path: Where = ("access", "nomad", "policies", name, "rules", "namespaces", pattern)
                what = f"{pattern} is {'no namespace of any here' if '*' in pattern else 'no declared namespace'}"
                yield Found(path, what, f"declare it, or write one of: {', '.join(declared)}, or *")


def namespaces_in_use_are_declared(fleet: Fleet) -> Iterator[Found]:
    """A service stands in a declared namespace."""
    if fleet.access is None:
        return
    declared = fleet.access.nomad.namespaces
    for name, service in fleet.services.items():
        if service.namespace not in declared:
            what = f"{service.namespace} is no namespace"
            way_out = f"declare it in access.nomad.namespaces, or write one of: {', '.join(declared)}"
            yield Found(("services", name, "namespace"), what, way_out)


def namespaces_are_managed(fleet: Fleet) -> Iterator[Found]:
    """Every namespace is written to by some group's people, with a token that is no management token."""
    if fleet.access is None:
        return
    managed = _managed(fleet.access)
    for name in fleet.access.nomad.namespaces:
        if name not in managed:
            what = f"no group's people may write in {name}"
            way_out = (
                f"write `{name}: {{policy: write}}` in a policy that a role of access.vault.nomad gives, "
                f"and let a group read nomad/creds/<that role>"
            )
            yield Found(("access", "nomad", "namespaces", name), what, way_out)


def _managed(access: Access) -> set[str]:
    """The namespaces that people can write in: group, Vault policy, role of the engine, Nomad policy, namespace."""
    paths = [
        path
        for group in access.vault.groups.values()
        for policy in group.policies
        if policy in access.vault.policies
        for path, capabilities in access.vault.policies[policy].paths.items()
        if "read" in capabilities and "deny" not in capabilities
    ]
    given = {
        policy
        for role, tokens in access.vault.nomad.roles.items()
        if any(opens(path, f"nomad/creds/{role}") for path in paths)
        for policy in tokens.policies
        if policy in access.nomad.policies
    }
    return {
        namespace
        for policy in given
        for pattern, rule in access.nomad.policies[policy].rules.namespaces.items()
        if rule.policy == "write" or "submit-job" in rule.capabilities
        for namespace in access.nomad.namespaces
        if matches(pattern, namespace)
    }


def groups_map_to_something(fleet: Fleet) -> Iterator[Found]:
    """A group of people maps to a policy that grants something."""
    if fleet.access is None:
        return
    vault = fleet.access.vault
    for name, group in fleet.access.vault.groups.items():
        path: Where = ("access", "vault", "groups", name, "policies")
        known = [vault.policies[policy] for policy in group.policies if policy in vault.policies]
        if not group.policies:
            yield Found(path, f"{name} maps to nothing", "name a policy, or remove the group")
        elif len(known) == len(group.policies) and not any(
            set(capabilities) - {"deny"} for policy in known for capabilities in policy.paths.values()
        ):
            what = f"{name} maps to {', '.join(group.policies)} alone, and nothing is granted there"
            yield Found(path, what, "name a policy that grants something, or remove the group")


def engine_roles_say_one_thing(fleet: Fleet) -> Iterator[Found]:
    """Tokens that Vault hands out have policies or roles; a management token of Nomad has none."""
    if fleet.access is None:
        return
    for name, tokens in fleet.access.vault.nomad.roles.items():
        if tokens.management == bool(tokens.policies):
            what = "says policies and management" if tokens.management else "says neither policies nor management"
            yield Found(("access", "vault", "nomad", "roles", name), what, "keep or write one of the two")
    for name, handed in fleet.access.vault.consul.roles.items():
        if not handed.policies and not handed.roles:
            what = "says neither policies nor roles"
            yield Found(("access", "vault", "consul", "roles", name), what, "name a policy or a role of Consul")


def credentials_are_of_roles(fleet: Fleet) -> Iterator[Found]:
    """A Vault policy that opens tokens by name names a role of that engine."""
    if fleet.access is None:
        return
    vault = fleet.access.vault
    roles: dict[str, Collection[str]] = {"nomad": vault.nomad.roles, "consul": vault.consul.roles}
    for name, policy in vault.policies.items():
        for path in policy.paths:
            found = re.fullmatch(r"(nomad|consul)/creds/([^*+/]+)", path)
            if found and found[2] not in roles[found[1]]:
                what = f"{found[2]} is no role of the {found[1]} engine"
                way_out = _define(found[2], f"access.vault.{found[1]}.roles", roles[found[1]])
                yield Found(("access", "vault", "policies", name, "paths", path), what, way_out)


def rules_grant_something(fleet: Fleet) -> Iterator[Found]:
    """A policy says something at each of its places, for a server takes an empty one for a mistake or for nothing."""
    if fleet.access is None:
        return
    way_out = "say what may be done, or remove it"
    for name, policy in fleet.access.nomad.policies.items():
        path: Where = ("access", "nomad", "policies", name, "rules")
        if policy.rules == NomadRules():
            yield Found(path, f"{name} grants nothing", way_out)
        for namespace, rule in policy.rules.namespaces.items():
            if rule == NamespaceRule():
                yield Found((*path, "namespaces", namespace), "grants nothing", way_out)
            for variable, capabilities in rule.variables.items():
                if not capabilities:
                    yield Found((*path, "namespaces", namespace, "variables", variable), "grants nothing", way_out)
    for name, held in fleet.access.vault.policies.items():
        for at, may in held.paths.items():
            if not may:
                yield Found(("access", "vault", "policies", name, "paths", at), "grants nothing", way_out)
    for name, its in fleet.access.consul.policies.items():
        if its.rules == ConsulRules():
            yield Found(("access", "consul", "policies", name, "rules"), f"{name} grants nothing", way_out)


def bound_jobs_exist(fleet: Fleet) -> Iterator[Found]:
    """A policy bound to a job names a job of the stack, in the namespace where that job stands."""
    if fleet.access is None:
        return
    for name, policy in fleet.access.nomad.policies.items():
        if policy.job is None:
            continue
        path: Where = ("access", "nomad", "policies", name, "job")
        namespace, job = policy.job.namespace, policy.job.job
        if namespace not in fleet.access.nomad.namespaces:
            yield Found((*path, "namespace"), f"{namespace} is no namespace", "name the job's own namespace")
        elif not fleet.services:
            continue
        elif job not in fleet.services:
            close = difflib.get_close_matches(job, sorted(fleet.services), 1)
            hint = f"did you mean {close[0]}?" if close else "name a job of services/, or remove the policy"
            yield Found((*path, "job"), f"there is no job {job}", hint)
        elif fleet.services[job].namespace != namespace:
            stands = fleet.services[job].namespace
            yield Found((*path, "namespace"), f"the job {job} stands in {stands}", f"write {stands}")


def anonymous_reads_only(fleet: Fleet) -> Iterator[Found]:
    """Whoever shows no token reads at most, and no variable."""
    if fleet.access is None:
        return
    policy = fleet.access.nomad.policies.get("anonymous")
    path: Where = ("access", "nomad", "policies", "anonymous")
    if policy is not None and policy.job is not None:
        yield Found((*path, "job"), "this name means everybody, not a job", "give the policy another name")
    for pattern, rule in policy.rules.namespaces.items() if policy else ():
        more = rule.policy in ("write", "scale") or set(rule.capabilities) - _READING or rule.variables
        if more:
            yield Found((*path, "rules", "namespaces", pattern), "grants more than reading jobs", "write policy: read")
    for field in ("agent", "node", "operator", "plugin"):
        if policy is not None and getattr(policy.rules, field) == "write":
            yield Found((*path, "rules", field), "everybody could write", "write read, or remove it")
    consul = fleet.access.consul
    for i, name in enumerate(consul.anonymous):
        if name in OF_CONSUL or (name in consul.policies and _writes(consul.policies[name].rules)):
            what = f"{name} lets everybody write"
            yield Found(("access", "consul", "anonymous", i), what, "name a policy that only reads")


def _writes(rules: ConsulRules) -> bool:
    return any(said == "write" or (isinstance(said, dict) and "write" in said.values()) for _, said in rules)


def directories_are_asked_in_private(fleet: Fleet) -> Iterator[Found]:
    """Passwords leave a host by TLS alone."""
    if fleet.access is None:
        return
    ldap = fleet.access.vault.ldap
    if ldap.url.startswith("ldap:") and not ldap.starttls and not ldap.on_loopback:
        what = f"{ldap.url} would get every password as it is typed"
        yield Found(("access", "vault", "ldap", "url"), what, "write ldaps://, or starttls: true")


RULES = (
    access_has_servers,
    policies_asked_for_are_defined,
    policies_name_declared_namespaces,
    namespaces_in_use_are_declared,
    namespaces_are_managed,
    groups_map_to_something,
    engine_roles_say_one_thing,
    credentials_are_of_roles,
    rules_grant_something,
    bound_jobs_exist,
    anonymous_reads_only,
    directories_are_asked_in_private,
)

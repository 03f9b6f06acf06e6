"""Rules about Vault's mounts: each stands once, says what it is, and what policies say of paths is about one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from model.checks.rule import Found
from model.fleet import Fleet
from model.reading import Where

# Vault's own places, and the engines and logins that the data declare beside the mounts.
_OWN = ("sys", "auth", "identity", "cubbyhole")
_ENGINES = ("nomad", "consul")
_LOGINS = ("ldap", "hosts")
_HOST_ROLE = re.compile(r"agent-.*|nomad-server|nomad-client")
_KV2 = ("data", "metadata", "delete", "undelete", "destroy", "subkeys", "config", "+")


def mounts_stand_once(fleet: Fleet) -> Iterator[Found]:
    """A path of Vault is one mount's or one login's, and no mount stands below another."""
    if fleet.access is None:
        return
    held: dict[str, str] = {}
    for path in fleet.access.vault.mounts:
        place: Where = ("access", "vault", "mounts", path)
        plain = path.strip("/")
        first = plain.partition("/")[0]
        name = plain.removeprefix("auth/")
        clash = next((o for o in held if o == plain or o.startswith(f"{plain}/") or plain.startswith(f"{o}/")), None)
        if clash is not None:
            what = (
                f"{plain} is the mount {held[clash]} already" if clash == plain else f"{plain} overlaps {held[clash]}"
            )
            yield Found(place, what, "keep one of the two")
        elif first in _ENGINES:
            yield Found(place, f"{first} is the engine of access.vault.{first}", "remove it here")
        elif name in _LOGINS:
            yield Found(place, f"{name} is the path of a login already", "remove it, or take another path")
        elif first in _OWN:
            yield Found(place, f"{first} is Vault's own", "take another path")
        held.setdefault(plain, path)


def kv_mounts_have_a_version(fleet: Fleet) -> Iterator[Found]:
    """A kv mount says its version, and no other mount does."""
    if fleet.access is None:
        return
    for path, mount in fleet.access.vault.mounts.items():
        place: Where = ("access", "vault", "mounts", path)
        if mount.type == "kv" and mount.version is None:
            yield Found(place, f"{path} says no version", "write version: 2, or 1 where values are read by 1's paths")
        elif mount.type != "kv" and mount.version is not None:
            yield Found((*place, "version"), f"{mount.type} has no versions", "remove it")


def leases_are_in_order(fleet: Fleet) -> Iterator[Found]:
    """What is given for a time may be renewed up to a time that is no shorter."""
    if fleet.access is None:
        return
    vault = fleet.access.vault
    way_out = "make the longest at least as long"
    for path, mount in vault.mounts.items():
        shortest, longest = mount.default_lease_seconds, mount.max_lease_seconds
        if shortest is not None and longest is not None and longest < shortest:
            place: Where = ("access", "vault", "mounts", path, "max_lease_seconds")
            yield Found(place, f"{longest} is below {shortest}", way_out)
    for name, engine in (("nomad", vault.nomad), ("consul", vault.consul)):
        if engine.max_lease_seconds < engine.default_lease_seconds:
            what = f"{engine.max_lease_seconds} is below {engine.default_lease_seconds}"
            yield Found(("access", "vault", name, "max_lease_seconds"), what, way_out)
    if vault.ldap.longest_seconds < vault.ldap.token_seconds:
        what = f"{vault.ldap.longest_seconds} is below {vault.ldap.token_seconds}"
        yield Found(("access", "vault", "ldap", "longest_seconds"), what, way_out)


def vault_paths_are_mounted(fleet: Fleet) -> Iterator[Found]:
    """A path of a Vault policy is below a mount, a login or one of Vault's own places."""
    if fleet.access is None:
        return
    mounts = [path.strip("/") for path in fleet.access.vault.mounts]
    known = (*mounts, *_ENGINES, *_OWN)
    for name, policy in fleet.access.vault.policies.items():
        for path in policy.paths:
            place: Where = ("access", "vault", "policies", name, "paths", path)
            if path.startswith("/"):
                yield Found(place, f"{path} begins with a slash", f"write {path.lstrip('/')}")
            elif path != "*" and not any(path == mount or path.startswith(f"{mount}/") for mount in known):
                yield Found(place, f"{path} is below no mount", f"mount it, or write one of: {', '.join(known)}")


def kv_paths_name_the_part(fleet: Fleet) -> Iterator[Found]:
    """In a kv mount of version 2 a path goes on with data, metadata or the like, or it grants nothing."""
    if fleet.access is None:
        return
    second = [path.strip("/") for path, m in fleet.access.vault.mounts.items() if m.type == "kv" and m.version == 2]
    for name, policy in fleet.access.vault.policies.items():
        for path in policy.paths:
            for mount in second:
                if not path.startswith(f"{mount}/"):
                    continue
                part = path.removeprefix(f"{mount}/").partition("/")[0]
                if part not in _KV2 and not part.endswith("*"):
                    what = f"{path} is of version 1's form, and {mount} has version 2"
                    way_out = f"write {mount}/data/{path.removeprefix(f'{mount}/')}"
                    yield Found(("access", "vault", "policies", name, "paths", path), what, way_out)


def names_are_not_the_servers_own(fleet: Fleet) -> Iterator[Found]:
    """What the servers or hosts' tokens call theirs is not given to anything else."""
    if fleet.access is None:
        return
    vault, way_out = fleet.access.vault, "give it another name"
    for name in vault.policies:
        if name in ("root", "default", "response-wrapping"):
            yield Found(("access", "vault", "policies", name), f"{name} is Vault's own policy", way_out)
        elif name.startswith("host-"):
            yield Found(("access", "vault", "policies", name), f"{name} is the policy of a host's own tokens", way_out)
    for name in vault.consul.roles:
        if _HOST_ROLE.fullmatch(name):
            yield Found(("access", "vault", "consul", "roles", name), f"{name} is a role of hosts' tokens", way_out)
    for name in fleet.access.consul.policies:
        if name == "global-management":
            yield Found(("access", "consul", "policies", name), f"{name} is Consul's own policy", way_out)


RULES = (
    mounts_stand_once,
    kv_mounts_have_a_version,
    leases_are_in_order,
    vault_paths_are_mounted,
    kv_paths_name_the_part,
    names_are_not_the_servers_own,
)

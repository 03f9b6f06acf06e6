"""Vault's stand-in: mounts, policies, ways to log in, and the engines that make Nomad's and Consul's tokens."""

from __future__ import annotations

from typing import Any, ClassVar

from providers.base.resource import Failure
from providers.base.values import Bag
from rehearsal.cloud.kind import Kind
from rehearsal.cloud.passthrough import Found, Passed, PassThrough, gone_already
from rehearsal.cloud.schema import snake
from rehearsal.cloud.vault_login import AuthBackend, AuthBackendGroup, CertAuthBackendRole, LdapAuthBackend
from rehearsal.cloud.vault_mounts import Mounted, seconds


class Mount(Mounted):
    token = "vault:index/mount:Mount"
    replace_note: ClassVar[str] = "the official provider moves a mount in place; here another path is another mount"

    def place(self, inputs: Bag) -> str:
        return str(inputs.get("path") or "").strip("/")

    def kind_of(self, inputs: Bag) -> str:
        return str(inputs["type"])


class Policy(Passed):
    token = "vault:index/policy:Policy"
    unread = frozenset({"allowOverwrite"})

    def refine(self, inputs: Bag) -> list[Failure]:
        name = inputs.get("name")
        if isinstance(name, str) and name != name.lower():
            return [Failure("name", f"Vault keeps policy names in lower case: write {name.lower()!r}")]
        return []

    def place(self, inputs: Bag) -> str:
        return str(inputs.get("name") or "")

    def canonical(self, key: str, value: Any) -> Any:
        plain = super().canonical(key, value)
        return plain.strip() if isinstance(plain, str) else plain

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.api.get(f"/v1/sys/policies/acl/{id}", missing_ok=True)
        return None if told is None else Found({"name": id, "policy": told["data"]["policy"]})

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        self.api.put(f"/v1/sys/policies/acl/{self.place(inputs)}", {"policy": inputs["policy"]})
        return self.place(inputs)

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        gone_already(self.api, f"/v1/sys/policies/acl/{id}")


class _Engine(Mounted):
    """A mount whose engine holds a management token. Without one given, Vault bootstraps the system and keeps it."""

    words: ClassVar[tuple[str, ...]]

    def configure(self, path: str, inputs: Bag, before: Bag) -> None:
        body = {snake(key): inputs[key] for key in (*self.words, "caCert", "clientCert", "clientKey") if key in inputs}
        if "token" in inputs and inputs["token"] != before.get("token"):
            body["token"] = inputs["token"]
        if not before or any(inputs.get(key) != before.get(key) for key in {*inputs, *before}):
            self.api.put(f"/v1/{path}/config/access", body)

    def configured(self, path: str) -> Bag:
        told = self.api.get(f"/v1/{path}/config/access", missing_ok=True)
        data = (told or {}).get("data") or {}
        return {key: data[snake(key)] for key in self.words if snake(key) in data}


class NomadSecretBackend(_Engine):
    token = "vault:index/nomadSecretBackend:NomadSecretBackend"
    kind_name = "nomad"
    unread = frozenset({"token", "caCert", "clientCert", "clientKey", "disableRemount"})
    words = ("address", "maxTokenNameLength")

    def place(self, inputs: Bag) -> str:
        return str(inputs.get("backend") or "nomad").strip("/")

    def configure(self, path: str, inputs: Bag, before: Bag) -> None:
        super().configure(path, inputs, before)
        if any(inputs.get(key) != before.get(key) for key in ("ttl", "maxTtl")):
            lease = {"ttl": f"{inputs.get('ttl', 0)}s", "max_ttl": f"{inputs.get('maxTtl', 0)}s"}
            self.api.put(f"/v1/{path}/config/lease", lease)

    def configured(self, path: str) -> Bag:
        told = self.api.get(f"/v1/{path}/config/lease", missing_ok=True)
        lease = (told or {}).get("data") or {}
        found = {"ttl": seconds(lease.get("ttl")), "maxTtl": seconds(lease.get("max_ttl")), "backend": path}
        return {**super().configured(path), **found}


class ConsulSecretBackend(_Engine):
    token = "vault:consul/secretBackend:SecretBackend"
    kind_name = "consul"
    unread = frozenset({"token", "bootstrap", "caCert", "clientCert", "clientKey", "disableRemount"})
    words = ("address", "scheme")

    def refine(self, inputs: Bag) -> list[Failure]:
        if inputs.get("bootstrap") is True and inputs.get("token"):
            return [Failure("token", "conflicts with bootstrap: Vault makes the management token itself")]
        if not inputs.get("bootstrap") and "token" not in inputs:
            return [Failure("token", "needed, unless bootstrap is true: then Vault makes the management token itself")]
        return []

    def place(self, inputs: Bag) -> str:
        return str(inputs.get("path") or "consul").strip("/")


class _Role(Passed):
    """A named entry below a mount, whose fields are the inputs in snake case."""

    middle: ClassVar[str]
    default_backend: ClassVar[str] = ""
    name_key: ClassVar[str] = "name"
    fields: ClassVar[tuple[str, ...]]
    counts: ClassVar[frozenset[str]] = frozenset({"ttl", "maxTtl"})

    def place(self, inputs: Bag) -> str:
        backend, name = inputs.get("backend", self.default_backend), inputs.get(self.name_key)
        if not isinstance(backend, str) or not isinstance(name, str):
            return ""
        return f"{backend.strip('/')}/{self.middle}/{name}"

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.api.get(f"/v1/{id}", missing_ok=True)
        if told is None:
            return None
        backend, _, name = id.rpartition(f"/{self.middle}/")
        data = told["data"]
        found = {key: data[snake(key)] for key in self.fields if snake(key) in data}
        found |= {key: seconds(found[key]) for key in self.counts & found.keys()}
        return Found({**found, "backend": backend, self.name_key: name})

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        body = {key: inputs.get(key, self.nothing(key)) for key in self.fields if key in inputs or key in before}
        place = self.place(inputs)
        self.api.put(f"/v1/{place}", {snake(key): value for key, value in body.items()})
        return place

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        gone_already(self.api, f"/v1/{id}")


class NomadSecretRole(_Role):
    token = "vault:index/nomadSecretRole:NomadSecretRole"
    middle, name_key = "role", "role"
    fields = ("policies", "global", "type")


class ConsulSecretBackendRole(_Role):
    token = "vault:consul/secretBackendRole:SecretBackendRole"
    middle, default_backend = "roles", "consul"
    fields = (
        "consulPolicies",
        "consulRoles",
        "nodeIdentities",
        "serviceIdentities",
        "ttl",
        "maxTtl",
        "local",
    )

    def refine(self, inputs: Bag) -> list[Failure]:
        if any(inputs.get(key) for key in ("consulPolicies", "consulRoles", "nodeIdentities", "serviceIdentities")):
            return []
        return [Failure("consulPolicies", "a role needs policies, roles or identities")]


class Audit(Passed):
    token = "vault:index/audit:Audit"

    def place(self, inputs: Bag) -> str:
        path = inputs.get("path") or inputs.get("type")
        return path.strip("/") if isinstance(path, str) else ""

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = (self.api.get("/v1/sys/audit")["data"] or {}).get(f"{id}/")
        if told is None:
            return None
        return Found({"path": id, **{key: told.get(key) for key in ("type", "description", "local", "options")}})

    def canonical(self, key: str, value: Any) -> Any:
        plain = super().canonical(key, value)
        return plain.strip("/") if key == "path" and isinstance(plain, str) else plain

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        body = {key: inputs[key] for key in ("type", "description", "local", "options") if key in inputs}
        self.api.put(f"/v1/sys/audit/{self.place(inputs)}", body)
        return self.place(inputs)

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        gone_already(self.api, f"/v1/sys/audit/{id}")


class Vault(PassThrough):
    """pulumi_vault's place."""

    name = "vault"
    enterprise = frozenset({"namespace"})
    kinds_of: ClassVar[tuple[type[Kind], ...]] = (
        Mount,
        Policy,
        AuthBackend,
        LdapAuthBackend,
        AuthBackendGroup,
        CertAuthBackendRole,
        NomadSecretBackend,
        NomadSecretRole,
        ConsulSecretBackend,
        ConsulSecretBackendRole,
        Audit,
    )

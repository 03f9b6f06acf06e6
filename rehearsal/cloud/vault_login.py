"""Vault's ways to log in: LDAP for people, certificates for hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from providers.base.values import Bag
from rehearsal.cloud.passthrough import Found, Passed, gone_already
from rehearsal.cloud.schema import snake
from rehearsal.cloud.vault_mounts import seconds

_TUNE: Final = (
    "defaultLeaseTtl",
    "maxLeaseTtl",
    "listingVisibility",
    "tokenType",
    "auditNonHmacRequestKeys",
    "auditNonHmacResponseKeys",
    "passthroughRequestHeaders",
    "allowedResponseHeaders",
)
# What every way to log in says about the tokens it gives.
_TOKEN_FIELDS: Final = (
    "tokenBoundCidrs",
    "tokenExplicitMaxTtl",
    "tokenMaxTtl",
    "tokenNoDefaultPolicy",
    "tokenNumUses",
    "tokenPeriod",
    "tokenPolicies",
    "tokenTtl",
    "tokenType",
)


class _Backend(Passed):
    """A way to log in, mounted below auth/."""

    unread: ClassVar = frozenset({"disableRemount"})
    fields: ClassVar[tuple[str, ...]] = ()

    def kind_of(self, inputs: Bag) -> str:
        return str(inputs["type"])

    def place(self, inputs: Bag) -> str:
        path = inputs.get("path") or inputs.get("type")
        return path.strip("/") if isinstance(path, str) else ""

    def canonical(self, key: str, value: Any) -> Any:
        plain = super().canonical(key, value)
        if key == "path" and isinstance(plain, str):
            return plain.strip("/")
        if key == "tune" and isinstance(plain, dict):
            return {word: seconds(one) if word.endswith("Ttl") else one for word, one in plain.items()} or None
        return plain

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.api.get("/v1/sys/auth")["data"].get(f"{id}/")
        if told is None:
            return None
        tune = {key: told["config"].get(snake(key)) for key in _TUNE}
        tune |= {key: f"{one}s" for key, one in tune.items() if key.endswith("Ttl") and one}
        if tune["tokenType"] == "default-service":
            # What every way to log in starts with.
            tune["tokenType"] = None
        found = {"type": told["type"], "path": id, "description": told["description"], "local": told["local"]}
        own = {key: value for key, value in found.items() if key in self.schema.inputs.properties}
        return Found({**own, "tune": tune, **self.configured(id)}, {"accessor": told["accessor"]})

    def configured(self, path: str) -> Bag:
        """What the backend itself tells."""
        return {}

    def configure(self, path: str, inputs: Bag, before: Bag) -> None:
        """What the backend itself is told."""

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        path = self.place(inputs)
        tune = _snaked(inputs.get("tune") or {})
        if not id:
            body = {"type": self.kind_of(inputs), "description": inputs.get("description", ""), "config": tune}
            self.api.post(f"/v1/sys/auth/{path}", {**body, "local": inputs.get("local", False)})
            try:
                self.configure(path, inputs, {})
            except Exception:
                # Nobody logs in there yet: the next `up` shall find the path free.
                gone_already(self.api, f"/v1/sys/auth/{path}")
                raise
            return path
        if inputs.get("description", "") != before.get("description", ""):
            tune["description"] = inputs.get("description", "")
        # What is not said any more goes back to the server's own.
        for key in (before.get("tune") or {}).keys() - (inputs.get("tune") or {}).keys():
            tune[snake(key)] = "0s" if key.endswith("Ttl") else "" if key == "listingVisibility" else []
        if tune:
            self.api.post(f"/v1/sys/auth/{path}/tune", tune)
        self.configure(path, inputs, before)
        return path

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        gone_already(self.api, f"/v1/sys/auth/{id}")


def _snaked(bag: Mapping[str, Any]) -> dict[str, Any]:
    return {snake(key): value for key, value in bag.items() if value is not None}


class AuthBackend(_Backend):
    token = "vault:index/authBackend:AuthBackend"


class LdapAuthBackend(_Backend):
    """The server fills in whatever is not said, so only what is said is compared."""

    token = "vault:ldap/authBackend:AuthBackend"
    unread = frozenset({"disableRemount", "bindpass", "clientTlsKey"})
    fields = (
        "url",
        "binddn",
        "certificate",
        "clientTlsCert",
        "caseSensitiveNames",
        "connectionTimeout",
        "denyNullBind",
        "dereferenceAliases",
        "discoverdn",
        "groupattr",
        "groupdn",
        "groupfilter",
        "insecureTls",
        "maxPageSize",
        "requestTimeout",
        "starttls",
        "tlsMaxVersion",
        "tlsMinVersion",
        "upndomain",
        "useTokenGroups",
        "userattr",
        "userdn",
        "userfilter",
        "usernameAsAlias",
        "anonymousGroupSearch",
        "enableSamaccountnameLogin",
        *_TOKEN_FIELDS,
    )

    def kind_of(self, inputs: Bag) -> str:
        return "ldap"

    def place(self, inputs: Bag) -> str:
        path = inputs.get("path", "ldap")
        return path.strip("/") if isinstance(path, str) else ""

    def canonical(self, key: str, value: Any) -> Any:
        plain = super().canonical(key, value)
        if key == "userattr" and isinstance(plain, str):
            return plain.lower()
        return plain.strip() if key == "certificate" and isinstance(plain, str) else plain

    def configure(self, path: str, inputs: Bag, before: Bag) -> None:
        body = {_word(key): inputs[key] for key in (*self.fields, "bindpass", "clientTlsKey") if key in inputs}
        self.api.post(f"/v1/auth/{path}/config", body)

    def configured(self, path: str) -> Bag:
        told = self.api.get(f"/v1/auth/{path}/config", missing_ok=True)
        data = (told or {}).get("data") or {}
        return {key: data[_word(key)] for key in self.fields if _word(key) in data}


_ODD: Final = {
    "anonymousGroupSearch": "anonymous_group_search",
    "enableSamaccountnameLogin": "enable_samaccountname_login",
}


def _word(key: str) -> str:
    return _ODD.get(key) or snake(key)


class AuthBackendGroup(Passed):
    token = "vault:ldap/authBackendGroup:AuthBackendGroup"

    def place(self, inputs: Bag) -> str:
        backend, name = inputs.get("backend", "ldap"), inputs.get("groupname")
        known = isinstance(backend, str) and isinstance(name, str)
        return f"auth/{backend.strip('/')}/groups/{name}" if known else ""

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.api.get(f"/v1/{id}", missing_ok=True)
        if told is None:
            return None
        backend, _, name = id.removeprefix("auth/").rpartition("/groups/")
        return Found({"backend": backend, "groupname": name, "policies": told["data"]["policies"]})

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        self.api.put(f"/v1/{self.place(inputs)}", {"policies": inputs.get("policies", [])})
        return self.place(inputs)

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        gone_already(self.api, f"/v1/{id}")


class CertAuthBackendRole(Passed):
    token = "vault:index/certAuthBackendRole:CertAuthBackendRole"
    fields: ClassVar = (
        "certificate",
        "displayName",
        "allowedNames",
        "allowedCommonNames",
        "allowedDnsSans",
        "allowedEmailSans",
        "allowedUriSans",
        "allowedOrganizationalUnits",
        "requiredExtensions",
        "ocspEnabled",
        "ocspFailOpen",
        "ocspCaCertificates",
        "ocspServersOverrides",
        "ocspQueryAllServers",
        *_TOKEN_FIELDS,
    )

    def place(self, inputs: Bag) -> str:
        backend, name = inputs.get("backend", "cert"), inputs.get("name")
        known = isinstance(backend, str) and isinstance(name, str)
        return f"auth/{backend.strip('/')}/certs/{name}" if known else ""

    def canonical(self, key: str, value: Any) -> Any:
        plain = super().canonical(key, value)
        return plain.strip() if key == "certificate" and isinstance(plain, str) else plain

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.api.get(f"/v1/{id}", missing_ok=True)
        if told is None:
            return None
        backend, _, name = id.removeprefix("auth/").rpartition("/certs/")
        found = {key: told["data"][snake(key)] for key in self.fields if snake(key) in told["data"]}
        return Found({**found, "backend": backend, "name": name})

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        body = {key: inputs.get(key, self.nothing(key)) for key in self.fields if key in inputs or key in before}
        self.api.put(f"/v1/{self.place(inputs)}", {snake(key): value for key, value in body.items()})
        return self.place(inputs)

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        gone_already(self.api, f"/v1/{id}")

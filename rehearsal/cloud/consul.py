"""Consul's stand-in: policies, roles, tokens, and what is bound to them, at the real servers."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from providers.base.resource import Failure
from providers.base.values import UNKNOWN, Bag
from rehearsal.cloud.kind import Kind
from rehearsal.cloud.passthrough import Found, Passed, PassThrough, gone_already
from servers import Api, ApiError


def _look(api: Api, what: str, id_: str) -> dict[str, Any] | None:
    """One thing, or nothing: of a missing token Consul says with status 403 that it does not exist."""
    try:
        told: dict[str, Any] | None = api.get(f"/v1/acl/{what}/{id_}", missing_ok=True)
    except ApiError as error:
        if "does not exist" in error.text:
            return None
        raise
    return told


class _Numbered(Passed):
    """A thing of Consul's ACL system that the server gives a number, at /v1/acl/<what>."""

    what: ClassVar[str]
    words: ClassVar[dict[str, str]]
    number: ClassVar[str] = "ID"

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        if not (told := self._told(id)):
            return None
        return Found({key: self.from_server(key, told.get(word)) for key, word in self.words.items() if told.get(word)})

    def _told(self, id_: str) -> dict[str, Any] | None:
        return _look(self.api, self.what, id_)

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        body = {word: self.to_server(key, inputs[key]) for key, word in self.words.items() if key in inputs}
        if id:
            # What the program does not say any more is emptied; what it never may say stays.
            kept = {word: None for key, word in self.words.items() if key in before and key not in inputs}
            self.api.put(f"/v1/acl/{self.what}/{id}", {**body, **kept, self.number: id})
            return id
        return str(self.api.put(f"/v1/acl/{self.what}", body)[self.number])

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        gone_already(self.api, f"/v1/acl/{self.what}/{id}")

    def to_server(self, key: str, value: Any) -> Any:
        return value

    def from_server(self, key: str, value: Any) -> Any:
        return value


class AclPolicy(_Numbered):
    token = "consul:index/aclPolicy:AclPolicy"
    what = "policy"
    words: ClassVar = {"name": "Name", "description": "Description", "rules": "Rules", "datacenters": "Datacenters"}


_IDENTITIES = {
    "nodeIdentities": {"nodeName": "NodeName", "datacenter": "Datacenter"},
    "serviceIdentities": {"serviceName": "ServiceName", "datacenters": "Datacenters"},
    "templatedPolicies": {
        "templateName": "TemplateName",
        "templateVariables": "TemplateVariables",
        "datacenters": "Datacenters",
    },
}
_IDENTITY_WORDS = {key: key[0].upper() + key[1:] for key in _IDENTITIES}


class _Bound(_Numbered):
    """What holds policies and identities."""

    def to_server(self, key: str, value: Any) -> Any:
        if key in _IDENTITIES:
            words = _IDENTITIES[key]
            return [{words[one]: _name_up(item) for one, item in entry.items()} for entry in value]
        return value

    def from_server(self, key: str, value: Any) -> Any:
        if key in _IDENTITIES:
            words = {word: one for one, word in _IDENTITIES[key].items()}
            return [{words[word]: _name_down(item) for word, item in entry.items() if word in words} for entry in value]
        return value


def _name_up(value: Any) -> Any:
    return {"Name": value.get("name")} if isinstance(value, dict) else value


def _name_down(value: Any) -> Any:
    return {"name": value.get("Name")} if isinstance(value, dict) else value


class AclRole(_Bound):
    token = "consul:index/aclRole:AclRole"
    what = "role"
    words: ClassVar = {"name": "Name", "description": "Description", "policies": "Policies", **_IDENTITY_WORDS}

    def to_server(self, key: str, value: Any) -> Any:
        # A role takes numbers of policies, as the official provider does; a token takes names.
        return [{"ID": one} for one in value] if key == "policies" else super().to_server(key, value)

    def from_server(self, key: str, value: Any) -> Any:
        return [one["ID"] for one in value] if key == "policies" else super().from_server(key, value)


class AclToken(_Bound):
    """Its secret never comes here: who needs it asks Vault or Consul for it."""

    token = "consul:index/aclToken:AclToken"
    what = "token"
    number = "AccessorID"
    words: ClassVar = {
        "accessorId": "AccessorID",
        "description": "Description",
        "policies": "Policies",
        "roles": "Roles",
        "local": "Local",
        "expirationTime": "ExpirationTime",
        **_IDENTITY_WORDS,
    }

    def to_server(self, key: str, value: Any) -> Any:
        named = key in ("policies", "roles")
        return [{"Name": one} for one in value] if named else super().to_server(key, value)

    def from_server(self, key: str, value: Any) -> Any:
        named = key in ("policies", "roles")
        return [one["Name"] for one in value] if named else super().from_server(key, value)


class _Attachment(Passed):
    """One policy or role of a token that somebody else made, such as the anonymous one."""

    word: ClassVar[str]
    key: ClassVar[str]

    def place(self, inputs: Bag) -> str:
        token, name = inputs.get("tokenId"), inputs.get(self.key)
        return f"{token}:{name}" if isinstance(token, str) and isinstance(name, str) else ""

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        token, _, name = id.partition(":")
        told = _look(self.api, "token", token)
        if told is None or name not in self._names(told):
            return None
        return Found({"tokenId": token, self.key: name})

    def _names(self, told: dict[str, Any]) -> list[str]:
        return [one["Name"] for one in told.get(self.word) or []]

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        self._rewrite(inputs["tokenId"], lambda names: [*names, inputs[self.key]])
        return self.place(inputs)

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        token, _, name = id.partition(":")
        self._rewrite(token, lambda names: [one for one in names if one != name])

    def _rewrite(self, token: str, change: Any) -> None:
        with self.through.writing:
            told = _look(self.api, "token", token)
            if told is None:
                return
            names = dict.fromkeys(change(self._names(told)))
            # The hash is the server's own, over what it had.
            body = {
                key: value for key, value in told.items() if key not in ("Hash", "ExpandedPolicies", "ExpandedRoles")
            }
            self.api.put(f"/v1/acl/token/{token}", {**body, self.word: [{"Name": one} for one in names]})


class AclTokenPolicyAttachment(_Attachment):
    token = "consul:index/aclTokenPolicyAttachment:AclTokenPolicyAttachment"
    word, key = "Policies", "policy"


class AclTokenRoleAttachment(_Attachment):
    token = "consul:index/aclTokenRoleAttachment:AclTokenRoleAttachment"
    word, key = "Roles", "role"


class AclBindingRule(_Numbered):
    token = "consul:index/aclBindingRule:AclBindingRule"
    what = "binding-rule"
    words: ClassVar = {
        "authMethod": "AuthMethod",
        "bindName": "BindName",
        "bindType": "BindType",
        "description": "Description",
        "selector": "Selector",
    }


class AclAuthMethod(Passed):
    token = "consul:index/aclAuthMethod:AclAuthMethod"
    words: ClassVar = {
        "name": "Name",
        "type": "Type",
        "description": "Description",
        "displayName": "DisplayName",
        "maxTokenTtl": "MaxTokenTTL",
        "tokenLocality": "TokenLocality",
    }
    unread = frozenset({"configJson", "config"})

    def refine(self, inputs: Bag) -> list[Failure]:
        if inputs.get("configJson") is UNKNOWN or inputs.get("configJson") or inputs.get("config"):
            return []
        return [Failure("configJson", "an auth method needs its configuration, as JSON")]

    def place(self, inputs: Bag) -> str:
        return str(inputs.get("name") or "")

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.api.get(f"/v1/acl/auth-method/{id}", missing_ok=True)
        return None if told is None else Found({key: told.get(word) for key, word in self.words.items()})

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        body = {word: inputs[key] for key, word in self.words.items() if key in inputs}
        body["Config"] = json.loads(inputs["configJson"]) if "configJson" in inputs else inputs.get("config")
        self.api.put(f"/v1/acl/auth-method/{id}" if id else "/v1/acl/auth-method", body)
        return self.place(inputs)

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        gone_already(self.api, f"/v1/acl/auth-method/{id}")


class Consul(PassThrough):
    """pulumi_consul's place."""

    name = "consul"
    enterprise = frozenset({"namespace", "partition"})
    kinds_of: ClassVar[tuple[type[Kind], ...]] = (
        AclPolicy,
        AclRole,
        AclToken,
        AclTokenPolicyAttachment,
        AclTokenRoleAttachment,
        AclBindingRule,
        AclAuthMethod,
    )

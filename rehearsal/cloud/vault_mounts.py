"""Vault's mounts: what is said when one is made, what can be tuned later, and how the server tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from providers.base.values import Bag
from rehearsal.cloud.passthrough import Found, Passed, gone_already

# Our words for what a mount's tuning takes.
_TUNED: Final = {
    "defaultLeaseTtlSeconds": "default_lease_ttl",
    "maxLeaseTtlSeconds": "max_lease_ttl",
    "listingVisibility": "listing_visibility",
    "auditNonHmacRequestKeys": "audit_non_hmac_request_keys",
    "auditNonHmacResponseKeys": "audit_non_hmac_response_keys",
    "passthroughRequestHeaders": "passthrough_request_headers",
    "allowedResponseHeaders": "allowed_response_headers",
}
_MADE: Final = {"local": "local", "sealWrap": "seal_wrap", "externalEntropyAccess": "external_entropy_access"}
_UNIT: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(value: Any) -> int:
    """A duration as the server or a program writes it: 3600, "3600", "1h", "1h30m"."""
    if isinstance(value, int | float):
        return int(value)
    text = str(value or "0")
    if text.isdecimal():
        return int(text)
    return sum(int(count) * _UNIT[unit] for count, unit in re.findall(r"(\d+)([smhd])", text))


def tune_body(inputs: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What to tune: all that is said, and what is said no longer goes back to the server's own."""
    body: dict[str, Any] = {}
    for key, word in _TUNED.items():
        if key in inputs:
            body[word] = f"{inputs[key]}s" if key.endswith("Seconds") else inputs[key]
        elif key in before:
            body[word] = "0s" if key.endswith("Seconds") else "" if key == "listingVisibility" else []
    if inputs.get("description", "") != before.get("description", ""):
        body["description"] = inputs.get("description", "")
    if "options" in inputs and inputs["options"] != before.get("options"):
        body["options"] = inputs["options"]
    return body


def mount_body(kind: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a mount."""
    config = {key: value for key, value in tune_body(inputs, {}).items() if key not in ("description", "options")}
    if inputs.get("forceNoCache"):
        config["force_no_cache"] = True
    body = {"type": kind, "description": inputs.get("description", ""), "config": config}
    if "options" in inputs:
        body["options"] = inputs["options"]
    return body | {word: inputs[key] for key, word in _MADE.items() if key in inputs}


def mount_found(told: Mapping[str, Any]) -> Bag:
    """A mount of the server in our words."""
    config = told.get("config") or {}
    found = {key: config.get(word) for key, word in _TUNED.items()}
    found |= {key: told.get(word) for key, word in _MADE.items()}
    return {**found, "description": told.get("description"), "options": told.get("options")}


class Mounted(Passed):
    """A secrets engine at a path."""

    kind_name: ClassVar[str] = ""

    def kind_of(self, inputs: Bag) -> str:
        return self.kind_name

    def configure(self, path: str, inputs: Bag, before: Bag) -> None:
        """What the engine itself is told, once it is mounted."""

    def configured(self, path: str) -> Bag:
        """What the engine itself tells."""
        return {}

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        mounts: dict[str, Any] = self.api.get("/v1/sys/mounts")["data"]
        told = mounts.get(f"{id.strip('/')}/")
        if told is None or (self.kind_name and told["type"] != self.kind_name):
            return None
        own = {"type": told["type"]} if not self.kind_name else {}
        where = {key: id for key in ("path",) if key in self.schema.inputs.properties}
        return Found({**mount_found(told), **own, **where, **self.configured(id)}, {"accessor": told["accessor"]})

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        path = self.place(inputs)
        if not id:
            self.api.post(f"/v1/sys/mounts/{path}", mount_body(self.kind_of(inputs), inputs))
            try:
                self.configure(path, inputs, {})
            except Exception:
                # Nothing is in it yet: the next `up` shall find the path free.
                gone_already(self.api, f"/v1/sys/mounts/{path}")
                raise
            return path
        if body := tune_body(inputs, before):
            self.api.post(f"/v1/sys/mounts/{path}/tune", body)
        self.configure(path, inputs, before)
        return path

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        gone_already(self.api, f"/v1/sys/mounts/{id}")

    def canonical(self, key: str, value: Any) -> Any:
        plain = super().canonical(key, value)
        return plain.strip("/") if key in ("path", "backend") and isinstance(plain, str) else plain

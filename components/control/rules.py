"""Policies as the three servers read them: the same data give the same text, line by line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from model.access import ConsulRules, NomadRules, VaultCapability

_VAULT_ORDER: tuple[VaultCapability, ...] = ("create", "read", "update", "patch", "delete", "list", "sudo", "deny")
_INDENT = "  "


def nomad(rules: NomadRules) -> str:
    """A policy of Nomad."""
    lines: list[str] = []
    for pattern, rule in sorted(rules.namespaces.items()):
        body = [_setting("policy", rule.policy)] if rule.policy else []
        if rule.capabilities:
            body.append(_setting("capabilities", sorted(rule.capabilities)))
        if rule.variables:
            paths = [
                line
                for path, may in sorted(rule.variables.items())
                for line in _block(f"path {_quoted(path)}", [_setting("capabilities", sorted(may))])
            ]
            body += _block("variables", paths)
        lines += _block(f"namespace {_quoted(pattern)}", body)
    for part in ("agent", "node", "operator", "plugin"):
        level = getattr(rules, part)
        if level is not None:
            lines += _block(part, [_setting("policy", level)])
    for pattern, level in sorted(rules.host_volumes.items()):
        lines += _block(f"host_volume {_quoted(pattern)}", [_setting("policy", level)])
    return _text(lines)


def vault(paths: Mapping[str, Iterable[VaultCapability]]) -> str:
    """A policy of Vault."""
    lines: list[str] = []
    for path, may in sorted(paths.items()):
        ordered = sorted(may, key=_VAULT_ORDER.index)
        lines += _block(f"path {_quoted(path)}", [_setting("capabilities", ordered)])
    return _text(lines)


def consul(rules: ConsulRules) -> str:
    """A policy of Consul."""
    lines: list[str] = []
    for resource in type(rules).model_fields:
        said = getattr(rules, resource)
        if isinstance(said, str):
            lines.append(_setting(resource, said))
        for match, level in sorted(said.items()) if isinstance(said, Mapping) else ():
            lines += _block(f"{resource} {_quoted(match)}", [_setting("policy", level)])
    return _text(lines)


def _block(head: str, body: list[str]) -> list[str]:
    return [f"{head} {{", *(_INDENT + line for line in body), "}"]


def _setting(name: str, value: str | Sequence[str]) -> str:
    return f"{name} = {_quoted(value) if isinstance(value, str) else '[' + ', '.join(map(_quoted, value)) + ']'}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"

"""The name under which others find a port: in Consul or in Nomad itself, with its checks and its public names."""

from __future__ import annotations

from typing import Any

from components.blocks.values import nanoseconds, said
from model.registration import Check, Registration, Vhost, VhostPath, seconds

# By it the mirrors tell an instance of a version that is being tried; Nomad takes it away with the promotion.
CANARY = "canary"


def registration(name: str, it: Registration, *, tried: bool = False) -> dict[str, Any]:
    """A registration as Nomad's API takes it. `tried`: new versions are tried on a part of the instances first."""
    meta = {**it.meta, **(vhost_meta(it.vhost) if it.vhost else {})}
    return said(
        Name=name,
        Provider=it.provider,
        PortLabel=it.port,
        Tags=list(it.tags),
        CanaryTags=[*it.tags, CANARY] if tried and it.vhost is not None else None,
        Meta=dict(sorted(meta.items())) or None,
        Checks=[_check(check) for check in it.checks],
    )


def vhost_meta(vhost: Vhost) -> dict[str, str]:
    """A public name as the fronts read it from Consul. A name that is not public is not told to them.

    Words and numbers only, since Consul keeps text. Paths are numbered, for a key of Consul's meta takes no slash.
    """
    if not vhost.public:
        return {}
    meta = {"vhost_names": " ".join(vhost.names), "vhost_through": vhost.through, "vhost_login": vhost.login}
    if vhost.websocket:
        meta["vhost_websocket"] = "on"
    if vhost.cache is not None:
        meta["vhost_cache"] = _whole(vhost.cache)
    if vhost.methods:
        meta["vhost_methods"] = " ".join(vhost.methods)
    if vhost.limits.body_mb is not None:
        meta["vhost_body_mb"] = str(vhost.limits.body_mb)
    if vhost.limits.requests_per_second is not None:
        meta["vhost_requests_per_second"] = str(vhost.limits.requests_per_second)
    if vhost.limits.timeout is not None:
        meta["vhost_timeout"] = _whole(vhost.limits.timeout)
    for number, (path, what) in enumerate(sorted(vhost.paths.items())):
        meta |= {f"vhost_path_{number}": path} | {f"vhost_path_{number}_{k}": v for k, v in _path(what).items()}
    return meta


def _path(it: VhostPath) -> dict[str, str]:
    found: dict[str, str] = {}
    if it.websocket:
        found["websocket"] = "on"
    if not it.buffering:
        found["buffering"] = "off"
    if it.timeout is not None:
        found["timeout"] = _whole(it.timeout)
    if it.cache is not None:
        found["cache"] = _whole(it.cache)
    if it.methods:
        found["methods"] = " ".join(it.methods)
    if it.closed:
        found["closed"] = "on"
    return found


def _whole(duration: str) -> str:
    """A duration in whole seconds, as nginx takes it."""
    return str(max(1, round(seconds(duration))))


def _check(check: Check) -> dict[str, Any]:
    return said(
        Type=check.kind,
        Path=check.path,
        Interval=nanoseconds(check.every),
        Timeout=nanoseconds(check.timeout),
        PortLabel=check.port,
        AddressMode=check.address_mode,
    )

"""Adds the concerns of one host up: desired state and platform in, all that a layer has on the host out. Pure.

What a layer is: a strict record, and the concerns that turn it into files, packages, accounts and services.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hostconfig.agents import agents
from hostconfig.base import base
from hostconfig.clock import clock
from hostconfig.desired import Desired
from hostconfig.desired_control import Agents, Servers
from hostconfig.desired_front import Front
from hostconfig.fabric import fabric, link_of
from hostconfig.firewall import firewall
from hostconfig.front import front
from hostconfig.login import login
from hostconfig.netauthd import netauthd
from hostconfig.parts import HostPlan, Init, Part, Platform
from hostconfig.pki import pki
from hostconfig.resolver import resolver
from hostconfig.servers import servers
from hostconfig.sshd import sshd
from hostconfig.ways_in import ways_in

AnyDesired = Desired | Servers | Agents | Front
Concern = Callable[[Any, Platform], Part]


@dataclass(frozen=True)
class Layer:
    """One layer of a host: nothing in it needs a later one."""

    name: str
    record: type[Desired] | type[Servers] | type[Agents] | type[Front]
    concerns: tuple[Concern, ...]


LAYERS = {
    layer.name: layer
    for layer in (
        Layer("ground", Desired, (base, clock, resolver, sshd, firewall, fabric, pki, ways_in, netauthd, login)),
        Layer("servers", Servers, servers),
        Layer("agents", Agents, agents),
        Layer("front", Front, (front,)),
    )
}
INITS: tuple[Init, ...] = ("runit", "systemd")


def parse(layer: str, data: Mapping[str, Any]) -> AnyDesired:
    """A layer's desired state from plain data; every error names its field."""
    if layer not in LAYERS:
        raise ValueError(f"layer {layer!r} is none of {', '.join(LAYERS)}")
    return LAYERS[layer].record.model_validate(data)


def plan_of(desired: AnyDesired, platform: Platform) -> HostPlan:
    """Everything of one layer that should be on this host."""
    parts = tuple(concern(desired, platform) for concern in LAYERS[desired.layer].concerns)
    if isinstance(desired, Desired):
        return HostPlan(desired.layer, parts, desired.hostname, link_of(desired, platform))
    return HostPlan(desired.layer, parts)


def _under_either_init(desired: AnyDesired) -> list[HostPlan]:
    """The look comes before the init is known."""
    return [plan_of(desired, Platform(desired.os, init, kernel_wireguard=False)) for init in INITS]


def paths_to_look_at(desired: AnyDesired) -> tuple[str, ...]:
    """The files of this layer."""
    return tuple(sorted({file.path for plan in _under_either_init(desired) for file in plan.files}))


def services_to_look_at(desired: AnyDesired) -> tuple[str, ...]:
    """The supervised services of this layer, by our names."""
    return tuple(
        sorted(
            {service.name for plan in _under_either_init(desired) for service in plan.services if service.supervised}
        )
    )

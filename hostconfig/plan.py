"""Adds the concerns of one host up: desired state and platform in, the whole ground out. Pure."""

from __future__ import annotations

from hostconfig.base import base
from hostconfig.clock import clock
from hostconfig.desired import Desired
from hostconfig.fabric import fabric, link_of
from hostconfig.firewall import firewall
from hostconfig.parts import Ground, Init, Platform
from hostconfig.resolver import resolver
from hostconfig.sshd import sshd

CONCERNS = (base, clock, resolver, sshd, firewall, fabric)
INITS: tuple[Init, ...] = ("runit", "systemd")


def ground_of(desired: Desired, platform: Platform) -> Ground:
    """Everything that should be on this host."""
    parts = tuple(concern(desired, platform) for concern in CONCERNS)
    return Ground(parts, desired.hostname, link_of(desired, platform))


def paths_to_look_at(desired: Desired) -> tuple[str, ...]:
    """The files of this host under either init: the look comes before the init is known."""
    platforms = [Platform(desired.os, init, kernel_wireguard=False) for init in INITS]
    return tuple(sorted({file.path for platform in platforms for file in ground_of(desired, platform).files}))


def services_to_look_at(desired: Desired) -> tuple[str, ...]:
    """The supervised services of this host, by our names."""
    platforms = [Platform(desired.os, init, kernel_wireguard=False) for init in INITS]
    return tuple(
        sorted({s.name for platform in platforms for s in ground_of(desired, platform).services if s.supervised})
    )

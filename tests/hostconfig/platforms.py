"""The kinds of hosts that files are rendered for."""

from __future__ import annotations

from hostconfig.parts import Platform

PLATFORMS = {
    "debian-runit": Platform("debian", "runit", kernel_wireguard=False),
    "debian-systemd": Platform("debian", "systemd", kernel_wireguard=True),
    "void-runit": Platform("void", "runit", kernel_wireguard=True),
}

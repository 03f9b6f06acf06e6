"""What Nomad's task drivers need: their plugin settings and, for docker, the daemon's own."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from hostconfig.consul import text_of
from hostconfig.desired_control import Agents, Client, Servers
from hostconfig.parts import ManagedFile, Part, Platform, Service
from hostconfig.services import restart

# What containers may ask for everywhere.
CAPABILITIES = (
    "audit_write",
    "chown",
    "dac_override",
    "fowner",
    "fsetid",
    "kill",
    "mknod",
    "net_bind_service",
    "setfcap",
    "setgid",
    "setpcap",
    "setuid",
    "sys_chroot",
)


def plugins(client: Client) -> list[dict[str, Any]]:
    """The plugin settings of the offered drivers."""
    allowed = sorted({*CAPABILITIES, *client.capabilities})
    settings: dict[str, dict[str, Any]] = {
        "docker": {"extra_labels": ["*"], "allow_caps": allowed, "volumes": {"enabled": True}},
        "podman": {"extra_labels": ["*"], "volumes": {"enabled": True}},
        "exec": {"allow_caps": allowed},
        "raw_exec": {"enabled": True},
    }
    return [{driver: {"config": settings[driver]}} for driver in sorted(client.drivers)]


def containers(desired: Servers | Agents, platform: Platform) -> Part:
    """The docker daemon, where jobs run by it: it makes no rules and no bridge, for both are Nomad's."""
    client = desired.client
    if client is None or "docker" not in client.drivers:
        return Part()
    void = platform.os == "void"
    bridge = next(ip_network(client.bridge).hosts())
    config = {"iptables": False, "bridge": "none", "dns": [str(bridge)], "live-restore": True}
    file = ManagedFile("/etc/docker/daemon.json", text_of(config), wakes="docker")
    packages = ("docker", "cni-plugins") if void else ("docker.io", "containernetworking-plugins")
    return Part(packages=packages, files=(file,), services=(Service("docker", restart("docker", platform)),))

"""The one way to restart a server: only while the quorum is well without it, and not before it is well again."""

from __future__ import annotations

from hostconfig.desired_control import Servers
from hostconfig.files import render
from hostconfig.parts import ManagedFile, Part, Platform
from hostconfig.services import restart
from hostconfig.supervised import CA, service_name

RESTART = "/usr/local/sbin/fleet-server-restart"


def restarting(desired: Servers, platform: Platform) -> Part:
    """The script. The steps of this layer call it, and so does fleet-tokens, for Nomad."""
    names = sorted(desired.voters)
    text = render(
        "servers/restart",
        own=desired.address,
        others=[(host, desired.voters[host]) for host in names if host != desired.hostname],
        ca=CA,
        place=names.index(desired.hostname),
        voters=len(names),
        restarts=[(system, restart(service_name(system), platform)) for system in ("consul", "nomad", "vault")],
    )
    return Part(files=(ManagedFile(RESTART, text, mode="0755", check='sh -n "$new"'),))

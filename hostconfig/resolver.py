"""The host's own resolver: unbound, and a resolv.conf that points to it."""

from __future__ import annotations

from hostconfig.desired import Desired
from hostconfig.files import render
from hostconfig.parts import ManagedFile, Part, Platform, Service
from hostconfig.services import own_run_script, restart

CONFIG = "/etc/unbound/unbound.conf"


def resolver(desired: Desired, platform: Platform) -> Part:
    """unbound, listening where declared, with the stubs of this host."""
    wish = desired.resolver
    text = render("resolver/unbound.conf", wish=wish, stubs=sorted(wish.stubs.items()))
    files = [ManagedFile(CONFIG, text, check='unbound-checkconf "$new" >/dev/null', wakes="unbound")]
    files += own_run_script("unbound", platform, f"unbound -d -p -c {CONFIG}")
    services = (Service("unbound", restart("unbound", platform), ready="unbound-control status >/dev/null 2>&1"),)
    # Last of all: until unbound answers, the host keeps the resolver it came with.
    files.append(ManagedFile("/etc/resolv.conf", render("resolver/resolv.conf", servers=wish.listen[:1]), late=True))
    return Part(packages=("unbound",), files=tuple(files), services=services)

"""NetAuth's server: the directory of people, on the hosts of its role, with a store of its own and nothing before it.

Its certificate is the host's leaf, which fleet-renew renews and tells about. Its token keys are born here and never
leave, not even in a copy of the store. Left out: the look-up side of every host, and people, which the program writes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from hostconfig.desired import Desired, Netauth
from hostconfig.files import render
from hostconfig.parts import Account, ManagedFile, Part, Platform, Service
from hostconfig.pki import looping
from hostconfig.services import restart, service_folder, unit
from hostconfig.supervised import CA, KEY, LEAF, NOLOGIN, READERS, definition

SERVICE = "fleet-netauth"
KEEP = "fleet-netauth-keep"


@dataclass(frozen=True)
class Places:
    """Where things are on a host. Tests put them below a folder of their own."""

    etc: str = "/etc/fleet/netauth"
    home: str = "/var/lib/netauth"
    copies: str = "/var/backups/fleet-netauth"
    metrics: str = "/var/lib/fleet/metrics"
    tool: str = "/usr/local/sbin/fleet-netauth"
    run: str = "/usr/local/sbin/fleet-netauth-run"
    ca: str = CA
    leaf: str = LEAF
    key: str = KEY
    path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    @classmethod
    def below(cls, folder: Path) -> Places:
        """The same places in a folder."""
        return cls(**{f.name: str(f.default) if f.name == "path" else f"{folder}{f.default}" for f in fields(cls)})


HOST = Places()


def owner(platform: Platform) -> str:
    """The account that the server runs as. Void's package brings its own."""
    return "_netauth" if platform.os == "void" else "netauth"


def netauthd(desired: Desired, platform: Platform) -> Part:
    """The server, and what looks after its store, its certificate and its health."""
    wish = desired.netauth
    if wish is None:
        return Part()
    brought = platform.os == "void"
    text = "" if brought else NOLOGIN, "" if brought else "runs netauthd"
    keep = looping(KEEP, f"{HOST.tool} keep", platform)
    return Part(
        packages=("NetAuth-server",) if brought else (),
        groups=(READERS,),
        accounts=(Account(owner(platform), None, (READERS,), *text, home=HOST.home),),
        files=(
            ManagedFile(f"{HOST.etc}/config.toml", config_text(wish), wakes=SERVICE),
            _script(HOST.tool, tool_script(wish, platform), wakes=KEEP),
            _script(HOST.run, run_script(platform), wakes=SERVICE),
            *definition(SERVICE, HOST.run, platform, SERVICE),
            *keep.files,
        ),
        services=(Service(SERVICE, restart(SERVICE, platform)), *keep.services),
    )


def _script(path: str, text: str, wakes: str) -> ManagedFile:
    return ManagedFile(path, text, mode="0755", check='sh -n "$new"', wakes=wakes)


def config_text(wish: Netauth, place: Places = HOST) -> str:
    """The server's configuration: no secret in it."""
    return render("netauthd/config", wish=wish, place=place)


def run_script(platform: Platform, place: Places = HOST, user: str = "") -> str:
    """Waits for the certificate, makes what is the server's own, and steps down."""
    return render("netauthd/run", place=place, owner=user or owner(platform))


def tool_script(wish: Netauth, platform: Platform, place: Places = HOST, user: str = "", folder: str = "") -> str:
    """What people and the host itself do to the server: copies, their restoring, the first entity, what is measured."""
    called = unit(SERVICE, platform)
    if platform.init == "systemd":
        stop, start = f"systemctl stop {called}", f"systemctl start {called}"
    else:
        at = f"{folder or service_folder(platform.os)}/{called}"
        stop, start = f"sv -w 20 down {at}", f"sv up {at}"
    return render(
        "netauthd/tool", wish=wish, place=place, owner=user or owner(platform), stop=stop, start=start, name=SERVICE
    )

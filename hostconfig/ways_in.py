"""The public way in: nginx on each control host serves three HTTPS names, each before one of the three servers.

People and Pulumi come only here, with tokens; the servers themselves listen on the fabric. Each control host gets a
certificate of its own for all three names, and serves the others' challenges, so that the names may point at them all.
Never a job of Nomad: it must be there to bring Nomad back. It starts with nothing else there, no agent and no network.
Left out: who may do what, which the servers' own tokens decide, and the ports in the firewall, which are data.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from hostconfig import pki
from hostconfig.desired import Desired, WaysIn
from hostconfig.files import render
from hostconfig.parts import ManagedFile, Part, Platform, Service
from hostconfig.pki import WAY_IN, looping
from hostconfig.services import hang_up, restart
from hostconfig.tls import CIPHERS

ACME = "fleet-acme"
BODY = "32m"
RENEW_DAYS = 30
# Of one Vault each: opening one must not end up at another, nor may another answer for its health.
LOCAL = "/v1/sys/(unseal|seal-status|init|health)"


@dataclass(frozen=True)
class Places:
    """Where things are on a host. Tests put them below a folder of their own."""

    nginx: str = "/etc/fleet/nginx/nginx.conf"
    pid: str = "/run/fleet-ways-in.pid"
    www: str = "/run/fleet-ways-in/www"
    state: str = "/var/lib/fleet/acme"
    live: str = "/var/lib/fleet/acme/live.pem"
    conf: str = "/etc/fleet/acme/config"
    domains: str = "/etc/fleet/acme/domains.txt"
    trusted: str = "/etc/fleet/acme/trust.pem"
    lock: str = "/run/fleet-acme.lock"
    prepare: str = "/usr/local/sbin/fleet-ways-in-prepare"
    run: str = "/usr/local/sbin/fleet-ways-in"
    acme: str = "/usr/local/sbin/fleet-acme"
    trust: str = pki.HOST.trust
    ca: str = pki.HOST.ca
    system_bundle: str = "/etc/ssl/certs/ca-certificates.crt"
    path: str = pki.HOST.path
    http: int = 80
    https: int = 443

    @classmethod
    def below(cls, folder: Path, http: int, https: int) -> Places:
        """The same places in a folder, on other ports."""
        kept = ("path", "system_bundle")
        paths = {f.name: f"{folder}{f.default}" for f in fields(cls) if f.type == "str" and f.name not in kept}
        return cls(**paths, http=http, https=https)


HOST = Places()


@dataclass(frozen=True)
class Vhost:
    """One public name and the servers behind it, the own one first."""

    system: str
    name: str
    certified: str
    """The name that the private authorities certify for each of the servers."""
    targets: tuple[str, ...]
    timeout: str
    """Longer than the longest question that waits for a change."""
    local: str = ""
    sealed: bool = False
    """Whether a server may be up and closed (503), so that another one should be asked."""

    @property
    def heard(self) -> str:
        """The variable that says whether the last server asked heard the question."""
        return "heard_and_open" if self.sealed else "heard"


def vhosts(wish: WaysIn) -> tuple[Vhost, ...]:
    """The three names."""
    addresses = [wish.servers[wish.own], *others(wish)]

    def at(port: int) -> tuple[str, ...]:
        return tuple(f"[{it}]:{port}" if ":" in it else f"{it}:{port}" for it in addresses)

    return (
        Vhost("Nomad", wish.names.nomad, f"server.{wish.region}.nomad", at(4646), "1h"),
        Vhost("Consul", wish.names.consul, f"server.{wish.datacenter}.consul", at(8501), "11m"),
        Vhost("Vault", wish.names.vault, "vault.service.consul", at(8200), "5m", LOCAL, sealed=True),
    )


def others(wish: WaysIn) -> list[str]:
    """The other control hosts' fabric addresses, in the order of the hosts' names."""
    return [address for name, address in sorted(wish.servers.items()) if name != wish.own]


def ways_in(desired: Desired, platform: Platform) -> Part:
    """nginx with its configuration, and the loop that keeps its certificate."""
    wish = desired.ways_in
    if wish is None:
        return Part()
    name = WAY_IN[platform.init]
    conf = nginx_conf(wish, platform)
    server = looping(name, HOST.run, platform)
    acme = looping(ACME, f"{HOST.acme} loop", platform)
    trust = (ManagedFile(HOST.trusted, wish.acme.trust, wakes=ACME),) if wish.acme.trust else ()
    return Part(
        packages=("curl", "dehydrated", "nginx", "openssl"),
        files=(
            _script(HOST.prepare, prepare_script(wish)),
            _script(HOST.run, render("ways_in/run", place=HOST)),
            # The candidate is judged with the certificates that are there, so some must be there first.
            ManagedFile(HOST.nginx, conf, check=f'{HOST.prepare} && nginx -t -q -c "$new"', wakes=name),
            *server.files,
            ManagedFile(HOST.conf, dehydrated_conf(wish), wakes=ACME),
            ManagedFile(HOST.domains, domains(wish), wakes=ACME),
            *trust,
            _script(HOST.acme, acme_script(wish, platform), wakes=ACME),
            *acme.files,
        ),
        services=(
            Service(name, _hear(name, platform), ready=f'kill -0 "$(cat {HOST.pid})" 2>/dev/null'),
            *acme.services,
        ),
    )


def _script(path: str, text: str, wakes: str | None = None) -> ManagedFile:
    return ManagedFile(path, text, mode="0755", check='sh -n "$new"', wakes=wakes)


def _hear(name: str, platform: Platform) -> str:
    """Take up a new configuration and keep every connection; only another nginx than ours is restarted."""
    if platform.init == "runit":
        return hang_up(name, platform)
    ours = f"pgrep -f 'nginx: master process.* -c {HOST.nginx}' >/dev/null"
    return f"systemctl daemon-reload; if {ours}; then {hang_up(name, platform)}; else {restart(name, platform)}; fi"


def names(wish: WaysIn) -> list[str]:
    """The public names, as they stand in one certificate."""
    return [vhost.name for vhost in vhosts(wish)]


def nginx_conf(wish: WaysIn, platform: Platform, place: Places = HOST) -> str:
    """nginx's whole configuration: no file of the distribution's is read."""
    return render(
        "ways_in/nginx.conf",
        place=place,
        worker="nginx" if platform.os == "void" else "www-data",
        ciphers=CIPHERS,
        body=BODY,
        own=wish.own,
        others=[f"[{it}]" if ":" in it else it for it in others(wish)],
        vhosts=vhosts(wish),
    )


def prepare_script(wish: WaysIn, place: Places = HOST) -> str:
    """Folders and a certificate, before nginx starts."""
    return render("ways_in/prepare", place=place, names=names(wish))


def dehydrated_conf(wish: WaysIn, place: Places = HOST) -> str:
    """Where certificates come from and where they are kept."""
    return render("ways_in/dehydrated", place=place, acme=wish.acme, renew_days=RENEW_DAYS)


def domains(wish: WaysIn) -> str:
    """All names in one certificate."""
    return render("ways_in/domains", names=names(wish))


def acme_script(wish: WaysIn, platform: Platform, place: Places = HOST, reload: str = "") -> str:
    """Gets and renews the certificate, and has nginx serve it."""
    told = reload or hang_up(WAY_IN[platform.init], platform)
    return render("ways_in/acme", place=place, acme=wish.acme, reload=told)

"""The private authorities between agents: whom a host trusts, how it gets its leaf certificate, and for whom it signs.

Each control host is an authority of its own, and everybody trusts them all, so that any one of them can enrol and renew
while the others are down. A host asks over the fabric, by ssh, with its own ssh host key, which the data knows.
Left out: the authority's key, which `Identity` makes on the control host before any of this.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from ipaddress import ip_address
from pathlib import Path

from hostconfig.base import KEYS_FOLDER
from hostconfig.desired import Desired, Pki
from hostconfig.files import render
from hostconfig.parts import Account, ManagedFile, Part, Platform
from hostconfig.services import at_boot, hang_up, restart

GROUP = "fleet-pki"
ACCOUNT = "fleet-ca"
SERVICE = "fleet-renew"
# What serves the public names, where a host does; it trusts the same authorities.
WAY_IN = {"runit": "fleet-ways-in", "systemd": "nginx"}


@dataclass(frozen=True)
class Places:
    """Where things are on a host. Tests put them below a folder of their own."""

    pki: str = "/etc/fleet/pki"
    ca: str = "/etc/fleet/pki/ca.pem"
    authorities: str = "/etc/fleet/pki/authorities.pem"
    known_hosts: str = "/etc/fleet/pki/known_hosts"
    authority: str = "/etc/fleet/authority"
    enrolled: str = "/etc/fleet/authority/enrolled"
    gossip: str = "/etc/fleet/gossip"
    kept: str = "/var/lib/fleet/authorities"
    log: str = "/var/lib/fleet/authority.log"
    lock: str = "/run/fleet-renew.lock"
    ssh_key: str = "/etc/ssh/ssh_host_ed25519_key"
    command: str = "/usr/local/sbin/fleet-authority"
    trust: str = "/usr/local/sbin/fleet-trust"
    renew: str = "/usr/local/sbin/fleet-renew"
    path: str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"

    @classmethod
    def below(cls, folder: Path) -> Places:
        """The same places in a folder."""
        return cls(**{f.name: str(f.default) if f.name == "path" else f"{folder}{f.default}" for f in fields(cls)})


HOST = Places()


def pki(desired: Desired, platform: Platform) -> Part:
    """Trust, the leaf's renewal, and on a control host the authority's service."""
    wish = desired.pki
    if wish is None:
        return Part()
    service = looping(SERVICE, f"{HOST.renew} loop", platform)
    signing = _signing(desired, wish) if wish.authority else ()
    # sshd's own part makes the groups that may log in.
    own = (ACCOUNT,) if wish.authority and ACCOUNT not in desired.ssh.allow_groups else ()
    signer = Account(ACCOUNT, None, (GROUP,), "/bin/sh", "signs leaf certificates of the fleet")
    return Part(
        packages=("openssl", "openssh" if platform.os == "void" else "openssh-client"),
        groups=(GROUP, *own),
        accounts=(signer,) if wish.authority else (),
        files=(
            *signing,
            _script(HOST.trust, trust_script(desired, wish)),
            ManagedFile(HOST.authorities, _authorities(wish), wakes=SERVICE),
            ManagedFile(HOST.known_hosts, _known_hosts(wish), wakes=SERVICE),
            _script(HOST.renew, renew_script(desired, wish, platform), wakes=SERVICE),
            *service.files,
        ),
        services=service.services,
    )


def looping(name: str, command: str, platform: Platform) -> Part:
    """A command that never ends by itself, supervised, with its words kept. Told of a change, it begins anew."""
    part = at_boot(name, platform, restart(name, platform), tool="", ready="", stay=command)
    if platform.init == "systemd":
        return part
    log = f"/var/log/{name}"
    text = render("base/run", command=f"svlogd -tt {log}", before=(f"mkdir -p {log}",))
    kept = ManagedFile(f"/etc/sv/{name}/log/run", text, mode="0755", check='sh -n "$new"')
    return Part(files=(kept, *part.files), services=part.services)


def _script(path: str, text: str, wakes: str | None = None) -> ManagedFile:
    return ManagedFile(path, text, mode="0755", check='sh -n "$new"', wakes=wakes)


def _authorities(wish: Pki) -> str:
    found = [(name, it.certificate) for name, it in sorted(wish.authorities.items())]
    return render("pki/authorities", authorities=found)


def _known_hosts(wish: Pki) -> str:
    found = [
        (name, it.address, " ".join(it.ssh_host_key.split()[:2]))
        for name, it in sorted(wish.authorities.items())
        if it.ssh_host_key
    ]
    return render("pki/known_hosts", authorities=found)


def _signing(desired: Desired, wish: Pki) -> tuple[ManagedFile, ...]:
    """What makes a control host sign: the command, its list of names, and which key is which host."""
    enrolled = [
        (name, " ".join(it.ssh_host_key.split()[:2])) for name, it in sorted(wish.hosts.items()) if it.ssh_host_key
    ]
    keys = render("pki/authorized_keys", enrolled=enrolled, command=HOST.command)
    return (
        ManagedFile(HOST.enrolled, enrolled_list(wish)),
        _script(HOST.command, authority_script(desired, wish)),
        ManagedFile(f"{KEYS_FOLDER}/{ACCOUNT}", keys, check='! grep -q "^restrict" "$new" || ssh-keygen -l -f "$new"'),
    )


def alternative_names(names: tuple[str, ...]) -> list[str]:
    """Names of a certificate, each once and in order, as openssl takes and shows them."""
    return sorted({_alternative(name) for name in names})


def _alternative(name: str) -> str:
    try:
        address = ip_address(name)
    except ValueError:
        return f"DNS:{name}"
    if address.version == 4:
        return f"IP:{address}"
    return "IP:" + ":".join(f"{int(part, 16):X}" for part in address.exploded.split(":"))


def gossip_of(wish: Pki, host: str) -> tuple[str, ...]:
    """Whose gossip keys a host needs: Nomad's servers gossip among themselves, Consul's agents are everywhere."""
    return ("consul", "nomad") if host in wish.authorities else ("consul",)


def enrolled_list(wish: Pki) -> str:
    """What an authority knows of each host."""
    found = [
        (name, it.fqdn, ",".join(alternative_names(it.names)), ",".join(gossip_of(wish, name)))
        for name, it in sorted(wish.hosts.items())
        if it.names
    ]
    return render("pki/enrolled", enrolled=found)


def authority_script(desired: Desired, wish: Pki, place: Places = HOST) -> str:
    """The one command that a host may run on a control host."""
    return render(
        "pki/authority", hostname=desired.hostname, leaf_days=wish.leaf_days, place=place, command=place.command
    )


def trust_script(desired: Desired, wish: Pki, place: Places = HOST) -> str:
    """Composes the bundle of authorities."""
    return render("pki/trust", hostname=desired.hostname, authority=wish.authority, place=place)


def renew_script(desired: Desired, wish: Pki, platform: Platform, place: Places = HOST, owner: str = "") -> str:
    """Gets and renews what the agents of this host need."""
    first, *_ = sorted(wish.authorities)
    # The own authority first, for it needs no network.
    order = sorted(wish.authorities, key=lambda name: (name != desired.hostname, name))
    own = wish.hosts.get(desired.hostname)
    told = (*wish.wakes, *((WAY_IN[platform.init],) if desired.ways_in else ()))
    return render(
        "pki/renew",
        hostname=desired.hostname,
        fqdn=desired.fqdn,
        authority=wish.authority,
        authorities=[(name, wish.authorities[name].address) for name in order],
        first=wish.authority and desired.hostname == first,
        names=alternative_names(own.names) if own else [],
        gossip=gossip_of(wish, desired.hostname),
        renew_days=wish.renew_days,
        tell=[hang_up(name, platform) for name in told],
        place=place,
        owner=owner or f"root:{GROUP}",
        group=owner.partition(":")[2] or GROUP,
        account=owner.partition(":")[0] or ACCOUNT,
    )

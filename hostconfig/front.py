"""The front of a mirror: nginx before its files and before every service, replaced side by side, never reloaded.

Each generation (configuration, program, certificate) is a process of its own in one of four slots with private ports;
the packet filter sends new connections to a slot, and open ones stay where they began. A candidate is judged, compared
with what serves, and promoted or withdrawn: see `fleet-front` on the host. Instances of services are virtual addresses
that a loop keeps in step with Consul, so nginx is never told of them. Never a job of Nomad: files and the last known
instances are served with Nomad, Consul and Vault all dead.
Left out: the ports in the firewall and the way of the certificate to the host's disk, which are others' concerns.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from hostconfig.consul import HTTPS
from hostconfig.desired_front import Front
from hostconfig.files import render
from hostconfig.front_nginx import nginx_conf
from hostconfig.front_places import HOST, NAME, SLOTS, Places
from hostconfig.parts import ManagedFile, Part, Platform, Service
from hostconfig.services import at_boot, restart
from hostconfig.supervised import definition, merged

TABLE = "fleet_front"
FOLLOW = f"{NAME}-follow"
RULES = f"{NAME}-rules"
STOCK = "nginx-stock"
PROGRAMS = ("", "conduct", "follow", "slot")
# What the programs read, by its template.
LIBRARY = {
    "common.sh": "front/common",
    "compare.sh": "front/compare",
    "generations.sh": "front/generations",
    "instances.sh": "front/instances",
    "instances.jq": "front/choose",
    "count.awk": "front/count",
    "weigh.awk": "front/weigh",
}
TEMPLATE = {"": "front/front", "conduct": "front/conduct", "follow": "front/follow", "slot": "front/slot"}


def front(wish: Front, platform: Platform) -> Part:
    """The slots, what keeps them in step, and the swap to what is wanted."""
    rules = at_boot(
        RULES,
        platform,
        f"{HOST.script()} restore",
        tool="nft",
        ready=f"nft list chain inet {TABLE} own >/dev/null 2>&1",
    )
    text = texts(wish)
    woken = {f"{HOST.etc}/{name}" for name in SWAPPED}
    own = Part(
        packages=("curl", "jq", "nginx", "openssl"),
        files=(
            *(_program(name, HOST) for name in LIBRARY),
            *(_script(verb, HOST) for verb in PROGRAMS),
            *(
                ManagedFile(
                    path,
                    words,
                    check=_check(path),
                    wakes=NAME if path in woken else RULES if path.endswith(".nft") else None,
                )
                for path, words in text.items()
            ),
        ),
    )
    swap = Service(NAME, f"{HOST.script()} swap", ready=f"{HOST.script()} serves", supervised=False)
    # Written once the swap has succeeded, so that one that was withdrawn is tried again by the next apply.
    marker = ManagedFile(f"{HOST.etc}/promoted", promoted(text), wakes=NAME, late=True)
    return merged(
        [own, rules, *_stock(platform), *_slots(platform), _follow(platform), Part(files=(marker,), services=(swap,))]
    )


SWAPPED = ("services", "program", "nginx.conf")
"""The texts that make a generation."""


def _check(path: str) -> str | None:
    if path.endswith(".nft"):
        return 'nft -c -f "$new"'
    if path.endswith("nginx.conf"):
        return f'{HOST.script()} check "$new"'
    return None


def _program(name: str, place: Places) -> ManagedFile:
    check = 'sh -n "$new"' if name.endswith(".sh") else None
    return ManagedFile(f"{place.lib}/{name}", library(name, place), check=check, wakes=FOLLOW)


def _script(verb: str, place: Places) -> ManagedFile:
    # A slot's program is restarted by nobody: it serves.
    wakes = FOLLOW if verb == "follow" else None
    return ManagedFile(place.script(verb), program(verb, place), mode="0755", check='sh -n "$new"', wakes=wakes)


def library(name: str, place: Places = HOST) -> str:
    """A text that the programs read."""
    return render(LIBRARY[name], place=place, table=TABLE, slots=SLOTS)


def program(verb: str, place: Places = HOST) -> str:
    """One of our programs."""
    return render(TEMPLATE[verb], place=place)


def texts(wish: Front, place: Places = HOST) -> dict[str, str]:
    """What is wanted, by path, in the order in which it is written: the configuration is judged with all the rest."""
    agent = f"[{wish.address}]" if ":" in wish.address else wish.address
    services = (
        f"{label} {it.consul} {it.address} {it.instances}{f' {it.canaries}' if it.canaries else ''}"
        for label, it in sorted(wish.services.items())
    )
    probes = (f"{probe.name} {probe.path}" for probe in wish.swap.probes)
    made = {
        "settings": render(
            "front/settings",
            wish=wish,
            name=_first_name(wish),
            certificate=place.certificate or wish.certificate,
            consul=place.consul or f"https://{agent}:{HTTPS}",
        ),
        "rules.nft": render("front/rules", table=TABLE, virtual=wish.virtual),
        "probes": _list("Questions that an old and a new front must answer alike: name, path.", probes),
        "services": _list(
            "What stands behind the front: label, name in Consul, virtual address, ports, for canaries.", services
        ),
        "program": f"{wish.program}\n",
        "nginx.conf": nginx_conf(wish, place),
    }
    return {f"{place.etc}/{name}": text for name, text in made.items()}


def _first_name(wish: Front) -> str:
    """Whom a placeholder's certificate is for."""
    return next(iter(sorted({name for it in wish.trees.values() for name in it.names})), wish.fqdn)


def _list(purpose: str, lines: Iterator[str]) -> str:
    return render("front/list", purpose=purpose, lines=tuple(lines))


def promoted(text: dict[str, str]) -> str:
    """Which texts were found good by a swap."""
    every = "".join(text[path] for path in sorted(text) if path.rpartition("/")[2] in SWAPPED)
    return f"{sha256(every.encode()).hexdigest()}\n"


def _slots(platform: Platform) -> Iterator[Part]:
    """A service for each slot, that never restarts for a change: whoever serves there has clients."""
    for slot in SLOTS:
        name, run = f"{NAME}-{slot}", f"{HOST.script('slot')} {slot}"
        ready = f"[ -p {HOST.run}/wake.{slot} ]"
        yield Part(files=tuple(definition(name, run, platform, None)), services=(Service(name, "true", ready=ready),))


def _follow(platform: Platform) -> Part:
    files = definition(FOLLOW, HOST.script("follow"), platform, FOLLOW)
    return Part(files=tuple(files), services=(Service(FOLLOW, restart(FOLLOW, platform)),))


def _stock(platform: Platform) -> Iterator[Part]:
    """Debian's package starts an nginx of its own, where systemd is there to start it. It is nobody's front."""
    if platform.init != "systemd":
        return
    path = "/etc/systemd/system/nginx.service.d/fleet-front.conf"
    text = render("front/stock", etc=HOST.etc)
    hear = "systemctl daemon-reload; systemctl stop nginx.service || true"
    yield Part(
        files=(ManagedFile(path, text, wakes=STOCK),),
        services=(Service(STOCK, hear, supervised=False),),
    )

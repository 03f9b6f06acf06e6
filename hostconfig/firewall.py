"""nftables: one table of our own, dropped into by default, replaced in one transaction.

Other tables (container networks, a load balancer) are never touched, and established connections never see a gap.
Leaves out: outgoing traffic, which is not filtered.
"""

from __future__ import annotations

from ipaddress import ip_network

from hostconfig.desired import Desired, Opening
from hostconfig.files import render
from hostconfig.parts import ManagedFile, Part, Platform
from hostconfig.services import at_boot

TABLE = "fleet"
RULES = "/etc/fleet/firewall.nft"
APPLY = "/usr/local/sbin/fleet-firewall-apply"
LOADED = "/var/lib/fleet/firewall.loaded"
# Containers reach the fabric through the host; nothing else that a host might forward may.
CONTAINER_BRIDGES = ("docker0", "nomad")


def matches(sources: tuple[str, ...]) -> list[str]:
    """The source part of a rule: one for each family that is named, or none at all for the world."""
    if "world" in sources:
        return [""]
    families: dict[int, list[str]] = {}
    for source in sources:
        families.setdefault(ip_network(source).version, []).append(source)
    word = {4: "ip saddr", 6: "ip6 saddr"}
    return [f"{word[family]} {{ {', '.join(sorted(families[family]))} }} " for family in sorted(families)]


def redirected(opening: Opening, ports: tuple[int, ...]) -> str:
    """The rule for connections that came for one of an opening's ports and were sent on; empty where none is."""
    if opening.proto != "tcp" or opening.ports is None:
        return ""
    first, _, last = opening.ports.partition("-")
    sent_on = [str(port) for port in sorted(set(ports)) if int(first) <= port <= int(last or first)]
    if not sent_on:
        return ""
    return f"meta l4proto tcp ct status dnat ct original proto-dst {{ {', '.join(sent_on)} }}"


def lines_of(desired: Desired) -> tuple[list[str], list[str]]:
    """(rules for everybody, rules for what comes over the fabric), in name order."""
    openings = []
    for name, opening in sorted(desired.firewall.openings.items()):
        for match in matches(opening.source):
            if opening.proto == "icmp":
                openings.append(f'{match}meta l4proto {{ icmp, ipv6-icmp }} accept comment "{name}"')
            else:
                openings.append(f'{match}{opening.proto} dport {opening.ports} accept comment "{name}"')
                if sent_on := redirected(opening, desired.firewall.redirected):
                    openings.append(f'{match}{sent_on} accept comment "{name}"')
    scoped, closing = [], []
    for name, scope in sorted(desired.firewall.scopes.items()):
        where = f"{scope.proto} dport {scope.ports}"
        scoped += [f'{match}{where} accept comment "{name}"' for match in matches(scope.source) if scope.source]
        closing.append(f'{where} drop comment "{name}"')
    return openings, scoped + closing


def firewall(desired: Desired, platform: Platform) -> Part:
    """The rules file, the script that loads it, and its place in the boot."""
    openings, fabric = lines_of(desired)
    text = render(
        "firewall/rules",
        table=TABLE,
        openings=openings,
        fabric=fabric,
        fabric_interface=desired.firewall.fabric_interface,
        fabric_open=desired.firewall.fabric_default == "open",
        fabric_port=desired.fabric.listen_port if desired.fabric else None,
        bridges=", ".join(f'"{bridge}"' for bridge in CONTAINER_BRIDGES),
    )
    apply = render("firewall/apply", table=TABLE, rules=RULES, loaded=LOADED)
    boot = at_boot(
        "fleet-firewall",
        platform,
        APPLY,
        tool="nft",
        ready=f"[ -s {LOADED} ] && nft list table inet {TABLE} >/dev/null 2>&1",
    )
    return Part(
        packages=("nftables",),
        files=(
            ManagedFile(APPLY, apply, mode="0755", check='sh -n "$new"'),
            ManagedFile(RULES, text, check='nft -c -f "$new"', wakes="fleet-firewall"),
            *boot.files,
        ),
        services=boot.services,
    )

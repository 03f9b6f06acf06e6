"""The WireGuard fabric: an interface whose private key was born on the host and stays in one file.

Peers are changed one by one with `wg set`, and only those that differ: a new host interrupts no flow. `wg syncconf` is
for an interface that has no key yet, for it also sets the port, and wireguard-go then opens its socket anew.
"""

from __future__ import annotations

import re

from hostconfig.desired import Desired, Peer
from hostconfig.files import render
from hostconfig.parts import KeptPeer, Link, ManagedFile, Part, Platform
from hostconfig.services import at_boot

MTU = 1420
APPLY = "/usr/local/sbin/fleet-fabric-apply"
RUN = "/usr/local/sbin/fleet-fabric-run"


def peers_file(interface: str) -> str:
    """Where the peers are written: public keys and addresses only."""
    return f"/etc/wireguard/{interface}.peers"


def peers_of(desired: Desired, platform: Platform) -> tuple[tuple[str, Peer], ...]:
    """Every other host whose key is known, in name order, so that a rendered file never reshuffles.

    A peer that the data cannot name a key for is kept as the host has it: somebody who is silent today, or a plan
    made from the data alone, must not take a working peer out of the fabric.
    """
    fabric = desired.fabric
    assert fabric is not None
    kept = dict(platform.peers)
    named: dict[str, Peer] = dict(fabric.document.peers) if fabric.document else {}
    for name, joining in fabric.joining.items():
        # A host that is both recorded and joining is being rebuilt: what it says now counts, unless it says nothing.
        if joining.key is not None or name not in named:
            named[name] = joining
    peers: dict[str, Peer] = {}
    for name, peer in named.items():
        if peer.address == fabric.address:
            continue
        if peer.key is not None:
            peers[name] = peer
        elif peer.address in kept:
            peers[name] = Peer(
                key=kept[peer.address].key, address=peer.address, endpoint=peer.endpoint or kept[peer.address].endpoint
            )
    if fabric.document is None:
        known = {peer.address for peer in named.values()}
        for address, old in kept.items():
            if address not in known and address != fabric.address:
                peers[f"kept-{address.replace('.', '-').replace(':', '-')}"] = Peer(
                    key=old.key, address=address, endpoint=old.endpoint
                )
    return tuple(sorted(peers.items()))


def kept_peers(text: str) -> tuple[tuple[str, KeptPeer], ...]:
    """The peers of a peers file, by address."""
    found = []
    for block in text.split("[Peer]")[1:]:
        values = dict(re.findall(r"^(\w+) = (\S+)$", block, re.MULTILINE))
        if "PublicKey" in values and "AllowedIPs" in values:
            found.append(
                (values["AllowedIPs"].partition("/")[0], KeptPeer(values["PublicKey"], values.get("Endpoint")))
            )
    return tuple(sorted(found, key=lambda item: item[0]))


def _alone(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"


def link_of(desired: Desired, platform: Platform) -> Link | None:
    """How the interface should look once it is up."""
    fabric = desired.fabric
    if fabric is None:
        return None
    peers = tuple((name, str(peer.key), _alone(peer.address)) for name, peer in peers_of(desired, platform))
    return Link(fabric.interface, f"{fabric.address}/{fabric.prefix}", MTU, fabric.listen_port, peers)


def fabric(desired: Desired, platform: Platform) -> Part:
    """Peers file, the script that applies it, and a supervised step that holds the interface."""
    wish = desired.fabric
    if wish is None:
        return Part()
    peers = [(name, peer, _alone(peer.address)) for name, peer in peers_of(desired, platform)]
    values = {"wish": wish, "peers_file": peers_file(wish.interface), "mtu": MTU}
    text = render("fabric/peers", peers=peers, **values)
    apply = render("fabric/apply", **values)
    run = render("fabric/run", apply=APPLY, **values)
    up = f"ip -o addr show dev {wish.interface} up 2>/dev/null | grep -qF ' {wish.address}/{wish.prefix} '"
    boot = at_boot("fleet-fabric", platform, APPLY, tool="wg", ready=up, stay=RUN)
    return Part(
        packages=("wireguard-tools",) if platform.kernel_wireguard else ("wireguard-tools", "wireguard-go"),
        files=(
            ManagedFile(APPLY, apply, mode="0755", check='sh -n "$new"', wakes="fleet-fabric"),
            ManagedFile(RUN, run, mode="0755", check='sh -n "$new"'),
            ManagedFile(peers_file(wish.interface), text, wakes="fleet-fabric"),
            *boot.files,
        ),
        services=boot.services,
    )

"""Which virtual address stands for which service. Pure: the same names give the same addresses, whoever joins them."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable

# An address that ends so looks like a network's own or its broadcast address.
_ODD = (0, 255)


def addresses(names: Iterable[str], network: str) -> dict[str, str]:
    """An address for each name, out of a hash of the name.

    A new name leaves the others where they are, unless its hash is another's: then the lower name keeps the place and
    the other one takes the next that its own hash gives. In a /16 that is one new name in a thousand.
    """
    whole = ipaddress.IPv4Network(network)
    found: dict[str, str] = {}
    taken: set[int] = set()
    # Round by round, so that a first choice never yields to somebody's second one.
    waiting = sorted(set(names))
    turn = 0
    while waiting:
        left = []
        for name in waiting:
            place = _place(name, turn, whole)
            if place in taken or place % 256 in _ODD:
                left.append(name)
            else:
                taken.add(place)
                found[name] = str(ipaddress.IPv4Address(place))
        waiting, turn = left, turn + 1
    return {name: found[name] for name in sorted(found)}


def _place(name: str, turn: int, network: ipaddress.IPv4Network) -> int:
    digest = hashlib.sha256(f"{name}/{turn}".encode()).digest()
    return int(network.network_address) + int.from_bytes(digest[:8], "big") % network.num_addresses

"""nginx's whole configuration on a mirror, as a text that serves in any slot once the words between @ are filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import gcd

from hostconfig.desired_front import Behind, Below, Front, Kind, Tree
from hostconfig.files import render
from hostconfig.front_places import HOST, Places
from hostconfig.tls import CIPHERS

KEPT_OPEN = 5
"""Seconds for which a file that was opened once is taken to be the same."""


@dataclass(frozen=True)
class Alike:
    """Files of one kind, as the template says it."""

    pattern: str
    """Of their endings; the first kind that fits counts."""
    words: str
    """Of Cache-Control."""
    lasting: bool


@dataclass(frozen=True)
class Files:
    """A folder of files, as the template says it."""

    label: str
    names: tuple[str, ...]
    root: str
    listing: bool
    kinds: tuple[Alike, ...]


@dataclass(frozen=True)
class Location:
    """A path of a service, with nothing left to inherit."""

    match: str
    websocket: bool
    buffering: bool
    timeout: int
    cache: str | None
    methods: tuple[str, ...]
    closed: bool


@dataclass(frozen=True)
class Service:
    """A service behind the front, as the template says it."""

    label: str
    names: tuple[str, ...]
    address: str
    ports: range
    weights: tuple[int, ...]
    """How often each port is asked, by the others."""
    tried: bool
    """Whether some ports are for a version that is being tried."""
    body_mb: int
    rate: int | None
    locations: tuple[Location, ...]


def keeping(seconds: int) -> str:
    """How long anybody may keep an answer, in the words of HTTP."""
    return f"public, max-age={seconds}" if seconds else "no-cache"


def _kind(kind: Kind) -> Alike:
    pattern = "|".join(re.escape(ending) for ending in kind.endings)
    return Alike(pattern, keeping(kind.keep), lasting=kind.keep > KEPT_OPEN)


def _files(label: str, tree: Tree) -> Files:
    kinds = tuple(_kind(kind) for kind in tree.kinds)
    return Files(label, tree.names, tree.root, tree.listing, kinds)


def _location(it: Behind, below: Below | None) -> Location:
    if below is None:
        cache, methods, timeout = it.cache, it.methods, it.timeout
    else:
        cache = it.cache if below.cache is None else below.cache
        methods = below.methods or it.methods
        timeout = it.timeout if below.timeout is None else below.timeout
    return Location(
        match=f"^~ {below.path}" if below else "/",
        websocket=it.websocket or (below is not None and below.websocket),
        buffering=below is None or below.buffering,
        timeout=max(1, round(timeout)),
        cache=None if cache is None else keeping(cache),
        methods=methods,
        closed=below is not None and below.closed,
    )


def weights(instances: int, canaries: int, share: int) -> tuple[int, ...]:
    """How often each port is asked: those of canaries for `share` per cent together, and never more than the others."""
    old = instances - canaries
    if not 0 < canaries < instances:
        return (1,) * instances
    more, less = canaries * (100 - share), old * share
    if less >= more:
        return (1,) * instances
    by = gcd(more, less)
    return (more // by,) * old + (less // by,) * canaries


def _service(label: str, it: Behind, share: int) -> Service:
    below = [one for one in it.below if one.path != "/"]
    whole = next((one for one in it.below if one.path == "/"), None)
    first = _location(it, whole)
    locations = [_location(it, one) for one in below]
    return Service(
        label,
        it.names,
        it.address,
        range(1, it.instances + 1),
        weights(it.instances, it.canaries, share),
        it.canaries > 0,
        it.body_mb,
        it.requests_per_second,
        (Location(**{**vars(first), "match": "/"}), *locations),
    )


def nginx_conf(wish: Front, place: Places = HOST) -> str:
    """The configuration of a front; the same data give the same text."""
    names = {name for tree in wish.trees.values() for name in tree.names} | set(wish.redirects)
    names |= {name for service in wish.services.values() for name in service.names}
    return render(
        "front/nginx.conf",
        place=place,
        wish=wish,
        kept_open=KEPT_OPEN,
        worker="nginx" if wish.os == "void" else "www-data",
        ciphers=CIPHERS,
        every_name=sorted(names),
        trees=[_files(label, tree) for label, tree in sorted(wish.trees.items())],
        redirects=sorted(wish.redirects.items()),
        services=[_service(label, it, wish.swap.share) for label, it in sorted(wish.services.items())],
    )

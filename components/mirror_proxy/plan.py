"""What each mirror's front serves and passes on, as hostconfig takes it. Pure, and nothing left to decide."""

from __future__ import annotations

from typing import Any

from components.fabric.plan import peer_of
from components.mirror_proxy.addresses import addresses
from hostconfig.desired_front import Behind, Below, Front, Kind, Probe, Swap, Tree
from model import Fleet
from model.front import Tree as TreeData
from model.placement import offered
from model.registration import VhostPath, seconds
from model.vhosts import Public, canaries, copies, vhosts

# Where the world asks. On a mirror both are redirected to whichever front is in use.
PUBLIC_PORTS = (80, 443)


def states(fleet: Fleet) -> dict[str, dict[str, Any]]:
    """Each mirror's front as plain data. What is not said is left out, so that a difference names what was said."""
    return {host: front(fleet, host).model_dump(mode="json", exclude_none=True) for host in fleet.mirrors}


def redirected(fleet: Fleet, host: str) -> list[int]:
    """The ports of a host that its firewall knows as the front's; none where it has no front."""
    return list(PUBLIC_PORTS) if host in fleet.mirrors else []


def front(fleet: Fleet, host: str) -> Front:
    """One mirror's front. A mirror that rests from the front's duty has the same: it only is in no shared name."""
    data = fleet.front
    assert data is not None
    return Front(
        hostname=host,
        fqdn=fleet.fqdn(host),
        os=fleet.machines[host].os,
        interface=fleet.fabric.interface,
        address=peer_of(fleet, host).address,
        program=data.program,
        virtual=data.virtual,
        keepalive=round(seconds(data.keepalive)),
        hsts=round(seconds(data.hsts)),
        trees={label: _tree(fleet, host, tree) for label, tree in sorted(data.trees.items())},
        services=services(fleet),
        redirects=dict(sorted(data.redirects.items())),
        swap=Swap(
            share=data.swap.share,
            watch=seconds(data.swap.watch),
            probes=probes(fleet),
            rounds=data.swap.rounds,
            slower_factor=data.swap.slower_factor,
            slower_seconds=seconds(data.swap.slower_by),
            failing_percent=data.swap.failing_percent,
            longest_drain=seconds(data.swap.longest_drain),
        ),
    )


def _tree(fleet: Fleet, host: str, tree: TreeData) -> Tree:
    offer = offered(fleet, host)
    assert offer is not None
    volume = offer.volumes[tree.volume].path.rstrip("/")
    return Tree(
        names=(*tree.names, *sorted(tree.elsewhere)),
        root=f"{volume}/{tree.folder}" if tree.folder else volume,
        listing=tree.listing,
        kinds=tuple(Kind(endings=it.endings, keep=round(seconds(it.keep))) for _, it in sorted(tree.kinds.items())),
    )


def services(fleet: Fleet) -> dict[str, Behind]:
    """The services behind the front, by the name that each has in Consul."""
    every = {str(public.path[-2]): public for public in vhosts(fleet) if public.vhost.through == "mirrors"}
    assert fleet.front is not None
    # Those that are not public keep their addresses too: opening one moves no other.
    found = addresses(every, fleet.front.virtual)
    return {name: _behind(fleet, it, name, found[name]) for name, it in sorted(every.items()) if it.vhost.public}


def _behind(fleet: Fleet, public: Public, name: str, address: str) -> Behind:
    it = public.vhost
    limits: dict[str, Any] = {}
    if it.limits.body_mb is not None:
        limits["body_mb"] = it.limits.body_mb
    if it.limits.timeout is not None:
        limits["timeout"] = seconds(it.limits.timeout)
    return Behind(
        names=it.names,
        consul=name,
        address=address,
        instances=copies(fleet, public),
        canaries=canaries(fleet, public),
        websocket=it.websocket,
        cache=_whole(it.cache),
        methods=it.methods,
        below=tuple(_below(path, what) for path, what in sorted(it.paths.items())),
        requests_per_second=it.limits.requests_per_second,
        **limits,
    )


def _below(path: str, it: VhostPath) -> Below:
    return Below(
        path=path,
        websocket=it.websocket,
        buffering=it.buffering,
        timeout=seconds(it.timeout) if it.timeout is not None else None,
        cache=_whole(it.cache),
        methods=it.methods,
        closed=it.closed,
    )


def _whole(duration: str | None) -> int | None:
    return None if duration is None else max(1, round(seconds(duration)))


def probes(fleet: Fleet) -> tuple[Probe, ...]:
    """A question for each tree, redirect and service, and what the data ask beyond; each once, in the names' order."""
    data = fleet.front
    assert data is not None
    asked = {(tree.names[0], "/") for tree in data.trees.values()} | {(name, "/") for name in data.redirects}
    asked |= {
        (public.vhost.names[0], _healthy(public))
        for public in vhosts(fleet)
        if public.vhost.public and public.vhost.through == "mirrors"
    }
    asked |= {(probe.name, probe.path) for probe in data.probes}
    return tuple(Probe(name=name, path=path) for name, path in sorted(asked))


def _healthy(public: Public) -> str:
    """The path by which Consul knows that a service works, where the front lets people ask for it; else its root."""
    it = public.registration
    for check in it.checks:
        if check.path is not None and check.port in (None, it.port):
            closed = [path for path, below in public.vhost.paths.items() if below.closed]
            if not any(check.path.startswith(path) for path in closed):
                return check.path
    return "/"

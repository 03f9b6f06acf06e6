"""Desired states of the layers `servers` and `agents` to test with, and strategies that vary them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

VOTERS = {"a-ams-nl": "10.99.0.1", "b-fra-de": "10.99.0.2", "c-grq-nl": "10.99.0.3"}

CLIENT: dict[str, Any] = {
    "datacenter": "WORK",
    "pool": "builders",
    "drivers": ["docker", "exec"],
    "meta": {"builder": "true"},
    "volumes": {
        "hostdir": {"path": "/hostdir"},
        "files": {"path": "/srv/files", "owner": 2022},
        "logs": {"path": "/var/log", "read_only": True, "made": False},
    },
    "capabilities": ["sys_admin"],
    "bridge": "172.26.64.0/20",
}


def member(host: str, address: str, os: str = "debian") -> dict[str, Any]:
    """What the two layers have in common."""
    return {
        "hostname": host,
        "fqdn": f"{host}.m.fleet.example",
        "os": os,
        "interface": "fabric0",
        "address": address,
        "prefix": 24,
        "region": "global",
        "datacenter": "dc1",
        "voters": VOTERS,
    }


def servers(os: str = "debian", **changes: Any) -> dict[str, Any]:
    """A control host's servers, with the named fields replaced."""
    return member("a-ams-nl", "10.99.0.1", os) | {"raft_multiplier": 5, "client": None} | changes


def worker(os: str = "debian", **changes: Any) -> dict[str, Any]:
    """The agents of a host that offers to jobs."""
    return member("d-nyc-us", "10.99.0.4", os) | {"client": CLIENT, "tokens_for": "nomad-client"} | changes


def voter(os: str = "debian", **changes: Any) -> dict[str, Any]:
    """The agents' layer of a control host."""
    return member("a-ams-nl", "10.99.0.1", os) | {"votes": True, "tokens_for": "nomad-server"} | changes


@st.composite
def offers(draw: st.DrawFn) -> dict[str, Any] | None:
    """What a host may offer to jobs, or nothing."""
    if draw(st.booleans()):
        return None
    volumes = draw(st.sets(st.sampled_from(["hostdir", "logs", "ccache"])))
    return CLIENT | {
        "drivers": draw(st.lists(st.sampled_from(["docker", "podman", "exec", "raw_exec"]), min_size=1, unique=True)),
        "volumes": {name: {"path": f"/srv/{name}"} for name in sorted(volumes)},
    }


@st.composite
def layers(draw: st.DrawFn, os: str | None = None) -> tuple[str, dict[str, Any]]:
    """Any host in one of the two layers."""
    system = os or draw(st.sampled_from(["debian", "void"]))
    client = draw(offers())
    match draw(st.sampled_from(["servers", "worker", "voter"])):
        case "servers":
            return "servers", servers(system, client=client, raft_multiplier=draw(st.integers(1, 10)))
        case "worker":
            return "agents", worker(system, client=client, tokens_for="nomad-client" if client else None)
        case _:
            return "agents", voter(system)

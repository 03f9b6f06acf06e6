"""Desired states to test with: one ordinary host, and strategies that vary it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOqdF0NTRqbtRRJYHY0Ew6qNYFOyoC7gJ0TaTcCh operator"


def wireguard_key(number: int) -> str:
    """A string with the shape of a public key, another one for each number."""
    return f"{number:043d}="


def peer(number: int, key: bool = True) -> dict[str, Any]:
    """A peer of the sample fabric."""
    address = f"10.99.0.{number}"
    return {"key": wireguard_key(number) if key else None, "address": address, "endpoint": f"198.51.100.{number}:51820"}


def sample(**changes: Any) -> dict[str, Any]:
    """The ordinary host, with the named fields replaced."""
    data: dict[str, Any] = {
        "hostname": "a-ams-nl",
        "fqdn": "a-ams-nl.m.fleet.example",
        "os": "debian",
        "hosts_file": {"registry.fleet.example": ["198.51.100.9", "2001:db8::9"]},
        "packages": {"jq": "reading what services answer", "tree": "looking around"},
        "sysctl": {"net.ipv4.ip_forward": "1"},
        "users": {
            "deploy": {
                "uid": None,
                "groups": ["sudo"],
                "shell": "/bin/bash",
                "keys": [SSH_KEY],
                "sudo": "all-nopasswd",
                "comment": "runs the fleet's program",
            }
        },
        "time": {"servers": ["198.51.100.1"], "set_clock": False},
        "resolver": {
            "kind": "unbound",
            "listen": ["127.0.0.1"],
            "allow": ["127.0.0.0/8"],
            "forward": ["198.51.100.53"],
            "stubs": {"consul": "127.0.0.1@8600"},
        },
        "ssh": {"port": 22, "allow_groups": ["sudo"], "banner": "A host of the fleet."},
        "firewall": {
            "openings": {
                "ssh": {"proto": "tcp", "ports": "22", "from": ["world"], "why": "operators"},
                "mosh": {"proto": "udp", "ports": "60001-60999", "from": ["world"], "why": "operators on trains"},
                "metrics": {"proto": "tcp", "ports": "9100", "from": ["10.0.0.0/8", "2001:db8::/32"], "why": "probe"},
            },
            "scopes": {"sync": {"proto": "tcp", "ports": "8730", "from": ["10.99.0.2"], "why": "mirrors"}},
            "fabric_default": "open",
            "fabric_interface": "fabric0",
        },
        "fabric": {
            "interface": "fabric0",
            "address": "10.99.0.1",
            "prefix": 24,
            "listen_port": 51820,
            "keepalive": 25,
            "document": json.dumps({"peers": {"a-ams-nl": peer(1), "b-fra-de": peer(2)}}),
            "joining": {"c-grq-nl": peer(3), "d-nyc-us": peer(4, key=False)},
        },
    }
    return data | changes


def users(names: list[str]) -> dict[str, Any]:
    """The operator and these others."""
    others = {name: {"groups": ["ops"], "keys": [SSH_KEY], "sudo": "none"} for name in names}
    return {**sample()["users"], **others}


@st.composite
def variations(draw: st.DrawFn, os: str | None = None) -> dict[str, Any]:
    """A host with any choice of packages, users, settings, openings and peers."""
    packages = draw(st.sets(st.sampled_from(["jq", "tree", "htop", "tmux", "git"])))
    people = draw(st.sets(st.sampled_from(["alice", "bob", "carol"])))
    settings = draw(st.dictionaries(st.sampled_from(["net.ipv4.ip_forward", "vm.swappiness"]), st.sampled_from("012")))
    ports = draw(st.sets(st.integers(1, 9999), max_size=3))
    peers = draw(st.sets(st.integers(2, 9)))
    base = sample()
    openings = {f"p{port}": {"proto": "tcp", "ports": str(port), "from": ["world"]} for port in ports}
    firewall = {
        **base["firewall"],
        "openings": {**base["firewall"]["openings"], **openings},
        "fabric_default": draw(st.sampled_from(["open", "closed"])),
    }
    fabric = {**base["fabric"], "document": {"peers": {f"h{n}": peer(n) for n in peers}}, "joining": {}}
    return sample(
        os=os or draw(st.sampled_from(["debian", "void"])),
        packages=dict.fromkeys(packages, "why"),
        users=users(sorted(people)),
        sysctl=settings,
        firewall=firewall,
        fabric=draw(st.sampled_from([fabric, None])),
    )

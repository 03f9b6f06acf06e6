"""Fleets of any size as data: metal machines whose keys are recorded, so that a plan needs no cloud and no host."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

ROLES = {
    "control": {"purpose": "votes", "openings": {"https": {"proto": "tcp", "ports": "443", "why": "public web"}}},
    "mirror": {
        "purpose": "serves packages",
        "packages": {"tree": "looking at a copy"},
        "openings": {"http": {"proto": "tcp", "ports": "80", "why": "public web"}},
    },
    "worker": {"purpose": "runs services", "packages": {"htop": "what keeps it busy"}},
}


def generate(folder: Path, hosts: int) -> list[str]:
    """Write a stack's folder with so many machines; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    machines, recorded, regions = {}, {}, {}
    for number in range(hosts):
        # The plan of names allows 26 machines a region.
        region = f"r{number // 26:03}"
        name = f"{chr(ord('a') + number % 26)}-{region}-be"
        regions[region] = {"site": f"region {number // 26}", "country": "be"}
        machines[name] = {
            "purpose": "one of many",
            "region": region,
            "source": {"kind": "metal", "provider": "a donor", "hardware": "one rack unit"},
            "os": "debian",
            "roles": ["worker" if number % 3 else "mirror"],
            "public": {"ipv4": f"10.128.{number // 250}.{number % 250 + 1}"},
            "fabric": {"address": f"10.64.{number // 250}.{number % 250 + 1}"},
        }
        digest = hashlib.sha256(name.encode()).digest()
        recorded[name] = {
            "wireguard_key": base64.b64encode(digest).decode(),
            "ssh_host_key": f"ssh-ed25519 {base64.b64encode(b'ssh' + digest).decode()}",
        }
    data: dict[str, Any] = {
        "fleet": f"bench-{hosts}",
        "suffix": "m.fleet.example",
        "regions": regions,
        "fabric": {"interface": "fabric0", "subnet": "10.64.0.0/16", "port": 51820},
        "operators": {
            "deploy": {
                "purpose": "runs the program",
                "groups": ["sudo"],
                "keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP2y0C8XKGbQeMQbyVZHzgpl nobody"],
                "sudo": "all-nopasswd",
            }
        },
        "time": {"servers": ["10.77.0.1"]},
        "resolver": {},
        "ssh": {"allow_groups": ["sudo"], "banner": "A host of the bench."},
        "base": {
            "packages": {"jq": "reading answers", "less": "reading logs", "lsof": "who holds a file"},
            "sysctl": {"net.ipv4.ip_forward": "1"},
            "openings": {
                "ssh": {"proto": "tcp", "ports": "22", "why": "operators"},
                "wireguard": {"proto": "udp", "ports": "51820", "why": "the fabric's peers"},
            },
        },
        "roles": ROLES,
        "machines": machines,
        "recorded": recorded,
    }
    # JSON is YAML, and a thousand machines of it are written in no time.
    (folder / "all.yaml").write_text(json.dumps(data, indent=1))
    return sorted(machines)

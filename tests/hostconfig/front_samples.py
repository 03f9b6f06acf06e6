"""A front with everything that the data can ask of it."""

from __future__ import annotations

from typing import Any

from hostconfig.desired_front import Front


def sample(**changes: Any) -> dict[str, Any]:
    """The desired state, with the named fields replaced."""
    data: dict[str, Any] = {
        "hostname": "a-nyc-us",
        "fqdn": "a-nyc-us.m.fleet.example",
        "os": "debian",
        "interface": "fabric0",
        "address": "10.99.0.21",
        "trees": {
            "mirror": {
                "names": ["mirror.fleet.example", "a-nyc-us.mirrors.fleet.example"],
                "root": "/srv/mirror",
                "listing": True,
                "kinds": [
                    {"endings": ["repodata", "timefile"], "keep": 0},
                    {"endings": ["xbps", "xbps.sig", "iso"], "keep": 31536000},
                ],
            },
            "docs": {"names": ["docs.fleet.example"], "root": "/srv/docs"},
        },
        "services": {
            "chat": {
                "names": ["chat.fleet.example"],
                "consul": "chat",
                "address": "198.18.0.2",
                "instances": 2,
                "methods": ["GET", "HEAD"],
                "requests_per_second": 20,
                "below": [
                    {"path": "/socket/", "websocket": True, "buffering": False, "timeout": 3600},
                    {"path": "/metrics", "closed": True},
                    {"path": "/static/", "cache": 86400},
                ],
            },
            "upload": {
                "names": ["upload.fleet.example"],
                "consul": "upload",
                "address": "198.18.0.3",
                "instances": 4,
                "body_mb": 512,
                "timeout": 120,
                "cache": 0,
            },
        },
        "redirects": {"www.fleet.example": "mirror.fleet.example"},
        "swap": {
            "probes": [{"name": "mirror.fleet.example", "path": "/"}, {"name": "docs.fleet.example", "path": "/"}]
        },
    }
    return data | changes


def desired(**changes: Any) -> Front:
    """The same, parsed."""
    return Front.model_validate(sample(**changes))

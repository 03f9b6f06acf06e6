"""Vault on control hosts: raft storage of its own, so that it needs neither Consul nor Nomad to come up.

A Vault that starts is sealed, and only people can open it: it is restarted for what a reload cannot take up, no more.
"""

from __future__ import annotations

from typing import Any

from hostconfig.consul import text_of
from hostconfig.desired_control import Servers
from hostconfig.parts import ManagedFile, Part, Platform, Service
from hostconfig.restarting import RESTART
from hostconfig.services import hang_up
from hostconfig.supervised import CA, KEY, LEAF, Daemon, merged, service_name, supervised

FOLDER = "/etc/vault.d"
SERVER_NAME = "vault.service.consul"
RELOAD = "vault-reload"


def config_of(desired: Servers) -> dict[str, Any]:
    """The configuration that only a restart takes up."""
    where = desired.address
    return {
        "ui": True,
        # Raft's memory map does not go together with locked memory; hosts have no swap.
        "disable_mlock": True,
        "cluster_name": "fleet",
        "api_addr": f"https://{where}:8200",
        "cluster_addr": f"https://{where}:8201",
        "storage": {
            "raft": {
                "path": "/var/lib/vault",
                "node_id": desired.hostname,
                "performance_multiplier": desired.raft_multiplier,
                "retry_join": [
                    {
                        "leader_api_addr": f"https://{address}:8200",
                        "leader_ca_cert_file": CA,
                        "leader_tls_servername": SERVER_NAME,
                    }
                    for address in desired.others
                ],
            }
        },
        "listener": {
            "tcp": {
                "address": f"{where}:8200",
                "cluster_address": f"{where}:8201",
                "tls_cert_file": LEAF,
                "tls_key_file": KEY,
                "tls_min_version": "tls12",
                "telemetry": {"unauthenticated_metrics_access": False},
            }
        },
        "telemetry": {"prometheus_retention_time": "24h", "disable_hostname": True},
    }


def vault_server(desired: Servers, platform: Platform) -> Part:
    """The server of a control host."""
    name = service_name("vault")
    # Its engines trust the authorities as they are now, and not as they were when the engines were made.
    trust = f"env CONSUL_CACERT={CA} NOMAD_CACERT={CA}"
    daemon = Daemon("vault", f"{trust} vault server -config={FOLDER}", restarted_for_its_script=False)
    own = Part(
        files=(
            ManagedFile(f"{FOLDER}/10-server.json", text_of(config_of(desired)), wakes=name),
            ManagedFile(f"{FOLDER}/20-reloaded.json", text_of({"log_level": "info"}), wakes=RELOAD),
        ),
        services=(Service(RELOAD, hang_up(name, platform), supervised=False),),
    )
    return merged([own, supervised(daemon, desired, platform, f"{RESTART} vault")])

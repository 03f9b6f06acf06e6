"""Nomad: a server on control hosts, a client where a role offers something to jobs; both in one agent where both are.

Left out: jobs, and everything that needs a token. The token for Consul comes later, from this host's own fleet-tokens.
"""

from __future__ import annotations

from typing import Any

from hostconfig.consul import HTTPS, text_of
from hostconfig.containers import plugins
from hostconfig.desired_control import Agents, Client, HostVolume, Member, Servers
from hostconfig.parts import ManagedFile, Part, Platform
from hostconfig.restarting import RESTART
from hostconfig.services import restart
from hostconfig.supervised import (
    CA,
    GOSSIP,
    KEY,
    LEAF,
    Daemon,
    account_name,
    gossip,
    merged,
    secret_fragment,
    service_name,
    supervised,
)

FOLDER = "/etc/nomad.d"
# The longest that a task may take to end (model/services.py holds the data to it); Nomad's own limit is 30s.
LONGEST_END = "15m"
CHECK = '! command -v nomad >/dev/null || nomad config validate "$new" >/dev/null'
# Asked at an address that in a cloud would answer with the machine's credentials.
METADATA = "env_aws,env_gce,env_azure,env_digitalocean"
# What a job by `exec` sees of its host: programs and their libraries, names and certificates; nothing of /etc/fleet,
# /etc/ssh or a home. Files are linked, not copied; /usr/local is left out, for the agents' own programs are large.
CHROOT = {
    path: path
    for path in (
        "/bin",
        "/sbin",
        "/lib",
        "/lib64",
        "/usr/bin",
        "/usr/sbin",
        "/usr/lib",
        "/usr/share/prometheus",
        "/usr/share/zoneinfo",
        "/etc/alternatives",
        "/etc/group",
        "/etc/hosts",
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/etc/mime.types",
        "/etc/nsswitch.conf",
        "/etc/passwd",
        "/etc/resolv.conf",
        "/etc/ssl/certs",
        "/opt/fleet",
    )
}


def config_of(desired: Member) -> dict[str, Any]:
    """What server and client have in common."""
    where = desired.address
    return {
        "region": desired.region,
        "name": desired.hostname,
        "data_dir": "/var/lib/nomad",
        "bind_addr": where,
        "advertise": {"http": where, "rpc": where, "serf": where},
        "leave_on_interrupt": False,
        "leave_on_terminate": False,
        "disable_update_check": True,
        "disable_anonymous_signature": True,
        "acl": {"enabled": True},
        "tls": {
            "http": True,
            "rpc": True,
            "ca_file": CA,
            "cert_file": LEAF,
            "key_file": KEY,
            "verify_server_hostname": True,
            # People come through the control vhosts, with tokens and without certificates.
            "verify_https_client": False,
        },
        "consul": {
            "address": f"{where}:{HTTPS}",
            "ssl": True,
            "ca_file": CA,
            "verify_ssl": True,
            # Servers are found by their addresses: Nomad comes up without Consul.
            "server_auto_join": False,
            "client_auto_join": False,
            "checks_use_advertise": True,
        },
        "telemetry": {
            "prometheus_metrics": True,
            "publish_allocation_metrics": True,
            "publish_node_metrics": True,
            "disable_hostname": True,
        },
        "log_level": "INFO",
    }


def _join(desired: Member) -> dict[str, Any]:
    return {"retry_join": desired.others, "retry_interval": "5s", "retry_max": 0}


def server_config(desired: Servers) -> dict[str, Any]:
    """What a voter adds. The first quorum forms by itself once all voters are there, and only then."""
    server = {
        "enabled": True,
        "bootstrap_expect": len(desired.voters),
        "server_join": _join(desired),
        "raft_multiplier": desired.raft_multiplier,
        "rejoin_after_leave": True,
        # A volunteer's uplink may be gone for a minute: its jobs are not to be moved for that.
        "heartbeat_grace": "2m",
    }
    return {"server": server, "ui": {"enabled": True}}


def client_config(client: Client, desired: Member, platform: Platform) -> dict[str, Any]:
    """What a host offers to jobs."""
    offered = {
        "enabled": True,
        "node_pool": client.pool,
        "meta": dict(sorted(client.meta.items())),
        "network_interface": desired.interface,
        "server_join": _join(desired),
        "bridge_network_subnet": client.bridge,
        "bridge_network_hairpin_mode": True,
        "cni_path": "/usr/libexec/cni" if platform.os == "void" else "/usr/lib/cni",
        "gc_interval": "10m",
        "max_kill_timeout": LONGEST_END,
        "reserved": {"cpu": 250, "memory": 512},
        "host_network": {"internal": {"interface": desired.interface}},
        "host_volume": {
            name: {"path": volume.path, "read_only": volume.read_only}
            for name, volume in sorted(client.volumes.items())
        },
        "chroot_env": CHROOT,
        "options": {"fingerprint.denylist": METADATA, "driver.allowlist": ",".join(client.drivers)},
    }
    found: dict[str, Any] = {"datacenter": client.datacenter, "client": offered}
    if wanted := plugins(client):
        found["plugin"] = wanted
    return found


def _folder(volume: HostVolume) -> str:
    """Shell that makes a volume's folder. What is in it is its owner's own business."""
    owned = f" && chown {volume.owner}:{volume.owner} {volume.path}" if volume.owner is not None else ""
    return f"mkdir -p {volume.path}{owned}"


def _part(
    desired: Member, platform: Platform, config: dict[str, Any], client: Client | None, needs_gossip: bool, hear: str
) -> Part:
    name = service_name("nomad")
    owner = "root" if client else account_name("nomad", platform.os)
    fragment = secret_fragment(f"{FOLDER}/80-gossip.json", '{"server": {"encrypt": "%s"}}', f"{GOSSIP}/nomad", owner)
    folders = [_folder(v) for _, v in sorted(client.volumes.items()) if v.made] if client else []
    daemon = Daemon(
        "nomad",
        f"nomad agent -config={FOLDER}",
        needs=(gossip("nomad"),) if needs_gossip else (),
        before=(*([fragment] if needs_gossip else []), *folders),
        # A client makes namespaces and control groups for its jobs.
        as_root=client is not None,
    )
    own = Part(files=(ManagedFile(f"{FOLDER}/10-agent.json", text_of(config), check=CHECK, wakes=name),))
    return merged([own, supervised(daemon, desired, platform, hear)])


def nomad_server(desired: Servers, platform: Platform) -> Part:
    """The server of a control host, and its client where the host offers anything."""
    config = {"datacenter": desired.datacenter} | config_of(desired) | server_config(desired)
    if desired.client:
        config |= client_config(desired.client, desired, platform)
    return _part(desired, platform, config, desired.client, True, f"{RESTART} nomad")


def nomad_client(desired: Agents, platform: Platform) -> Part:
    """The client of a host that offers something to jobs. Its jobs go on while it restarts."""
    if desired.client is None:
        return Part()
    config = config_of(desired) | client_config(desired.client, desired, platform)
    return _part(desired, platform, config, desired.client, False, restart(service_name("nomad"), platform))

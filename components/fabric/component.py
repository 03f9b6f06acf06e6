"""The fabric and the ground state of every host as resources of the project's own provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from components.born import Born, from_data, operator_keys
from components.fabric.plan import document, endpoint, joining, peering
from components.ground import connection, desired
from components.settings import secret
from model import Fleet
from model.fleet import Operator
from providers.hosts.sdk import Identity, State


@dataclass(frozen=True)
class FabricArgs:
    """The fleet, what its machines turned out to be (addresses), and the resource that each host stands on."""

    fleet: Fleet
    born: Mapping[str, Born]
    machines: Mapping[str, pulumi.CustomResource]
    folder: Path


class Fabric(pulumi.ComponentResource):
    """Joins machines with machines over WireGuard, and gives each host its ground state.

    Creates
        fabric-identity-<host>   hosts.Identity   the host's WireGuard key, made on it and never leaving it; on a
                                                  control host also its own private authority
        ground-<host>            hosts.State      base, time, resolver, sshd, firewall, fabric, certificates, ways in

    Leaves out unmanaged machines, and people: nobody but a machine has a peer. Also writes the document of recorded
    peers to `<folder>/fabric.json`, which all hosts share.

    Attributes
        hosts: host to what the stack exports of it: addresses, ssh port, accounts, keys born on it.
        states: host to its ground State, which its later layers stand on.
        connections: host to how it is reached over ssh.
        born: host to what it turned out to be.
    """

    hosts: Mapping[str, Mapping[str, Any]]
    states: Mapping[str, State]
    connections: Mapping[str, Mapping[str, Any]]
    born: Mapping[str, Born]

    def __init__(self, name: str, args: FabricArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fleet:fabric:Fabric", name, None, opts)
        fleet = args.fleet
        known = from_data(fleet)
        identities = {host: self._identity(args, host, known) for host in fleet.managed}
        born = {
            host: Born(
                ipv4=args.born[host].ipv4,
                ipv6=args.born[host].ipv6,
                wireguard_key=identity.wireguard_public_key,
                # A recorded host key is the one to hold the machine to; else the one of the first contact.
                ssh_host_key=known[host].ssh_host_key or identity.ssh_host_key,
                authority=known[host].authority or identity.authority_certificate,
            )
            for host, identity in identities.items()
        }
        self.born = born
        peers = peering(fleet)
        joiners = {
            host: {
                "key": born[host].wireguard_key,
                "address": peers[host].address,
                "endpoint": _endpoint(born[host].ipv4, peers[host].endpoint_port),
            }
            for host in joining(fleet, known)
        }
        asset = pulumi.FileAsset(str(_write(args.folder / "fabric.json", document(fleet, known))))
        self.connections = {host: connection(fleet, host, born) for host in fleet.managed}
        self.states = {
            host: State(
                f"ground-{host}",
                host=host,
                layer="ground",
                members=len(fleet.managed),
                connection=self.connections[host],
                desired=desired(fleet, host, born, keys=_keys, document_asset=asset, joiners=joiners),
                opts=pulumi.ResourceOptions(parent=self, deleted_with=args.machines[host]),
            )
            for host in fleet.managed
        }
        self.hosts = {
            host: {
                "ipv4": born[host].ipv4,
                "ipv6": born[host].ipv6,
                "fabric": peers[host].address,
                "port": fleet.machines[host].ssh_port,
                "wireguard_key": born[host].wireguard_key,
                "ssh_host_key": born[host].ssh_host_key,
                "authority": born[host].authority if host in fleet.voters else None,
            }
            for host in fleet.managed
        }
        self.register_outputs({"peers": len(peers)})

    def _identity(self, args: FabricArgs, host: str, known: Mapping[str, Born]) -> Identity:
        at = Born(ipv4=args.born[host].ipv4, ssh_host_key=known[host].ssh_host_key)
        return Identity(
            f"fabric-identity-{host}",
            host=host,
            connection=connection(args.fleet, host, {host: at}),
            fabric_interface=args.fleet.fabric.interface,
            **_authority(args.fleet, host),
            # A rebuilt machine at the same address is another one: its key is made anew, not refused.
            machine=args.machines[host].id,
            opts=pulumi.ResourceOptions(parent=self, deleted_with=args.machines[host]),
        )


def _authority(fleet: Fleet, host: str) -> dict[str, Any]:
    """A control host is also a private authority, whose key is born on it like the fabric's."""
    if fleet.control is None or host not in fleet.voters:
        return {}
    return {"authority": True, "authority_days": fleet.control.pki.authority_days, "authority_name": fleet.fleet}


def _endpoint(ip: Any, port: int) -> Any:
    if isinstance(ip, pulumi.Output):
        return ip.apply(lambda text: endpoint(text, port) if text else None)
    return endpoint(ip, port) if ip else None


def _keys(name: str, operator: Operator) -> Any:
    if operator.keys_secret:
        # Public keys that are not published: the texts are public by nature, so they may stand in a preview's diff.
        return pulumi.Output.unsecret(secret(operator.keys_secret)).apply(
            lambda text: [line.strip() for line in text.splitlines() if line.strip()]
        )
    return operator_keys(name, operator)


def _write(path: Path, text: str) -> Path:
    """Write the shared document where it differs. Relative, so that the state holds no path of one person's machine."""
    if not path.is_file() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(text)
        part.replace(path)
    return path

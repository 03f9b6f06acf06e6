"""The servers of the control hosts and the agents of all hosts, as resources of the project's own provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.control.hosts import agents_desired, members, servers_desired
from model import Fleet
from providers.hosts.sdk import State


@dataclass(frozen=True)
class HostsArgs:
    """The fleet, how each host is reached, and the layer that each host stands on.

    `after`: what must be there before any host of the layer is touched, beside its own earlier layer.
    """

    fleet: Fleet
    connections: Mapping[str, Mapping[str, Any]]
    stands_on: Mapping[str, State]
    machines: Mapping[str, pulumi.Resource]
    after: Sequence[pulumi.Resource] = field(default=())


class Servers(pulumi.ComponentResource):
    """Runs Consul, Nomad and Vault on the control hosts; each of the three forms its quorum by itself.

    Creates
        servers-<host>   hosts.State   the three servers of a control host

    Leaves out tokens and policies: none is needed for a quorum. A host waits for its own ground only.

    Attributes
        states: control host to its State.
    """

    states: Mapping[str, State]

    def __init__(self, name: str, args: HostsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fleet:control:Servers", name, None, opts)
        hosts = args.fleet.voters
        desired = {host: servers_desired(args.fleet, host) for host in hosts}
        self.states = _states("servers", desired, args, self)
        self.register_outputs({"hosts": len(hosts)})


class Agents(pulumi.ComponentResource):
    """Runs a Consul agent on every host and a Nomad client where a role offers something; fetches their tokens.

    Creates
        agents-<host>   hosts.State   the clients of a host, and what looks after its tokens

    Leaves out the servers' own agents, but for their tokens: those are the layer `servers`.

    Attributes
        states: host to its State.
    """

    states: Mapping[str, State]

    def __init__(self, name: str, args: HostsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fleet:control:Agents", name, None, opts)
        hosts = members(args.fleet)
        desired = {host: agents_desired(args.fleet, host) for host in hosts}
        self.states = _states("agents", desired, args, self)
        self.register_outputs({"hosts": len(hosts)})


def _states(
    layer: str, desired: Mapping[str, Mapping[str, Any]], args: HostsArgs, parent: pulumi.Resource
) -> dict[str, State]:
    return {
        host: State(
            f"{layer}-{host}",
            host=host,
            layer=layer,
            members=len(desired),
            connection=args.connections[host],
            desired=wish,
            opts=pulumi.ResourceOptions(
                parent=parent,
                depends_on=[args.stands_on[host], *args.after],
                deleted_with=args.machines[host],
            ),
        )
        for host, wish in desired.items()
    }

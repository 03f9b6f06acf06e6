"""The mirrors' front as resources of the project's own provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.mirror_proxy.plan import states
from model import Fleet
from providers.hosts.sdk import State


@dataclass(frozen=True)
class MirrorProxyArgs:
    """The fleet, how each host is reached, the latest State that each host stands on, and its machine."""

    fleet: Fleet
    connections: Mapping[str, Mapping[str, Any]]
    stands_on: Mapping[str, State]
    machines: Mapping[str, pulumi.Resource]


class MirrorProxy(pulumi.ComponentResource):
    """Has every mirror serve the files and pass on requests for all public names, by itself.

    Creates
        front-<host>   hosts.State   nginx, the swap of an old front for a new one, and who stands behind each name

    Leaves out the files (blocks `sync`), the names in DNS (vertical `dns`) and the certificate, which a host gets by
    its own. Nothing of it asks Nomad, Consul or Vault at start. A mirror that rests from the front's duty keeps it.

    Attributes
        states: mirror to its State.
    """

    states: Mapping[str, State]

    def __init__(self, name: str, args: MirrorProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fleet:mirror_proxy:MirrorProxy", name, None, opts)
        desired = states(args.fleet)
        self.states = {
            host: State(
                f"front-{host}",
                host=host,
                layer="front",
                members=len(desired),
                connection=args.connections[host],
                desired=wish,
                opts=pulumi.ResourceOptions(
                    parent=self, depends_on=[args.stands_on[host]], deleted_with=args.machines[host]
                ),
            )
            for host, wish in desired.items()
        }
        self.register_outputs({"hosts": len(desired)})

"""The contents page: what the fleet is, in the order in which it is made. `docs/tour.md` says where each part lives."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pulumi

from components import hazards
from components.control.component import control
from components.control.hosts_component import Agents, HostsArgs, Servers
from components.dns.component import Dns, DnsArgs
from components.dns.plan import records
from components.fabric.component import Fabric, FabricArgs
from components.machines.clouds import Clouds, CloudsArgs, Projects, ProjectsArgs
from components.machines.component import fleet_machines
from components.mirror_proxy.component import MirrorProxy, MirrorProxyArgs
from components.roster.github_component import organisation
from components.roster.netauth_component import Directory, DirectoryArgs
from components.services.component import Services, services_args
from model import BadData, load


def main() -> None:
    """Load the stack's data and open each vertical in order."""
    config = pulumi.Config("fleet")
    # The one place that asks for the time: of what is planned, only who is a member by today depends on it.
    now = datetime.now(UTC)
    fleet = load(Path(config.require("data")), now.date())
    hazards.warn(fleet, now)

    clouds = Clouds("clouds", CloudsArgs(fleet))
    machines = fleet_machines(fleet, clouds)
    born = {name: machine.born for name, machine in machines.items()}
    dns = Dns("dns", DnsArgs({name: zone.adopted for name, zone in fleet.zones.items()}, records(fleet), born))
    droplets = {name: m.urn_at_cloud for name, m in machines.items() if m.urn_at_cloud is not None}
    Projects("projects", ProjectsArgs(fleet, droplets, clouds.found.buckets, dns.domains))
    stands_on = {name: machine.resource for name, machine in machines.items()}
    fabric = Fabric("fabric", FabricArgs(fleet, born, stands_on, Path(".fleet") / pulumi.get_stack()))

    if fleet.roster is not None:
        people = Directory("directory", DirectoryArgs(fleet, now.date()))
        organisation(fleet, now.date(), after=[people.ledger])

    latest = fabric.states
    if fleet.control is not None:
        servers = Servers("servers", HostsArgs(fleet, fabric.connections, fabric.states, stands_on))
        rights = control(fleet, fabric.born)
        # Hosts fetch their tokens by themselves as soon as they may: a Vault that is shut holds no host up.
        agents = Agents("agents", HostsArgs(fleet, fabric.connections, {**fabric.states, **servers.states}, stands_on))
        latest = {**fabric.states, **agents.states}
        Services("services", services_args(fleet, rights.nomad.before) if rights else services_args(fleet))

    if fleet.front is not None:
        MirrorProxy("mirror-proxy", MirrorProxyArgs(fleet, fabric.connections, latest, stands_on))

    pulumi.export("hosts", fabric.hosts)


try:
    main()
except BadData as problem:
    # A person's mistake in the data: the engine prints the text and no traceback.
    raise pulumi.RunError(str(problem)) from None

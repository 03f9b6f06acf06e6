"""What the machines share at their clouds: keys, networks, buckets. A cloud's SDK is imported only where it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.born import public_key_file
from components.machines.plan import regions_used
from components.settings import secret
from model import Fleet
from model.clouds import SshKey


@dataclass(frozen=True)
class AwsNetwork:
    """One network of ours in one AWS region."""

    vpc_id: pulumi.Output[str]
    subnet_id: pulumi.Output[str]
    ready: pulumi.Resource


@dataclass(frozen=True)
class GcpNetwork:
    """One network of ours in one GCP region."""

    network: pulumi.Output[str]
    subnetwork: pulumi.Output[str]


@dataclass(frozen=True)
class CloudsArgs:
    """The fleet: which clouds it names, and which regions its machines use."""

    fleet: Fleet


@dataclass
class _Found:
    droplet_keys: dict[str, pulumi.Output[str]] = field(default_factory=dict)
    droplet_vpcs: dict[str, pulumi.Output[str]] = field(default_factory=dict)
    buckets: dict[str, pulumi.Output[str]] = field(default_factory=dict)
    aws_providers: dict[str, Any] = field(default_factory=dict)
    aws_keys: dict[tuple[str, str], pulumi.Output[str]] = field(default_factory=dict)
    aws_networks: dict[str, AwsNetwork] = field(default_factory=dict)
    gcp_provider: Any = None
    gcp_keys: dict[str, pulumi.Input[str]] = field(default_factory=dict)
    gcp_networks: dict[str, GcpNetwork] = field(default_factory=dict)


class Clouds(pulumi.ComponentResource):
    """What the clouds hold beside the machines, so that a machine can be made there.

    Creates
        machines-key-<cloud>-<name>[-<region>]  digitalocean.SshKey, aws.ec2.KeyPair   (GCP takes keys with the machine)
        machines-vpc-<name>                     digitalocean.Vpc
        machines-network-<name>[-…]             aws: Vpc, Subnet, gateway, route table; gcp: Network, Subnetwork
        machines-bucket-<name>                  digitalocean.SpacesBucket, protected where the data says it holds data

    Leaves out firewalls, which stand with each machine, and `Projects`, which need the machines first. Providers are
    literal: a region from the data, credentials from the environment at call time, never an output or a config value.
    """

    found: _Found

    def __init__(self, name: str, args: CloudsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fleet:machines:Clouds", name, None, opts)
        self.found = _Found()
        child = pulumi.ResourceOptions(parent=self)
        if args.fleet.digitalocean:
            self._digitalocean(args.fleet, child)
        if args.fleet.aws:
            for region in regions_used(args.fleet, "ec2"):
                self._aws_region(args.fleet, region, child)
        if args.fleet.gcp:
            self._gcp(args.fleet, child)
        self.register_outputs({})

    def _digitalocean(self, fleet: Fleet, child: pulumi.ResourceOptions) -> None:
        import pulumi_digitalocean as digitalocean

        cloud = fleet.digitalocean
        assert cloud is not None
        for name, key in sorted(cloud.ssh_keys.items()):
            made = digitalocean.SshKey(
                f"machines-key-digitalocean-{name}", name=name, public_key=_public_key(key, name), opts=child
            )
            self.found.droplet_keys[name] = made.fingerprint
        for name, vpc in sorted(cloud.vpcs.items()):
            self.found.droplet_vpcs[name] = digitalocean.Vpc(
                f"machines-vpc-{name}", name=name, region=vpc.region, ip_range=vpc.range, opts=child
            ).id
        for name, bucket in sorted(cloud.buckets.items()):
            self.found.buckets[name] = digitalocean.SpacesBucket(
                f"machines-bucket-{name}",
                name=name,
                region=bucket.region,
                acl="private",
                opts=pulumi.ResourceOptions(parent=self, protect=bucket.protect),
            ).bucket_urn

    def _aws_region(self, fleet: Fleet, region: str, child: pulumi.ResourceOptions) -> None:
        import pulumi_aws as aws

        cloud = fleet.aws
        assert cloud is not None
        provider = aws.Provider(f"machines-aws-{region}", region=region, opts=child)
        self.found.aws_providers[region] = provider
        there = pulumi.ResourceOptions(parent=self, provider=provider)
        used = {
            m.source.ssh_key for m in fleet.machines.values() if m.source.kind == "ec2" and m.source.region == region
        }
        for name, key in sorted(cloud.ssh_keys.items()):
            if name in used:
                pair = aws.ec2.KeyPair(
                    f"machines-key-aws-{name}-{region}", key_name=name, public_key=_public_key(key, name), opts=there
                )
                self.found.aws_keys[region, name] = pair.key_name
        for name, network in sorted(cloud.networks.items()):
            if network.region == region:
                self.found.aws_networks[name] = _aws_network(aws, name, network.range, network.zone, there)

    def _gcp(self, fleet: Fleet, child: pulumi.ResourceOptions) -> None:
        import pulumi_gcp as gcp

        cloud = fleet.gcp
        assert cloud is not None
        self.found.gcp_provider = gcp.Provider("machines-gcp", project=cloud.project, opts=child)
        there = pulumi.ResourceOptions(parent=self, provider=self.found.gcp_provider)
        self.found.gcp_keys = {name: _public_key(key, name) for name, key in sorted(cloud.ssh_keys.items())}
        for name, network in sorted(cloud.networks.items()):
            made = gcp.compute.Network(f"machines-network-{name}", name=name, auto_create_subnetworks=False, opts=there)
            subnet = gcp.compute.Subnetwork(
                f"machines-network-{name}-subnet",
                name=name,
                network=made.id,
                region=network.region,
                ip_cidr_range=network.range,
                stack_type="IPV4_IPV6",
                ipv6_access_type="EXTERNAL",
                opts=there,
            )
            self.found.gcp_networks[name] = GcpNetwork(made.id, subnet.id)


def _aws_network(aws: Any, name: str, cidr: str, zone: str | None, there: pulumi.ResourceOptions) -> AwsNetwork:
    vpc = aws.ec2.Vpc(
        f"machines-network-{name}",
        cidr_block=cidr,
        enable_dns_hostnames=True,
        assign_generated_ipv6_cidr_block=True,
        tags={"Name": name},
        opts=there,
    )
    subnet = aws.ec2.Subnet(
        f"machines-network-{name}-subnet",
        vpc_id=vpc.id,
        cidr_block=cidr,
        availability_zone=zone,
        # The first /64 of the block that AWS gave: one subnet is all a network of ours has.
        ipv6_cidr_block=vpc.ipv6_cidr_block.apply(lambda block: block.replace("/56", "/64") if block else block),
        tags={"Name": name},
        opts=there,
    )
    gateway = aws.ec2.InternetGateway(
        f"machines-network-{name}-gateway", vpc_id=vpc.id, tags={"Name": name}, opts=there
    )
    table = aws.ec2.RouteTable(
        f"machines-network-{name}-routes",
        vpc_id=vpc.id,
        routes=[
            {"cidr_block": "0.0.0.0/0", "gateway_id": gateway.id},
            {"ipv6_cidr_block": "::/0", "gateway_id": gateway.id},
        ],
        tags={"Name": name},
        opts=there,
    )
    ready = aws.ec2.RouteTableAssociation(
        f"machines-network-{name}-routed", subnet_id=subnet.id, route_table_id=table.id, opts=there
    )
    return AwsNetwork(vpc.id, subnet.id, ready)


def _public_key(key: SshKey, name: str) -> pulumi.Input[str]:
    if key.public_key_secret:
        return secret(key.public_key_secret)
    if key.public_key_env:
        return public_key_file(key.public_key_env, f"ssh_keys.{name}")
    return str(key.public_key)


@dataclass(frozen=True)
class ProjectsArgs:
    """The fleet, and the provider's names (URNs) of what its projects group."""

    fleet: Fleet
    droplets: Mapping[str, pulumi.Output[str]]
    buckets: Mapping[str, pulumi.Output[str]]
    domains: Mapping[str, pulumi.Output[str]]


class Projects(pulumi.ComponentResource):
    """Groups what we have at DigitalOcean, so that its own pages show it as ours.

    Creates
        machines-project-<name>   digitalocean.Project   with the machines, buckets and zones that the data names

    Leaves out machines that are not DigitalOcean's.
    """

    def __init__(self, name: str, args: ProjectsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fleet:machines:Projects", name, None, opts)
        for project, it in sorted(args.fleet.digitalocean.projects.items() if args.fleet.digitalocean else ()):
            import pulumi_digitalocean as digitalocean

            digitalocean.Project(
                f"machines-project-{project}",
                name=project,
                description=it.description,
                purpose=it.purpose,
                environment=it.environment,
                resources=[
                    *(args.droplets[m] for m in it.machines),
                    *(args.buckets[b] for b in it.buckets),
                    *(args.domains[z] for z in it.zones),
                ],
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})

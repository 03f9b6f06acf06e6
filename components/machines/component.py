"""One machine at its provider, whatever kind of provider that is."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.born import Born
from components.machines.clouds import Clouds
from components.machines.plan import PortRule, port_rules
from model import Fleet
from model.machine import Droplet, Ec2, Gce, Volume
from model.machine import Machine as MachineFacts
from providers.hosts.sdk import Metal


@dataclass(frozen=True)
class MachineArgs:
    """A machine's facts, its full name, the ports open to the outside, and what its cloud holds for it."""

    name: str
    fqdn: str
    facts: MachineFacts
    rules: tuple[PortRule, ...]
    clouds: Clouds


class Machine(pulumi.ComponentResource):
    """One machine: made at its cloud, or met for the first time when somebody gave it.

    Creates, by kind, each named machines-<thing>-<host>
        droplet   digitalocean: Droplet, Firewall, Volume and VolumeAttachment
        ec2       aws: Instance, SecurityGroup, its rules, Eip, EipAssociation, EipDomainName, Volume, VolumeAttachment
        gce       gcp: Instance, Address, Firewall a rule and family, Disk, AttachedDisk
        metal     hosts: Metal, the first contact; nothing at the provider is ours to make

    What holds data is protected. A machine is replaced delete-first, for it holds a fabric address. Reverse DNS is the
    droplet's name, the elastic address's name, the instance's public PTR; a metal machine's stands with its donor.

    Attributes
        born: the public addresses. resource: what the host stands on. urn_at_cloud: DigitalOcean's name of it, or None.
    """

    born: Born
    resource: pulumi.CustomResource
    urn_at_cloud: pulumi.Output[str] | None

    def __init__(self, name: str, args: MachineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fleet:machines:Machine", name, None, opts)
        self.urn_at_cloud = None
        source = args.facts.source
        if isinstance(source, Droplet):
            self._droplet(args, source)
        elif isinstance(source, Ec2):
            self._ec2(args, source)
        elif isinstance(source, Gce):
            self._gce(args, source)
        else:
            self._metal(args)
        self.register_outputs({"ipv4": self.born.ipv4, "ipv6": self.born.ipv6})

    def _holds(self, volume: Volume) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, protect=volume.protect)

    def _self(self, args: MachineArgs, provider: pulumi.ProviderResource | None = None) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=self, provider=provider, protect=args.facts.holds_data, delete_before_replace=True
        )

    def _droplet(self, args: MachineArgs, source: Droplet) -> None:
        import pulumi_digitalocean as digitalocean

        found = args.clouds.found
        image = source.image
        if source.custom_image:
            # The one look-up that the data cannot spare: a custom image has no slug, and its number is the provider's.
            image = str(digitalocean.get_image(name=source.custom_image).id)
        droplet = digitalocean.Droplet(
            f"machines-droplet-{args.name}",
            name=args.fqdn,
            region=source.region,
            size=source.size,
            image=image,
            ipv6=source.ipv6,
            ssh_keys=[found.droplet_keys[key] for key in source.ssh_keys],
            vpc_uuid=found.droplet_vpcs[source.vpc] if source.vpc else None,
            tags=list(source.tags),
            opts=self._self(args),
        )
        number = droplet.id.apply(int)
        if source.firewall:
            digitalocean.Firewall(
                f"machines-firewall-{args.name}",
                name=args.name,
                droplet_ids=[number],
                inbound_rules=[
                    {"protocol": r.proto, "port_range": r.ports, "source_addresses": list(r.sources)}
                    for r in args.rules
                ],
                outbound_rules=[
                    {"protocol": proto, "port_range": "1-65535", "destination_addresses": ["0.0.0.0/0", "::/0"]}
                    for proto in ("tcp", "udp")
                ]
                + [{"protocol": "icmp", "destination_addresses": ["0.0.0.0/0", "::/0"]}],
                opts=pulumi.ResourceOptions(parent=self),
            )
        for label, volume in sorted(args.facts.volumes.items()):
            made = digitalocean.Volume(
                f"machines-volume-{args.name}-{label}",
                name=f"{args.name}-{label}",
                region=source.region,
                size=volume.size_gb,
                initial_filesystem_type="ext4",
                opts=self._holds(volume),
            )
            digitalocean.VolumeAttachment(
                f"machines-attached-{args.name}-{label}",
                droplet_id=number,
                volume_id=made.id,
                opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
            )
        self.born = Born(ipv4=droplet.ipv4_address, ipv6=droplet.ipv6_address if source.ipv6 else None)
        self.resource = droplet
        self.urn_at_cloud = droplet.droplet_urn

    def _ec2(self, args: MachineArgs, source: Ec2) -> None:
        import pulumi_aws as aws

        found = args.clouds.found
        provider = found.aws_providers[source.region]
        network = found.aws_networks[source.network]
        there = pulumi.ResourceOptions(parent=self, provider=provider)
        group = aws.ec2.SecurityGroup(
            f"machines-firewall-{args.name}",
            name=args.name,
            description=f"open ports of {args.fqdn}",
            vpc_id=network.vpc_id,
            tags={"Name": args.name},
            opts=there,
        )
        for rule in args.rules:
            for number, cidr in enumerate(rule.sources):
                aws.vpc.SecurityGroupIngressRule(
                    f"machines-rule-{args.name}-{rule.name}-{number}",
                    security_group_id=group.id,
                    ip_protocol=rule.proto,
                    from_port=rule.low,
                    to_port=rule.high,
                    cidr_ipv4=None if ":" in cidr else cidr,
                    cidr_ipv6=cidr if ":" in cidr else None,
                    description=rule.name,
                    opts=there,
                )
        for family, cidr in (("v4", "0.0.0.0/0"), ("v6", "::/0")):
            aws.vpc.SecurityGroupEgressRule(
                f"machines-rule-{args.name}-out-{family}",
                security_group_id=group.id,
                ip_protocol="-1",
                cidr_ipv4=cidr if family == "v4" else None,
                cidr_ipv6=cidr if family == "v6" else None,
                opts=there,
            )
        instance = aws.ec2.Instance(
            f"machines-instance-{args.name}",
            ami=source.image,
            instance_type=source.size,
            availability_zone=source.zone,
            key_name=found.aws_keys[source.region, source.ssh_key],
            subnet_id=network.subnet_id,
            vpc_security_group_ids=[group.id],
            ipv6_address_count=1,
            tags={"Name": args.fqdn, **source.tags},
            opts=pulumi.ResourceOptions.merge(
                self._self(args, provider), pulumi.ResourceOptions(depends_on=[network.ready])
            ),
        )
        address = aws.ec2.Eip(f"machines-address-{args.name}", domain="vpc", tags={"Name": args.fqdn}, opts=there)
        aws.ec2.EipAssociation(
            f"machines-addressed-{args.name}", allocation_id=address.id, instance_id=instance.id, opts=there
        )
        aws.ec2.EipDomainName(f"machines-ptr-{args.name}", allocation_id=address.id, domain_name=args.fqdn, opts=there)
        # AWS wants the device named; the letters from f on are the ones it leaves for added disks.
        for letter, (label, volume) in zip("fghijklmnop", sorted(args.facts.volumes.items()), strict=False):
            made = aws.ebs.Volume(
                f"machines-volume-{args.name}-{label}",
                availability_zone=source.zone,
                size=volume.size_gb,
                encrypted=True,
                tags={"Name": f"{args.name}-{label}"},
                opts=pulumi.ResourceOptions.merge(self._holds(volume), pulumi.ResourceOptions(provider=provider)),
            )
            aws.ec2.VolumeAttachment(
                f"machines-attached-{args.name}-{label}",
                device_name=f"/dev/sd{letter}",
                instance_id=instance.id,
                volume_id=made.id,
                opts=pulumi.ResourceOptions(parent=self, provider=provider, delete_before_replace=True),
            )
        self.born = Born(ipv4=address.public_ip, ipv6=instance.ipv6_addresses[0])
        self.resource = instance

    def _gce(self, args: MachineArgs, source: Gce) -> None:
        import pulumi_gcp as gcp

        found = args.clouds.found
        network = found.gcp_networks[source.network]
        there = pulumi.ResourceOptions(parent=self, provider=found.gcp_provider)
        address = gcp.compute.Address(f"machines-address-{args.name}", name=args.name, region=source.region, opts=there)
        key = found.gcp_keys[source.ssh_key]
        instance = gcp.compute.Instance(
            f"machines-instance-{args.name}",
            name=args.name,
            machine_type=source.size,
            zone=source.zone,
            boot_disk={"initialize_params": {"image": source.image}},
            network_interfaces=[
                {
                    "subnetwork": network.subnetwork,
                    "stack_type": "IPV4_IPV6",
                    "access_configs": [{"nat_ip": address.address, "public_ptr_domain_name": f"{args.fqdn}."}],
                    "ipv6_access_configs": [{"network_tier": "PREMIUM"}],
                }
            ],
            metadata={"ssh-keys": pulumi.Output.concat(source.first_user, ":", key)},
            tags=[args.name, *source.tags],
            allow_stopping_for_update=True,
            opts=self._self(args, found.gcp_provider),
        )
        for rule in args.rules:
            for family, sources in (("v4", rule.of_family(ipv6=False)), ("v6", rule.of_family(ipv6=True))):
                if sources:
                    gcp.compute.Firewall(
                        f"machines-firewall-{args.name}-{rule.name}-{family}",
                        name=f"{args.name}-{rule.name}-{family}",
                        network=network.network,
                        target_tags=[args.name],
                        source_ranges=list(sources),
                        allows=[{"protocol": rule.proto, "ports": [rule.ports]}],
                        opts=there,
                    )
        for label, volume in sorted(args.facts.volumes.items()):
            made = gcp.compute.Disk(
                f"machines-volume-{args.name}-{label}",
                name=f"{args.name}-{label}",
                zone=source.zone,
                size=volume.size_gb,
                opts=pulumi.ResourceOptions.merge(
                    self._holds(volume), pulumi.ResourceOptions(provider=found.gcp_provider)
                ),
            )
            gcp.compute.AttachedDisk(
                f"machines-attached-{args.name}-{label}", disk=made.id, instance=instance.id, opts=there
            )
        outside = instance.network_interfaces[0]
        self.born = Born(ipv4=address.address, ipv6=outside.ipv6_access_configs[0].external_ipv6)
        self.resource = instance

    def _metal(self, args: MachineArgs) -> None:
        facts = args.facts
        assert facts.source.kind == "metal"
        self.resource = Metal(
            f"machines-metal-{args.name}",
            host=args.name,
            address=facts.public.ipv4,
            address6=facts.public.ipv6,
            port=facts.ssh_port,
            provider=facts.source.provider,
            # A machine that is not ours to touch is not contacted either: it only has its place in the picture.
            contact=facts.managed,
            opts=self._self(args),
        )
        self.born = Born(ipv4=facts.public.ipv4, ipv6=facts.public.ipv6)


def fleet_machines(fleet: Fleet, clouds: Clouds) -> dict[str, Machine]:
    """Every machine of the fleet, in name order."""
    return {
        name: Machine(f"machines-{name}", MachineArgs(name, fleet.fqdn(name), facts, port_rules(fleet, name), clouds))
        for name, facts in sorted(fleet.machines.items())
    }

"""AWS's stand-in: instances boot test hosts, and have the addresses and names of the rehearsal's network.

Security groups are kept and checked, and enforce nothing: the test hosts' own nftables do. An instance is reachable,
and so boots, once it has a public address: its own, or an associated elastic one.
"""

import ipaddress
from typing import Any, Final

from providers.base.resource import Failure
from providers.base.values import Bag, reveal
from rehearsal.cloud.aws_address import Eip, EipAssociation, EipDomainName, boot, public_names
from rehearsal.cloud.aws_network import (
    InternetGateway,
    RouteTable,
    RouteTableAssociation,
    SecurityGroup,
    SecurityGroupEgressRule,
    SecurityGroupIngressRule,
    Subnet,
    Vpc,
)
from rehearsal.cloud.aws_regional import Regional, refused, tagged
from rehearsal.cloud.digitalocean import fingerprint
from rehearsal.cloud.facts import born, hexed
from rehearsal.cloud.rules import catalog
from rehearsal.cloud.standin import StandIn
from rehearsal.cloud.store import Record

_NAME: Final = "aws"


class KeyPair(Regional):
    token = "aws:ec2/keyPair:KeyPair"

    def refine(self, inputs: Bag) -> list[Failure]:
        key = reveal(inputs["publicKey"])
        wrong = isinstance(key, str) and not fingerprint(key)
        return [Failure("publicKey", "is no public key (ssh-ed25519 AAAA…)")] if wrong else []

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        name = inputs["keyName"]
        if any(one.inputs["keyName"] == name for one in self.here("KeyPair", region)):
            raise refused(
                "ImportKeyPair", "InvalidKeyPair.Duplicate", f"The keypair already exists: {name} in {region}"
            )
        kind = inputs["publicKey"].split()[0].removeprefix("ssh-")
        outputs = {
            "keyPairId": self.number("key", serial),
            "fingerprint": fingerprint(inputs["publicKey"]),
            "keyType": kind,
        }
        # A key's id is its name, which every region has for itself.
        return name, {**outputs, **self.common(f"key-pair/{name}", inputs, region)}, {"key": f"{region}/{name}"}

    def find(self, id: str) -> Record | None:  # noqa: A002
        return self.world.store.get(_NAME, self.name, f"{self.provider.region}/{id}")


class Instance(Regional):
    token = "aws:ec2/instance:Instance"

    def refine(self, inputs: Bag) -> list[Failure]:
        failures = [
            Failure(key, "required unless a launch template says it, and missing")
            for key in ("ami", "instanceType")
            if inputs.get(key) is None and inputs.get("launchTemplate") is None
        ]
        kind, zone, image = (reveal(inputs.get(key)) for key in ("instanceType", "availabilityZone", "ami"))
        offer = catalog(_NAME)
        if isinstance(kind, str) and kind not in offer["instance_types"]:
            has = ", ".join(sorted(offer["instance_types"]))
            failures.append(Failure("instanceType", f"aws has no instance type {kind!r}; it has: {has}"))
        region = self.region_of(inputs)
        if isinstance(zone, str) and zone not in offer["regions"].get(region, ()):
            failures.append(Failure("availabilityZone", f"{region} has no availability zone {zone!r}"))
        if isinstance(image, str) and offer["images"].get(image, {}).get("region") != region:
            has = (
                ", ".join(sorted(one for one, facts in offer["images"].items() if facts["region"] == region)) or "none"
            )
            failures.append(Failure("ami", f"{region} has no image {image!r}; it has: {has}"))
        return failures

    def refuse(self, inputs: Bag, region: str) -> None:
        key, subnet_id = inputs.get("keyName"), inputs.get("subnetId")
        if key and not any(one.id == key for one in self.here("KeyPair", region)):
            raise refused("RunInstances", "InvalidKeyPair.NotFound", f"The key pair '{key}' does not exist in {region}")
        subnet = (
            self.need("Subnet", subnet_id, region, "RunInstances", "InvalidSubnetID.NotFound") if subnet_id else None
        )
        for group_id in inputs.get("vpcSecurityGroupIds") or ():
            group = self.need("SecurityGroup", group_id, region, "RunInstances", "InvalidGroup.NotFound")
            if subnet and group.outputs.get("vpcId") != subnet.outputs["vpcId"]:
                text = f"Security group {group_id} and subnet {subnet_id} belong to different networks."
                raise refused("RunInstances", "InvalidParameter", text)
        zone = inputs.get("availabilityZone")
        if subnet and zone and zone != subnet.outputs["availabilityZone"]:
            text = f"The zone {zone} does not match subnet {subnet_id} in {subnet.outputs['availabilityZone']}"
            raise refused("RunInstances", "InvalidParameterValue", text)
        if subnet and inputs.get("ipv6AddressCount") and not subnet.outputs.get("ipv6CidrBlock"):
            raise refused("RunInstances", "InvalidParameterValue", f"The subnet {subnet_id} has no IPv6 CIDR block")

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        number = self.number("i", serial)
        subnet = self.world.store.get(_NAME, "Subnet", inputs.get("subnetId") or "")
        automatic = subnet.outputs.get("mapPublicIpOnLaunch", False) if subnet else True
        public = inputs.get("associatePublicIpAddress", automatic)
        ipv4, ipv6 = self.world.store.address(_NAME)
        block = ipaddress.ip_network(subnet.inputs["cidrBlock"]) if subnet else ipaddress.ip_network("172.31.0.0/20")
        private = str(inputs.get("privateIp") or block[(10 + serial) % block.num_addresses])
        zone = subnet.outputs["availabilityZone"] if subnet else catalog(_NAME)["regions"][region][0]
        name = (inputs.get("tags") or {}).get("Name") or number
        own6 = inputs.get("ipv6Addresses") or ([ipv6] if inputs.get("ipv6AddressCount") else [])
        outputs = {
            **self.common(f"instance/{number}", inputs, region),
            "associatePublicIpAddress": bool(public),
            "availabilityZone": inputs.get("availabilityZone") or zone,
            "instanceState": "running",
            "ipv6Addresses": own6,
            "ipv6AddressCount": len(own6),
            "primaryNetworkInterfaceId": self.number("eni", serial),
            "privateIp": private,
            "privateDns": f"ip-{private.replace('.', '-')}.{region}.compute.internal",
            "subnetId": inputs.get("subnetId") or "subnet-default",
            "vpcSecurityGroupIds": inputs.get("vpcSecurityGroupIds") or ["sg-default"],
            "sourceDestCheck": inputs.get("sourceDestCheck", True),
            "tenancy": inputs.get("tenancy", "default"),
            **public_names(ipv4 if public else "", region),
        }
        return number, outputs, {"host": self.world.host_name(name, number), "own": ipv4 if public else ""}

    def arrived(self, record: Record) -> None:
        boot(self, record)

    def changed(self, record: Record, before: Record) -> None:
        record.outputs["tagsAll"] = tagged(record.inputs)

    def may_go(self, record: Record) -> None:
        if record.inputs.get("disableApiTermination"):
            text = (
                f"The instance '{record.id}' may not be terminated. Modify its 'disableApiTermination' attribute first."
            )
            raise refused("TerminateInstances", "OperationNotPermitted", text)

    def gone(self, record: Record) -> None:
        for one in self.world.store.all(_NAME, "EipAssociation"):
            if one.outputs.get("instanceId") == record.id:
                self.world.store.drop(one)
        self.world.halt(record, wipe=True)


class Volume(Regional):
    token = "aws:ebs/volume:Volume"

    def refine(self, inputs: Bag) -> list[Failure]:
        failures = []
        zone, region = reveal(inputs.get("availabilityZone")), self.region_of(inputs)
        if isinstance(zone, str) and zone not in catalog(_NAME)["regions"].get(region, ()):
            failures.append(Failure("availabilityZone", f"{region} has no availability zone {zone!r}"))
        if inputs.get("size") is None and inputs.get("snapshotId") is None:
            failures.append(Failure("size", "required unless there is a snapshot, and missing"))
        return failures

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        number = self.number("vol", serial)
        fixed = {"type": inputs.get("type", "gp2"), "encrypted": inputs.get("encrypted", False), "createTime": born()}
        return number, {**fixed, **self.common(f"volume/{number}", inputs, region)}, {}

    def may_go(self, record: Record) -> None:
        if any(one.inputs["volumeId"] == record.id for one in self.world.store.all(_NAME, "VolumeAttachment")):
            raise refused("DeleteVolume", "VolumeInUse", f"Volume {record.id} is currently attached")


class VolumeAttachment(Regional):
    token = "aws:ec2/volumeAttachment:VolumeAttachment"

    def refuse(self, inputs: Bag, region: str) -> None:
        volume = self.need("Volume", inputs["volumeId"], region, "AttachVolume", "InvalidVolume.NotFound")
        instance = self.need("Instance", inputs["instanceId"], region, "AttachVolume", "InvalidInstanceID.NotFound")
        zones = volume.inputs["availabilityZone"], instance.outputs["availabilityZone"]
        if zones[0] != zones[1]:
            text = f"The volume is in {zones[0]} and the instance in {zones[1]}: they must be in one zone"
            raise refused("AttachVolume", "InvalidVolume.ZoneMismatch", text)
        if any(one.inputs["volumeId"] == volume.id for one in self.here("VolumeAttachment", region)):
            raise refused("AttachVolume", "VolumeInUse", f"{volume.id} is already attached to an instance")

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        return f"vai-{hexed(8, 'vai', serial)}", {"region": region}, {}


class Aws(StandIn):
    """pulumi_aws's place."""

    name = _NAME
    replacing = ("region",)
    kinds_of = (
        Instance,
        KeyPair,
        SecurityGroup,
        SecurityGroupIngressRule,
        SecurityGroupEgressRule,
        Vpc,
        Subnet,
        InternetGateway,
        RouteTable,
        RouteTableAssociation,
        Eip,
        EipAssociation,
        EipDomainName,
        Volume,
        VolumeAttachment,
    )

    def check_config(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        taken, failures = super().check_config(inputs, olds)
        if inputs.get("region") is None:
            failures.append(
                Failure("region", "Missing region configuration: set aws:region, or region= of the provider")
            )
        return taken, failures

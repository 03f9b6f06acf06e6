"""AWS's stand-in: networks, subnets, routes and security groups."""

import ipaddress
from typing import Any, Final

from providers.base.resource import Failure
from providers.base.values import Bag, reveal
from rehearsal.cloud.aws_regional import Regional, refused
from rehearsal.cloud.rules import catalog
from rehearsal.cloud.store import Record

_NAME: Final = "aws"


def _network(text: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(str(text))
    except ValueError:
        return None


class Vpc(Regional):
    token = "aws:ec2/vpc:Vpc"

    def refine(self, inputs: Bag) -> list[Failure]:
        block = reveal(inputs.get("cidrBlock"))
        if block is None and inputs.get("ipv4IpamPoolId") is None:
            return [Failure("cidrBlock", "required unless there is an ipv4IpamPoolId, and missing")]
        if isinstance(block, str):
            network = _network(block)
            if network is None or not 16 <= network.prefixlen <= 28:
                return [Failure("cidrBlock", f"{block!r} is no IPv4 network between /16 and /28")]
        return []

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        number = self.number("vpc", serial)
        ipv6 = {"ipv6CidrBlock": f"2600:1f14:{serial:x}::/56"} if inputs.get("assignGeneratedIpv6CidrBlock") else {}
        outputs = {
            **self.common(f"vpc/{number}", inputs, region),
            **ipv6,
            "mainRouteTableId": self.number("rtb", f"main-{serial}"),
            "defaultRouteTableId": self.number("rtb", f"main-{serial}"),
            "defaultSecurityGroupId": self.number("sg", f"default-{serial}"),
            "defaultNetworkAclId": self.number("acl", f"default-{serial}"),
            "dhcpOptionsId": self.number("dopt", region),
        }
        return number, outputs, {}

    def may_go(self, record: Record) -> None:
        users = dict.fromkeys(("Subnet", "SecurityGroup", "InternetGateway", "RouteTable"), "vpcId")
        self.blocked_by(record, users, "DeleteVpc")


class Subnet(Regional):
    token = "aws:ec2/subnet:Subnet"

    def refine(self, inputs: Bag) -> list[Failure]:
        failures = []
        zone, region = reveal(inputs.get("availabilityZone")), self.region_of(inputs)
        if isinstance(zone, str) and zone not in catalog(_NAME)["regions"].get(region, ()):
            failures.append(Failure("availabilityZone", f"{region} has no availability zone {zone!r}"))
        block = reveal(inputs.get("cidrBlock"))
        if isinstance(block, str) and _network(block) is None:
            failures.append(Failure("cidrBlock", f"{block!r} is no network (host bits set, or not a network at all)"))
        return failures

    def refuse(self, inputs: Bag, region: str) -> None:
        vpc = self.need("Vpc", inputs["vpcId"], region, "CreateSubnet", "InvalidVpcID.NotFound")
        block, whole = _network(inputs.get("cidrBlock")), _network(vpc.inputs.get("cidrBlock"))
        if block and whole and not (block.version == whole.version and block.subnet_of(whole)):  # type: ignore[arg-type]
            raise refused("CreateSubnet", "InvalidSubnet.Range", f"The CIDR '{block}' is invalid: it is not in {whole}")

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        block = _network(inputs.get("cidrBlock"))
        for one in self.here("Subnet", region):
            other = _network(one.inputs.get("cidrBlock"))
            if one.inputs["vpcId"] == inputs["vpcId"] and block and other and block.overlaps(other):
                raise refused("CreateSubnet", "InvalidSubnet.Conflict", f"The CIDR '{block}' conflicts with {one.id}")
        number = self.number("subnet", serial)
        zones = catalog(_NAME)["regions"][region]
        zone = inputs.get("availabilityZone") or zones[0]
        outputs = {
            **self.common(f"subnet/{number}", inputs, region),
            "availabilityZone": zone,
            "availabilityZoneId": f"{region}-az{zones.index(zone) + 1}",
        }
        return number, outputs, {}

    def may_go(self, record: Record) -> None:
        users = {"Instance": "subnetId", "RouteTableAssociation": "subnetId"}
        self.blocked_by(record, users, "DeleteSubnet")


class InternetGateway(Regional):
    token = "aws:ec2/internetGateway:InternetGateway"

    def refuse(self, inputs: Bag, region: str) -> None:
        if vpc := inputs.get("vpcId"):
            self.need("Vpc", vpc, region, "AttachInternetGateway", "InvalidVpcID.NotFound")

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        vpc = inputs.get("vpcId")
        if vpc and any(one.inputs.get("vpcId") == vpc for one in self.here("InternetGateway", region)):
            text = f"Network {vpc} already has an internet gateway attached"
            raise refused("AttachInternetGateway", "InvalidParameterValue", text)
        number = self.number("igw", serial)
        return number, self.common(f"internet-gateway/{number}", inputs, region), {}


_ROUTES: Final = ("cidrBlock", "ipv6CidrBlock", "destinationPrefixListId")


class RouteTable(Regional):
    token = "aws:ec2/routeTable:RouteTable"

    def refine(self, inputs: Bag) -> list[Failure]:
        routes = inputs.get("routes")
        return [
            Failure(f"routes[{index}]", f"must have one destination: {', '.join(_ROUTES)}")
            for index, route in enumerate(routes if isinstance(routes, list) else ())
            if isinstance(route, dict) and not any(key in route for key in _ROUTES)
        ]

    def refuse(self, inputs: Bag, region: str) -> None:
        self.need("Vpc", inputs["vpcId"], region, "CreateRouteTable", "InvalidVpcID.NotFound")
        for route in inputs.get("routes") or ():
            if gateway := route.get("gatewayId"):
                self.need("InternetGateway", gateway, region, "CreateRoute", "InvalidGatewayID.NotFound")

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        number = self.number("rtb", serial)
        kept = {"routes": inputs.get("routes", []), "propagatingVgws": inputs.get("propagatingVgws", [])}
        return number, {**self.common(f"route-table/{number}", inputs, region), **kept}, {}

    def may_go(self, record: Record) -> None:
        self.blocked_by(record, {"RouteTableAssociation": "routeTableId"}, "DeleteRouteTable")


class RouteTableAssociation(Regional):
    token = "aws:ec2/routeTableAssociation:RouteTableAssociation"

    def refuse(self, inputs: Bag, region: str) -> None:
        self.need("RouteTable", inputs["routeTableId"], region, "AssociateRouteTable", "InvalidRouteTableID.NotFound")
        if subnet := inputs.get("subnetId"):
            self.need("Subnet", subnet, region, "AssociateRouteTable", "InvalidSubnetID.NotFound")

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        subnet = inputs.get("subnetId")
        if subnet and any(one.inputs.get("subnetId") == subnet for one in self.here("RouteTableAssociation", region)):
            text = f"the specified association for subnet {subnet} conflicts with an existing association"
            raise refused("AssociateRouteTable", "Resource.AlreadyAssociated", text)
        return self.number("rtbassoc", serial), {"region": region}, {}


class SecurityGroup(Regional):
    token = "aws:ec2/securityGroup:SecurityGroup"

    def refuse(self, inputs: Bag, region: str) -> None:
        if vpc := inputs.get("vpcId"):
            self.need("Vpc", vpc, region, "CreateSecurityGroup", "InvalidVpcID.NotFound")

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        vpc = inputs.get("vpcId", "vpc-default")
        for one in self.here("SecurityGroup", region):
            if (one.inputs["name"], one.outputs["vpcId"]) == (inputs["name"], vpc):
                text = f"The security group '{inputs['name']}' already exists for VPC '{vpc}'"
                raise refused("CreateSecurityGroup", "InvalidGroup.Duplicate", text)
        number = self.number("sg", serial)
        kept = {"vpcId": vpc, "ingress": inputs.get("ingress", []), "egress": inputs.get("egress", [])}
        return number, {**self.common(f"security-group/{number}", inputs, region), **kept}, {}

    def may_go(self, record: Record) -> None:
        self.blocked_by(record, {"Instance": "vpcSecurityGroupIds"}, "DeleteSecurityGroup")

    def gone(self, record: Record) -> None:
        # The rules of a group go with it.
        for kind in ("SecurityGroupIngressRule", "SecurityGroupEgressRule"):
            for one in self.here(kind, record.region):
                if one.inputs["securityGroupId"] == record.id:
                    self.world.store.drop(one)


_SOURCES: Final = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
_RULE: Final = ("securityGroupId", "ipProtocol", "fromPort", "toPort", *_SOURCES)


class SecurityGroupRule(Regional):
    """What rules of both directions share."""

    operation = ""

    def refine(self, inputs: Bag) -> list[Failure]:
        failures = []
        if not any(inputs.get(key) is not None for key in _SOURCES):
            failures.append(Failure("", f"must have one of {', '.join(_SOURCES)}"))
        protocol = reveal(inputs["ipProtocol"])
        if isinstance(protocol, str) and protocol in ("tcp", "udp"):
            for key in ("fromPort", "toPort"):
                if inputs.get(key) is None:
                    failures.append(Failure(key, f"required for {protocol}, and missing"))
        elif isinstance(protocol, str) and protocol not in ("-1", "icmp", "icmpv6") and not protocol.isdecimal():
            failures.append(Failure("ipProtocol", f"{protocol!r} is not one of tcp, udp, icmp, icmpv6, -1 or a number"))
        for key, version in (("cidrIpv4", 4), ("cidrIpv6", 6)):
            block = reveal(inputs.get(key))
            if isinstance(block, str) and ((network := _network(block)) is None or network.version != version):
                failures.append(Failure(key, f"{block!r} is no IPv{version} network"))
        return failures

    def refuse(self, inputs: Bag, region: str) -> None:
        for key in ("securityGroupId", "referencedSecurityGroupId"):
            if group := inputs.get(key):
                self.need("SecurityGroup", group, region, self.operation, "InvalidGroup.NotFound")

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        for one in self.here(self.name, region):
            if all(one.inputs.get(key) == inputs.get(key) for key in _RULE):
                text = f"the specified rule already exists in {inputs['securityGroupId']}: {one.id}"
                raise refused(self.operation, "InvalidPermission.Duplicate", text)
        number = self.number("sgr", f"{self.name}-{serial}")
        outputs = self.common(f"security-group-rule/{number}", inputs, region)
        return number, {**outputs, "securityGroupRuleId": number}, {}


class SecurityGroupIngressRule(SecurityGroupRule):
    token = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    operation = "AuthorizeSecurityGroupIngress"


class SecurityGroupEgressRule(SecurityGroupRule):
    token = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    operation = "AuthorizeSecurityGroupEgress"

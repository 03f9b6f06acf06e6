"""AWS's stand-in: elastic addresses, what they are associated with, and their reverse names.

A reverse name needs no forward record here, as it does in AWS.
"""

from typing import Any, Final

from providers.base.values import Bag
from rehearsal.cloud.aws_regional import Regional, refused
from rehearsal.cloud.store import Record

_NAME: Final = "aws"
# The account that Debian's images make for the key.
_LOGIN: Final = "admin"


def public_names(address: str, region: str) -> Bag:
    name = f"ec2-{address.replace('.', '-')}.{region}.compute.amazonaws.com" if address else ""
    return {"publicIp": address, "publicDns": name}


def boot(kind: Regional, instance: Record) -> None:
    """A reachable instance runs as a test host at its public address."""
    if not instance.outputs["publicIp"]:
        return
    keys = [
        one.inputs["publicKey"]
        for one in kind.here("KeyPair", instance.region)
        if one.id == instance.inputs.get("keyName")
    ]
    address = (instance.outputs["publicIp"], next(iter(instance.outputs["ipv6Addresses"]), None))
    name = (instance.inputs.get("tags") or {}).get("Name") or instance.id
    kind.world.boot(instance, name, address, {_LOGIN: keys})


def _readdress(kind: Regional, instance_id: str, address: str) -> None:
    """Give an instance another public address, or with an empty one its own back."""
    instance = kind.world.store.get(_NAME, "Instance", instance_id)
    if instance is None:
        return
    wanted = address or instance.private["own"]
    if instance.outputs["publicIp"] == wanted:
        return
    instance.outputs.update(public_names(wanted, instance.region))
    kind.world.store.put(instance)
    kind.world.halt(instance, wipe=False)
    boot(kind, instance)


class Eip(Regional):
    token = "aws:ec2/eip:Eip"

    def refuse(self, inputs: Bag, region: str) -> None:
        if instance := inputs.get("instance"):
            self.need("Instance", instance, region, "AssociateAddress", "InvalidInstanceID.NotFound")

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        number = self.number("eipalloc", serial)
        address, _ = self.world.store.address(_NAME)
        outputs = {
            **self.common(f"elastic-ip/{number}", inputs, region),
            **public_names(address, region),
            "allocationId": number,
            "domain": "vpc",
            "networkBorderGroup": region,
            "publicIpv4Pool": "amazon",
            "instance": inputs.get("instance", ""),
            "associationId": self.number("eipassoc", f"own-{serial}") if inputs.get("instance") else "",
        }
        return number, outputs, {}

    def arrived(self, record: Record) -> None:
        if record.inputs.get("instance"):
            _readdress(self, record.inputs["instance"], record.outputs["publicIp"])

    def altered(self, record: Record, before: Record) -> None:
        if before.inputs.get("instance") and before.inputs.get("instance") != record.inputs.get("instance"):
            _readdress(self, before.inputs["instance"], "")
        self.arrived(record)

    def may_go(self, record: Record) -> None:
        if any(one.inputs.get("allocationId") == record.id for one in self.world.store.all(_NAME, "EipAssociation")):
            raise refused("ReleaseAddress", "InvalidIPAddress.InUse", f"The address {record.id} is in use.")

    def gone(self, record: Record) -> None:
        if record.inputs.get("instance"):
            _readdress(self, record.inputs["instance"], "")


class EipAssociation(Regional):
    token = "aws:ec2/eipAssociation:EipAssociation"

    def refuse(self, inputs: Bag, region: str) -> None:
        address = inputs.get("allocationId") or ""
        self.need("Eip", address, region, "AssociateAddress", "InvalidAllocationID.NotFound")
        if instance := inputs.get("instanceId"):
            self.need("Instance", instance, region, "AssociateAddress", "InvalidInstanceID.NotFound")
        taken = any(one.inputs.get("allocationId") == address for one in self.here("EipAssociation", region))
        if taken and inputs.get("allowReassociation") is False:
            raise refused("AssociateAddress", "Resource.AlreadyAssociated", f"{address} is already associated")

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        instance = self.world.store.get(_NAME, "Instance", inputs.get("instanceId") or "")
        address = self.world.store.get(_NAME, "Eip", inputs["allocationId"])
        outputs = {
            "region": region,
            "instanceId": inputs.get("instanceId", ""),
            "publicIp": address.outputs["publicIp"] if address else "",
            "networkInterfaceId": instance.outputs["primaryNetworkInterfaceId"] if instance else "",
            "privateIpAddress": instance.outputs["privateIp"] if instance else "",
        }
        return self.number("eipassoc", serial), outputs, {}

    def arrived(self, record: Record) -> None:
        _readdress(self, record.outputs["instanceId"], record.outputs["publicIp"])

    def gone(self, record: Record) -> None:
        _readdress(self, record.outputs["instanceId"], "")


class EipDomainName(Regional):
    token = "aws:ec2/eipDomainName:EipDomainName"

    def refuse(self, inputs: Bag, region: str) -> None:
        self.need("Eip", inputs["allocationId"], region, "ModifyAddressAttribute", "InvalidAllocationID.NotFound")

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        name = f"{inputs['domainName'].rstrip('.')}."
        return inputs["allocationId"], {"ptrRecord": name, "region": region}, {}

    def arrived(self, record: Record) -> None:
        self.world.publish()

    def changed(self, record: Record, before: Record) -> None:
        record.outputs["ptrRecord"] = f"{record.inputs['domainName'].rstrip('.')}."

    def gone(self, record: Record) -> None:
        self.world.publish()

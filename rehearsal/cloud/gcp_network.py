"""GCP's stand-in: networks, subnetworks, firewalls and addresses."""

import ipaddress
from typing import Any, Final

from providers.base.resource import Failure
from providers.base.values import Bag, reveal
from rehearsal.cloud.gcp_placed import Placed, refused
from rehearsal.cloud.store import Record

_NAME: Final = "gcp"


class Network(Placed):
    token = "gcp:compute/network:Network"
    collection = "networks"

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        given = {"mtu": inputs.get("mtu", 1460), "routingMode": inputs.get("routingMode", "REGIONAL")}
        outputs = {
            **self.common(inputs, serial),
            **given,
            "gatewayIpv4": "",
            "networkId": str(serial),
            "numericId": str(serial),
        }
        return self.id_of(inputs), outputs, {}

    def may_go(self, record: Record) -> None:
        for kind in (Subnetwork, Firewall):
            for one in self.world.store.all(_NAME, kind.token.rpartition(":")[2]):
                if one.private.get("network") == record.id:
                    raise refused(400, f"The network resource '{record.id}' is already being used by '{one.id}'")


class _InNetwork(Placed):
    """A type that belongs to a network."""

    def refuse(self, inputs: Bag, region: str) -> None:
        self.need(Network, inputs["network"], inputs)

    def _network_id(self, inputs: Bag) -> str:
        found = self.need(Network, inputs["network"], inputs)
        return found.id if found else "default"


class Subnetwork(_InNetwork):
    token = "gcp:compute/subnetwork:Subnetwork"
    collection = "subnetworks"
    place = "region"

    def refine(self, inputs: Bag) -> list[Failure]:
        failures = super().refine(inputs)
        block = reveal(inputs.get("ipCidrRange"))
        if isinstance(block, str):
            try:
                ipaddress.IPv4Network(block)
            except ValueError as error:
                failures.append(Failure("ipCidrRange", f"{block!r} is no network: {error}"))
        return failures

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        network = self._network_id(inputs)
        block = inputs.get("ipCidrRange") or f"10.{128 + serial}.0.0/20"
        for one in self.world.store.all(_NAME, "Subnetwork"):
            other = ipaddress.ip_network(one.outputs["ipCidrRange"])
            if one.private["network"] == network and other.overlaps(ipaddress.ip_network(block)):
                text = f"Invalid IPCidrRange: {block} conflicts with existing subnetwork '{one.inputs['name']}'"
                raise refused(400, f"{text} in region '{one.region}'.")
        stack = inputs.get("stackType", "IPV4_ONLY")
        outputs = {
            **self.common(inputs, serial),
            "ipCidrRange": block,
            "gatewayAddress": str(ipaddress.ip_network(block)[1]),
            "stackType": stack,
            "fingerprint": f"fp{serial}",
            "purpose": inputs.get("purpose", "PRIVATE"),
            "subnetworkId": serial,
            "privateIpGoogleAccess": inputs.get("privateIpGoogleAccess", False),
            **(
                {"externalIpv6Prefix": f"2600:1900:{serial:x}::/64"}
                if inputs.get("ipv6AccessType") == "EXTERNAL"
                else {}
            ),
        }
        return self.id_of(inputs), outputs, {"network": network}


class Firewall(_InNetwork):
    token = "gcp:compute/firewall:Firewall"
    collection = "firewalls"

    def refine(self, inputs: Bag) -> list[Failure]:
        failures = super().refine(inputs)
        if inputs.get("allows") is None and inputs.get("denies") is None:
            failures.append(Failure("allows", "one of allows and denies is required, and both are missing"))
        for key in ("sourceRanges", "destinationRanges"):
            blocks = reveal(inputs.get(key))
            for index, block in enumerate(blocks if isinstance(blocks, list) else ()):
                try:
                    if isinstance(block, str):
                        ipaddress.ip_network(block)
                except ValueError as error:
                    failures.append(Failure(f"{key}[{index}]", f"{block!r} is no network: {error}"))
            # The real interface takes one address family to a rule.
            families = (
                {":" in block for block in blocks if isinstance(block, str)} if isinstance(blocks, list) else set()
            )
            if len(families) > 1:
                failures.append(Failure(key, "IPv4 and IPv6 ranges must be in separate rules"))
        return failures

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        direction = inputs.get("direction", "INGRESS")
        outputs = {**self.common(inputs, serial), "direction": direction}
        if "sourceRanges" not in inputs and direction == "INGRESS" and not inputs.get("sourceTags"):
            outputs["sourceRanges"] = ["0.0.0.0/0"]
        return self.id_of(inputs), outputs, {"network": self._network_id(inputs)}


class Address(Placed):
    token = "gcp:compute/address:Address"
    collection = "addresses"
    place = "region"

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        ipv4, ipv6 = self.world.store.address(_NAME)
        free = ipv6 if inputs.get("ipVersion") == "IPV6" else ipv4
        outputs = {
            **self.common(inputs, serial),
            "address": inputs.get("address") or free,
            "networkTier": inputs.get("networkTier", "PREMIUM"),
            "users": [],
        }
        return self.id_of(inputs), outputs, {}

    def may_go(self, record: Record) -> None:
        address = record.outputs["address"]
        for instance in self.world.store.all(_NAME, "Instance"):
            for interface in instance.inputs["networkInterfaces"]:
                if any(one.get("natIp") == address for one in interface.get("accessConfigs") or ()):
                    text = f"The address resource '{record.id}' is already being used by '{instance.id}'"
                    raise refused(400, text)

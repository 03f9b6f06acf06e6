"""DigitalOcean's stand-in: zones and their records, cloud firewalls, private networks."""

import ipaddress
import re
from typing import Any, Final

from providers.base.resource import Failure
from providers.base.values import Bag, reveal
from rehearsal.cloud.facts import born, fake_uuid
from rehearsal.cloud.kind import Kind, Refused
from rehearsal.cloud.store import Record

_NAME: Final = "digitalocean"


class Domain(Kind):
    token = "digitalocean:index/domain:Domain"

    def refuse(self, inputs: Bag, region: str) -> None:
        if self.world.store.get(_NAME, "Domain", inputs["name"]):
            raise Refused("POST /v2/domains: 422 name: domain already exists")

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        return inputs["name"], {"domainUrn": f"do:domain:{inputs['name']}", "ttl": 1800}, {}

    def arrived(self, record: Record) -> None:
        self.world.publish()

    def gone(self, record: Record) -> None:
        # A zone's records go with it.
        for one in self.world.store.all(_NAME, "DnsRecord"):
            if one.inputs["domain"] == record.id:
                self.world.store.drop(one)
        self.world.publish()


_TARGETS = ("CNAME", "MX", "NS", "SRV")
_NEEDS = {"MX": ("priority",), "SRV": ("priority", "weight", "port"), "CAA": ("flags", "tag")}


class DnsRecord(Kind):
    token = "digitalocean:index/dnsRecord:DnsRecord"

    def refine(self, inputs: Bag) -> list[Failure]:
        kind, value = reveal(inputs["type"]), reveal(inputs["value"])
        failures = [
            Failure(key, f"required by a record of type {kind}, and missing")
            for key in _NEEDS.get(kind if isinstance(kind, str) else "", ())
            if inputs.get(key) is None
        ]
        if isinstance(kind, str) and isinstance(value, str) and (wrong := _wrong_value(kind, value)):
            failures.append(Failure("value", f"{value!r} {wrong}"))
        ttl = inputs.get("ttl")
        if isinstance(ttl, int) and ttl < 30:
            failures.append(Failure("ttl", f"must be at least 30, not {ttl}"))
        return failures

    def refuse(self, inputs: Bag, region: str) -> None:
        store, domain = self.world.store, inputs["domain"]
        if store.get(_NAME, "Domain", domain) is None:
            raise Refused(f"POST /v2/domains/{domain}/records: 404 the domain {domain} was not found")

    def _refuse_cname_beside_others(self, inputs: Bag, own: str | None) -> None:
        for one in self.world.store.all(_NAME, "DnsRecord"):
            same = (one.inputs["domain"], one.inputs["name"]) == (inputs["domain"], inputs["name"])
            if same and one.id != own and "CNAME" in (one.inputs["type"], inputs["type"]):
                raise Refused(
                    f"POST /v2/domains/{inputs['domain']}/records: 422 CNAME records cannot share a name with other "
                    f"records: {inputs['name']} has a {one.inputs['type']} record"
                )

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        self._refuse_cname_beside_others(inputs, None)
        outputs = {"fqdn": fqdn(inputs), "ttl": inputs.get("ttl", 1800)}
        return str(1_700_000_000 + serial), outputs, {}

    def changed(self, record: Record, before: Record) -> None:
        self._refuse_cname_beside_others(record.inputs, record.id)
        record.outputs["fqdn"] = fqdn(record.inputs)
        record.outputs.setdefault("ttl", 1800)

    def arrived(self, record: Record) -> None:
        self.world.publish()

    def gone(self, record: Record) -> None:
        self.world.publish()

    def find(self, id: str) -> Record | None:  # noqa: A002
        # People import a record as `<domain>,<number>`.
        return super().find(id.rpartition(",")[2])


def _wrong_value(kind: str, value: str) -> str:
    if kind in ("A", "AAAA"):
        wanted = 4 if kind == "A" else 6
        try:
            right = ipaddress.ip_address(value).version == wanted
        except ValueError:
            right = False
        return "" if right else f"is no IPv{wanted} address"
    if kind in _TARGETS and value != "@" and not value.endswith("."):
        return "must end with a dot: it is a full name (Data needs to end with a dot)"
    return ""


def fqdn(inputs: Bag) -> str:
    """A record's full name."""
    name, domain = inputs["name"], inputs["domain"]
    return str(domain) if name == "@" else f"{name}.{domain}"


_PORTS = re.compile(r"(\d{1,5})(-(\d{1,5}))?|all\Z")


class Firewall(Kind):
    token = "digitalocean:index/firewall:Firewall"

    def refine(self, inputs: Bag) -> list[Failure]:
        failures = []
        for key, ends in (("inboundRules", "source"), ("outboundRules", "destination")):
            rules = inputs.get(key)
            for index, rule in enumerate(rules if isinstance(rules, list) else ()):
                if not isinstance(rule, dict):
                    continue
                at, protocol, ports = f"{key}[{index}]", rule.get("protocol"), rule.get("portRange")
                if isinstance(protocol, str) and protocol not in ("tcp", "udp", "icmp"):
                    failures.append(Failure(f"{at}.protocol", f"{protocol!r} is not one of tcp, udp, icmp"))
                if protocol in ("tcp", "udp") and ports is None:
                    failures.append(Failure(f"{at}.portRange", f"required for {protocol}, and missing"))
                if isinstance(ports, str) and not _PORTS.fullmatch(ports):
                    failures.append(Failure(f"{at}.portRange", f"{ports!r} is no port, range (8000-9000) or all"))
                if not any(name.startswith(ends) and value for name, value in rule.items()):
                    failures.append(Failure(at, f"must name at least one {ends}"))
        if not inputs.get("inboundRules") and not inputs.get("outboundRules"):
            failures.append(Failure("", "at least one rule must be specified"))
        return failures

    def refuse(self, inputs: Bag, region: str) -> None:
        wanted = list(inputs.get("dropletIds") or ())
        for rule in [*(inputs.get("inboundRules") or ()), *(inputs.get("outboundRules") or ())]:
            wanted += [*(rule.get("sourceDropletIds") or ()), *(rule.get("destinationDropletIds") or ())]
        for number in wanted:
            if self.world.store.get(_NAME, "Droplet", str(number)) is None:
                raise Refused(f"POST /v2/firewalls: 422 droplet {number} was not found")

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        if any(one.inputs["name"] == inputs["name"] for one in self.world.store.all(_NAME, "Firewall")):
            raise Refused(f"POST /v2/firewalls: 409 duplicate name: there is a firewall {inputs['name']} already")
        return fake_uuid("firewall", serial), {"createdAt": born(), "pendingChanges": [], "status": "succeeded"}, {}


class Vpc(Kind):
    token = "digitalocean:index/vpc:Vpc"

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        wanted = inputs.get("ipRange") or f"10.{100 + serial}.0.0/20"
        try:
            network = ipaddress.ip_network(wanted)
        except ValueError as error:
            raise Refused(f"POST /v2/vpcs: 422 {error}") from None
        for one in self.world.store.all(_NAME, "Vpc"):
            if network.overlaps(ipaddress.ip_network(one.outputs["ipRange"])):
                raise Refused(f"POST /v2/vpcs: 422 {wanted} overlaps with another VPC network: {one.inputs['name']}")
        number = fake_uuid("vpc", serial)
        return number, {"ipRange": wanted, "createdAt": born(), "default": False, "vpcUrn": f"do:vpc:{number}"}, {}

    def may_go(self, record: Record) -> None:
        members = [one for one in self.world.store.all(_NAME, "Droplet") if one.outputs["vpcUuid"] == record.id]
        if members:
            names = ", ".join(one.inputs["name"] for one in members)
            raise Refused(f"DELETE /v2/vpcs/{record.id}: 403 can not delete a VPC with members: {names}")

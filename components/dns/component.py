"""The zones' records as resources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.born import Born
from components.dns.plan import MachineAddress, Record, SecretText
from components.settings import secret


@dataclass(frozen=True)
class DnsArgs:
    """The zones (name: whether adopted), their records, and what the machines' addresses turned out to be."""

    zones: Mapping[str, bool]
    records: tuple[Record, ...]
    born: Mapping[str, Born]


class Dns(pulumi.ComponentResource):
    """Gives each machine, pool and service its public name.

    Creates
        dns-<zone>                         digitalocean.Domain      the zone itself
        dns-<zone>-<type>-<name>[-<key>]   digitalocean.DnsRecord   one for each record and value

    Leaves out reverse DNS, which stands with the machine. In a zone that is not adopted, creating a record is refused
    when it comes to it (the preview still shows it): the provider accepts duplicates of records that are there already.

    Attributes
        domains: zone name to its domain resource, for what groups resources at the provider.
    """

    domains: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, args: DnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fleet:dns:Dns", name, None, opts)
        self.domains = {}
        if args.zones:
            self._records(args)
        self.register_outputs({"records": len(args.records)})

    def _records(self, args: DnsArgs) -> None:
        import pulumi_digitalocean as digitalocean

        hooks = {zone: _refusal(zone) for zone, adopted in args.zones.items() if not adopted}
        made = {}
        for zone in sorted(args.zones):
            made[zone] = digitalocean.Domain(
                f"dns-{zone}", name=zone, opts=pulumi.ResourceOptions(parent=self, protect=True, hooks=hooks.get(zone))
            )
        for record in args.records:
            digitalocean.DnsRecord(
                record.logical_name,
                domain=made[record.zone].name,
                type=record.type,
                name=record.name,
                value=_value(record, args.born),
                ttl=record.ttl,
                priority=record.priority,
                flags=record.flags,
                tag=record.tag,
                # Not a child of the zone: protection is inherited, and a record may go while its zone may not.
                opts=pulumi.ResourceOptions(parent=self, hooks=hooks.get(record.zone), delete_before_replace=True),
            )
        self.domains = {zone: domain.domain_urn for zone, domain in made.items()}


def _value(record: Record, born: Mapping[str, Born]) -> pulumi.Input[str]:
    if isinstance(record.value, MachineAddress):
        it = born[record.value.machine]
        found: pulumi.Input[str] = it.ipv4 if record.value.family == "ipv4" else it.ipv6
        return found
    if isinstance(record.value, SecretText):
        prefix = record.value.prefix
        return secret(record.value.name).apply(lambda text: prefix + text)
    return record.value


def _refusal(zone: str) -> pulumi.ResourceHookBinding:
    """A hook that stops the creation of anything in a zone that is not adopted. It does not run in a preview."""

    def refuse(args: pulumi.ResourceHookArgs) -> None:
        raise ValueError(
            f"{args.name}: the zone {zone} is not adopted, so creating this is refused: its records exist at the "
            f"provider, which would take duplicates. Way out: import them into the state (docs/runbooks/dns.md), "
            f"then set zones.{zone}.adopted to true."
        )

    return pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook(f"refuse-unadopted-{zone}", refuse)])

"""Rules about clouds: what a machine asks of one is declared there, and in the same place."""

from __future__ import annotations

from collections.abc import Iterator

from model.checks.rule import Found
from model.clouds import CloudNetwork, SshKey
from model.fleet import Fleet
from model.machine import Droplet, Ec2, Gce
from model.reading import Where


def clouds_are_named(fleet: Fleet) -> Iterator[Found]:
    """A cloud that makes a machine or holds a zone is named in the stack; one that is not named is never contacted."""
    sections = {"droplet": "digitalocean", "ec2": "aws", "gce": "gcp"}
    for name, machine in fleet.machines.items():
        section = sections.get(machine.source.kind)
        if section is not None and getattr(fleet, section) is None:
            yield Found(("machines", name, "source"), f"no `{section}:` is declared", f"declare `{section}:`")
    for zone_name, zone in fleet.zones.items():
        if fleet.digitalocean is None:
            what = f"{zone.provider} is not declared"
            yield Found(("zones", zone_name, "provider"), what, "declare `digitalocean:`")


def droplets_have_one_image(fleet: Fleet) -> Iterator[Found]:
    """A droplet is made from exactly one image: the provider's, or a custom one."""
    for name, machine in fleet.machines.items():
        source = machine.source
        if isinstance(source, Droplet) and (source.image is None) == (source.custom_image is None):
            yield Found(("machines", name, "source"), "says both or none", "write `image:` or `custom_image:`")


def ssh_keys_are_declared(fleet: Fleet) -> Iterator[Found]:
    """A machine's ssh keys are declared at its cloud."""
    for name, machine in fleet.machines.items():
        source = machine.source
        path: Where = ("machines", name, "source")
        if isinstance(source, Droplet) and fleet.digitalocean:
            for i, key in enumerate(source.ssh_keys):
                if key not in fleet.digitalocean.ssh_keys:
                    yield Found((*path, "ssh_keys", i), f"{key} is no key", "declare it in digitalocean.ssh_keys")
        for kind, section, cloud in ((Ec2, "aws", fleet.aws), (Gce, "gcp", fleet.gcp)):
            if isinstance(source, kind) and cloud and source.ssh_key not in cloud.ssh_keys:
                yield Found((*path, "ssh_key"), f"{source.ssh_key} is no key", f"declare it in {section}.ssh_keys")


def ssh_keys_have_one_source(fleet: Fleet) -> Iterator[Found]:
    """A cloud's ssh key comes from exactly one place: public_key, public_key_secret or public_key_env."""
    for section, cloud in (("digitalocean", fleet.digitalocean), ("aws", fleet.aws), ("gcp", fleet.gcp)):
        keys: dict[str, SshKey] = cloud.ssh_keys if cloud else {}
        for name, key in keys.items():
            given = [f for f in ("public_key", "public_key_secret", "public_key_env") if getattr(key, f) is not None]
            if len(given) != 1:
                what = f"says {' and '.join(given)}" if given else "says none of them"
                yield Found((section, "ssh_keys", name), what, "keep or write one")


def networks_are_declared(fleet: Fleet) -> Iterator[Found]:
    """A machine's network is declared at its cloud, in the machine's own region and zone."""
    for name, machine in fleet.machines.items():
        source = machine.source
        path: Where = ("machines", name, "source")
        if isinstance(source, Droplet) and source.vpc is not None and fleet.digitalocean:
            vpc = fleet.digitalocean.vpcs.get(source.vpc)
            if vpc is None:
                yield Found((*path, "vpc"), f"{source.vpc} is no VPC", "declare it in digitalocean.vpcs")
            elif vpc.region != source.region:
                yield Found((*path, "vpc"), f"{source.vpc} is in {vpc.region}", f"take one in {source.region}")
        for kind, section, cloud in ((Ec2, "aws", fleet.aws), (Gce, "gcp", fleet.gcp)):
            if not isinstance(source, kind) or cloud is None:
                continue
            network: CloudNetwork | None = cloud.networks.get(source.network)
            if network is None:
                yield Found((*path, "network"), f"{source.network} is none", f"declare it in {section}.networks")
            elif network.region != source.region:
                yield Found(
                    (*path, "network"), f"{source.network} is in {network.region}", f"take one in {source.region}"
                )
            elif network.zone is not None and network.zone != source.zone:
                yield Found(
                    (*path, "zone"), f"the subnet of {source.network} is in {network.zone}", "make both the same"
                )


def zones_are_of_their_region(fleet: Fleet) -> Iterator[Found]:
    """A machine's availability zone is one of its region."""
    for name, machine in fleet.machines.items():
        source = machine.source
        if isinstance(source, Ec2 | Gce) and not source.zone.startswith(source.region):
            what = f"{source.zone} is not in {source.region}"
            yield Found(("machines", name, "source", "zone"), what, f"write one that begins with {source.region}")


def projects_hold_what_exists(fleet: Fleet) -> Iterator[Found]:
    """What a project groups exists: droplets, buckets and zones of the stack, each in one project."""
    if fleet.digitalocean is None:
        return
    droplets = {name for name, m in fleet.machines.items() if isinstance(m.source, Droplet)}
    known = {"machines": droplets, "buckets": set(fleet.digitalocean.buckets), "zones": set(fleet.zones)}
    held: dict[tuple[str, str], str] = {}
    for project, facts in fleet.digitalocean.projects.items():
        for field, existing in known.items():
            for i, name in enumerate(getattr(facts, field)):
                path: Where = ("digitalocean", "projects", project, field, i)
                other = held.setdefault((field, name), project)
                if name not in existing:
                    yield Found(path, f"{name} is none of DigitalOcean's here", "remove it, or declare it")
                elif other != project or name in getattr(facts, field)[:i]:
                    yield Found(path, f"{name} is in the project {other} already", "keep one of the two")


RULES = (
    clouds_are_named,
    droplets_have_one_image,
    ssh_keys_are_declared,
    ssh_keys_have_one_source,
    networks_are_declared,
    zones_are_of_their_region,
    projects_hold_what_exists,
)

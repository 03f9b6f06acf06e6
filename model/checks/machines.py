"""Rules about machines: where they stand, what they are called, what they are for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from model.checks.rule import Found
from model.fleet import Fleet
from model.machine import Metal
from model.reading import Where


def regions_are_known(fleet: Fleet) -> Iterator[Found]:
    """A machine stands in a region that the fleet declares."""
    for name, machine in fleet.machines.items():
        if machine.region not in fleet.regions:
            what = f"{machine.region} is no region"
            yield Found(("machines", name, "region"), what, f"declare it, or write one of: {', '.join(fleet.regions)}")


def names_say_the_place(fleet: Fleet) -> Iterator[Found]:
    """A machine is called <letter>-<region>-<country>, of the region it stands in."""
    for name, machine in fleet.machines.items():
        region = fleet.regions.get(machine.region)
        if region is None:
            continue
        ending = f"-{machine.region}-{region.country}"
        if name[1:] != ending:
            yield Found(("machines", name), f"{name} does not end in {ending} after one letter", f"call it a{ending}")


def roles_are_known(fleet: Fleet) -> Iterator[Found]:
    """A machine's roles are declared, and each stands once."""
    for name, machine in fleet.machines.items():
        for i, role in enumerate(machine.roles):
            path: Where = ("machines", name, "roles", i)
            if role not in fleet.roles:
                yield Found(path, f"{role} is no role", f"declare it, or write one of: {', '.join(fleet.roles)}")
            elif role in machine.roles[:i]:
                yield Found(path, f"the role {role} stands here twice", "keep one of the two")


def words_choose_one_thing(fleet: Fleet) -> Iterator[Found]:
    """No role is called like a machine, or "all"."""
    for role in fleet.roles:
        if role == "all" or role in fleet.machines:
            yield Found(("roles", role), f"{role} means something else too", "give the role another name")


def quorums_are_odd(fleet: Fleet) -> Iterator[Found]:
    """Machines that vote are an odd number, for an even one survives no more failures than the odd one below it."""
    for role, facts in fleet.roles.items():
        voters = fleet.having(role)
        if facts.quorum and voters and len(voters) % 2 == 0:
            what = f"{len(voters)} machines have this role: {', '.join(voters)}"
            yield Found(("roles", role, "quorum"), what, "give the role to one machine more or fewer")


def public_addresses_are_once(fleet: Fleet) -> Iterator[Found]:
    """A public address belongs to one machine."""
    holders: dict[str, list[tuple[str, Where]]] = defaultdict(list)
    for name, machine in fleet.machines.items():
        for family, address in (("ipv4", machine.public.ipv4), ("ipv6", machine.public.ipv6)):
            if address is not None:
                holders[address].append((name, ("machines", name, "public", family)))
    for name, recorded in fleet.recorded.items():
        for family, address in (("ipv4", recorded.ipv4), ("ipv6", recorded.ipv6)):
            if address is not None and (name, ("machines", name, "public", family)) not in holders[address]:
                holders[address].append((name, ("recorded", name, family)))
    yield from used_twice(holders, "address", "give each machine its own address")


def used_twice(holders: dict[str, list[tuple[str, Where]]], thing: str, way_out: str) -> Iterator[Found]:
    """What several hold, said at each of their places."""
    for value, places in holders.items():
        for name, path in places if len(places) > 1 else []:
            others = ", ".join(other for other, place in places if place != path)
            yield Found(path, f"the {thing} {value} of {name} is {others}'s too", way_out)


def donated_machines_are_reachable(fleet: Fleet) -> Iterator[Found]:
    """A managed machine that no cloud makes has a public address."""
    for name, machine in fleet.managed.items():
        if isinstance(machine.source, Metal) and machine.public.ipv4 is None and machine.public.ipv6 is None:
            yield Found(("machines", name), "nothing says where to reach it", "write its `public:` ipv4 or ipv6")


def clouds_give_addresses(fleet: Fleet) -> Iterator[Found]:
    """A cloud gives its machines their public addresses: they are recorded, not declared."""
    for name, machine in fleet.machines.items():
        if not isinstance(machine.source, Metal) and (machine.public.ipv4 or machine.public.ipv6):
            what = f"a {machine.source.kind} declares a public address"
            yield Found(("machines", name, "public"), what, "remove it; `fleet record` writes what the cloud gave")


def unmanaged_machines_ask_nothing(fleet: Fleet) -> Iterator[Found]:
    """A machine that is never touched is no cloud's, and has no roles, volumes, openings or groups."""
    for name, machine in fleet.machines.items():
        if machine.managed:
            continue
        asked = {
            "source": not isinstance(machine.source, Metal),
            "roles": bool(machine.roles),
            "volumes": bool(machine.volumes),
            "openings": bool(machine.openings),
            "ssh_groups": bool(machine.ssh_groups),
        }
        for field in (field for field, is_asked in asked.items() if is_asked):
            what = f"{name} is not managed, and `{field}` asks to do something with it"
            yield Found(("machines", name, field), what, "remove it, or manage the machine")


def volumes_are_at_clouds(fleet: Fleet) -> Iterator[Found]:
    """A volume is made by the machine's cloud, so a donated machine has none."""
    for name, machine in fleet.machines.items():
        for volume in machine.volumes if isinstance(machine.source, Metal) else ():
            what = "no API can make a volume at a machine of kind metal"
            yield Found(("machines", name, "volumes", volume), what, "say in `hardware` which disks it has")


def repository_files_are_names(fleet: Fleet) -> Iterator[Found]:
    """A repository file is a plain file name, and stands once."""
    for name, machine in fleet.machines.items():
        files = machine.repositories.files if machine.repositories else ()
        for i, file in enumerate(files):
            path: Where = ("machines", name, "repositories", "files", i)
            if "/" in file or file.startswith("."):
                yield Found(path, f"{file} is a path", "write its name without folders")
            elif file in files[:i]:
                yield Found(path, f"{file} stands here twice", "keep one of the two")


def own_networks_are_whole(fleet: Fleet) -> Iterator[Found]:
    """A static network says its interface and addresses; another one says neither."""
    for name, machine in fleet.machines.items():
        network = machine.network
        if network is None:
            continue
        path: Where = ("machines", name, "network")
        if network.mode == "static" and not (network.interface and network.addresses):
            yield Found(path, "is static and says no interface or no addresses", "write both")
        if network.mode != "static" and (network.addresses or network.routes):
            yield Found(path, f"is {network.mode} and says addresses or routes", "remove them, or write mode: static")


def recorded_machines_exist(fleet: Fleet) -> Iterator[Found]:
    """What is recorded is of a managed machine."""
    managed = fleet.managed
    for name in fleet.recorded:
        if name not in managed:
            yield Found(("recorded", name), f"{name} is no managed machine", "remove it, or run `fleet record`")


def recorded_keys_are_once(fleet: Fleet) -> Iterator[Found]:
    """A key born on a host belongs to that host alone."""
    for field, thing in (("wireguard_key", "WireGuard key"), ("ssh_host_key", "ssh host key")):
        holders: dict[str, list[tuple[str, Where]]] = defaultdict(list)
        for name, recorded in fleet.recorded.items():
            key: str | None = getattr(recorded, field)
            if key is not None:
                holders[" ".join(key.split()[:2])].append((name, ("recorded", name, field)))
        yield from used_twice(holders, thing, "remove both, and run `fleet record`")


RULES = (
    regions_are_known,
    names_say_the_place,
    roles_are_known,
    words_choose_one_thing,
    quorums_are_odd,
    public_addresses_are_once,
    donated_machines_are_reachable,
    clouds_give_addresses,
    unmanaged_machines_ask_nothing,
    volumes_are_at_clouds,
    repository_files_are_names,
    own_networks_are_whole,
    recorded_machines_exist,
    recorded_keys_are_once,
)

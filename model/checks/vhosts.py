"""Rules about how services are found: their checks, their ports, and the public names that lead to them."""

from __future__ import annotations

from collections.abc import Iterator

from model.checks.placement import few
from model.checks.rule import Found
from model.fleet import Fleet
from model.placement import all_groups
from model.reading import Where
from model.registration import seconds
from model.vhosts import answer, control_fronts, derived, named, vhosts, zone_of


def registered_ports_are_there(fleet: Fleet) -> Iterator[Found]:
    """A registration, a check and a web server name ports of their group."""
    for _, placed in all_groups(fleet):
        ports = placed.group.ports
        said: list[tuple[Where, str]] = []
        for name, it in placed.group.registers.items():
            path: Where = (*placed.path, "registers", name)
            said.append(((*path, "port"), it.port))
            said += [((*path, "checks", i, "port"), c.port) for i, c in enumerate(it.checks) if c.port]
        for _, task_path, task in placed.tasks:
            if task.webserver is not None and task.webserver.root is not None:
                said.append(((*task_path, "webserver"), task.webserver.port))
            said += [((*task_path, "container", "ports", i), p) for i, p in enumerate(task.container.ports)]
        for where, label in said:
            if label not in ports and not label.isdigit():
                yield Found(where, f"{label} is no port of this group", f"write one of: {', '.join(ports) or 'none'}")


def checks_end_before_the_next(fleet: Fleet) -> Iterator[Found]:
    """A check gives up before the next one begins."""
    for _, placed in all_groups(fleet):
        for name, it in placed.group.registers.items():
            for i, check in enumerate(it.checks):
                if seconds(check.timeout) >= seconds(check.every):
                    path: Where = (*placed.path, "registers", name, "checks", i, "timeout")
                    what = f"it waits {check.timeout} for an answer, every {check.every}"
                    yield Found(path, what, "write a shorter timeout or a longer period")


def http_checks_have_a_path(fleet: Fleet) -> Iterator[Found]:
    """A check over HTTP asks for a path, and one over TCP has none."""
    for _, placed in all_groups(fleet):
        for name, it in placed.group.registers.items():
            for i, check in enumerate(it.checks):
                if (check.kind == "http") != (check.path is not None):
                    path: Where = (*placed.path, "registers", name, "checks", i)
                    yield Found(path, f"a {check.kind} check with path {check.path}", "write the path, or `kind: tcp`")


def public_names_are_once(fleet: Fleet) -> Iterator[Found]:
    """A public name belongs to one service, tree or redirect, and the names of the control plane to none."""
    owners: dict[str, str] = {}
    if fleet.control is not None:
        names = fleet.control.names
        owners = dict.fromkeys((names.nomad, names.consul, names.vault), "the control plane")
    for it in named(fleet):
        if it.name in owners:
            yield Found(it.path, f"{it.name} belongs to {owners[it.name]} already", "keep one of the two")
        owners.setdefault(it.name, it.owner)


def public_names_have_a_service(fleet: Fleet) -> Iterator[Found]:
    """A public name leads to a service that is there: one that is held, or has no copies, answers nobody."""
    for public in vhosts(fleet):
        held = fleet.services[public.service].held is not None
        if public.vhost.public and (held or not public.placed.group.count):
            what = f"{public.service} {'is held' if held else 'has no copy'}"
            yield Found((*public.path, "public"), what, "write `public: false` until it is there")


def vhosts_are_checked(fleet: Fleet) -> Iterator[Found]:
    """A service behind a public name has a health check; only one that no front asks may say why it has none."""
    for public in vhosts(fleet):
        own = public.vhost.through == "own"
        if not public.registration.checks and not (own and public.vhost.unchecked is not None):
            what = "the registration has no check, so a dead copy of it looks like a live one"
            yield Found(public.path, what, f"add `checks:`{', or say why not: `unchecked:`' if own else ''}")


def strangers_only_read(fleet: Fleet) -> Iterator[Found]:
    """Behind a front, whoever has not logged in only reads, unless the service says why anybody may do more."""
    for public in vhosts(fleet):
        it = public.vhost
        if it.through == "own" or not it.public or it.login != "none" or it.anybody is not None:
            continue
        if not it.methods or not set(it.methods) <= {"GET", "HEAD"}:
            what = f"anybody may send {', '.join(it.methods) or 'everything'}"
            yield Found(public.path, what, "write `methods: [GET, HEAD]`, or say why: `anybody:`")


def fronts_find_their_services(fleet: Fleet) -> Iterator[Found]:
    """A service behind a front is registered in Consul, where the front looks for it."""
    for public in vhosts(fleet):
        if public.vhost.through != "own" and public.registration.provider != "consul":
            yield Found((*public.path[:-1], "provider"), "fronts do not look into Nomad", "leave `provider` out")


def vhosts_have_a_front(fleet: Fleet) -> Iterator[Found]:
    """The front that a vhost goes through is there: the mirrors by `front`, the control hosts by one service."""
    for public in vhosts(fleet):
        through, place = public.vhost.through, (*public.path, "through")
        if not public.vhost.public:
            continue
        if through == "mirrors" and fleet.front is None:
            yield Found(place, "the stack has no front", "write `front:` with the mirrors' role, or `through: own`")
        found = control_fronts(fleet)
        if through == "control" and len(found) != 1:
            what = f"{', '.join(found)} are all" if found else "no service is"
            way_out = "write `front: control` at one service, or `through: own`"
            yield Found(place, f"{what} the front control", way_out)


def vhosts_are_led_to_their_front(fleet: Fleet) -> Iterator[Found]:
    """A public name is in a zone of ours and leads to the machines that answer it, and to no other."""
    made = {(d.zone, d.label) for d in derived(fleet)}
    for it in named(fleet):
        if not it.public or not it.machines:
            continue
        # A name that is held and leads nowhere at all is what the rules about zones speak of.
        name, machines = it.name, few(sorted(it.machines))
        zone = zone_of(fleet, name)
        found = answer(fleet, name)
        if zone is None:
            yield Found(it.path, f"{name} is in no zone of ours", f"write one of {', '.join(fleet.zones) or 'ours'}")
        elif found is None and zone not in made:
            what = f"the zone does not answer {name}, and no pool of it has just {machines}"
            yield Found(it.path, what, f"write it in zones.{zone[0]}, or a pool of those machines")
        elif found is not None and (found.outside or not found.machines <= it.machines) and not it.elsewhere:
            astray = "outside" if found.outside else few(sorted(found.machines - it.machines))
            what = f"{name} leads {astray}, and is answered by {machines}"
            yield Found(it.path, what, "point the name at them, or go through another front")


RULES = (
    registered_ports_are_there,
    checks_end_before_the_next,
    http_checks_have_a_path,
    public_names_are_once,
    public_names_have_a_service,
    vhosts_are_checked,
    strangers_only_read,
    fronts_find_their_services,
    vhosts_have_a_front,
    vhosts_are_led_to_their_front,
)

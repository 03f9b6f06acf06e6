"""Rules about what a service is: its form, its block, its images, and whether the rehearsal runs it."""

from __future__ import annotations

from collections.abc import Iterator

from model.checks.rule import Found
from model.fleet import Fleet
from model.placement import all_groups, candidates, driver_of, eligible
from model.registration import seconds
from model.services import LONGEST_END, Group, Service, Task

_TASK = frozenset(Task.model_fields) - {"restart"}
_GROUP = frozenset(Group.model_fields)
CONTAINERS = ("docker", "podman")
# What Nomad takes where nothing is said, and the blocks that it deploys.
PROGRESS = "10m"
LASTING = ("service", "webserver")


def services_say_it_at_one_level(fleet: Fleet) -> Iterator[Found]:
    """What is said of a group or task stands in it: beside `groups` or `tasks`, nothing of one is said."""
    for name, service in sorted(fleet.services.items()):
        beside = sorted(set(service.model_fields_set) & _GROUP) if service.groups else []
        if service.groups and service.group is not None:
            beside.append("group")
        for field in beside:
            yield Found(("services", name, field), f"{field} stands beside `groups`", "move it into each group")
    for _, placed in all_groups(fleet):
        if placed.group.tasks:
            beside = sorted(set(placed.group.model_fields_set) & (_TASK | {"task"}))
            for field in beside:
                yield Found((*placed.path, field), f"{field} stands beside `tasks`", "move it into each task")


def _needs(service: Service) -> dict[str, bool]:
    """What a service has of what some blocks need and the others may not have."""
    groups = list(service.groups.values()) or [service]
    tasks = [[*g.tasks.values()] or [g] for g in groups]
    return {
        "periodic": service.periodic is not None,
        "every": service.every is not None,
        "webserver": any(t.webserver is not None for group in tasks for t in group),
        "sync": all(any(t.sync is not None for t in group) for group in tasks),
    }


_WANTED = {
    "service": (set(), {"periodic", "every", "sync"}),
    "webserver": ({"webserver"}, {"periodic", "every", "sync"}),
    "timer": ({"periodic"}, {"every", "sync"}),
    "sync": ({"every", "sync"}, {"periodic", "webserver"}),
}


def blocks_have_what_they_need(fleet: Fleet) -> Iterator[Found]:
    """A webserver says what it serves, a timer when it runs, a sync from where and how often; a service none of it."""
    for name, service in sorted(fleet.services.items()):
        has = {what for what, there in _needs(service).items() if there}
        wanted, barred = _WANTED[service.block]
        for what in sorted(wanted - has):
            lacks = f"a {service.block} without `{what}`"
            yield Found(("services", name, "block"), lacks, f"add `{what}:`, or write another block")
        for what in sorted(barred & has):
            path = ("services", name, what if what in ("periodic", "every") else "block")
            yield Found(path, f"a {service.block} with `{what}`", "remove it, or write another block")


def syncs_have_one_source(fleet: Fleet) -> Iterator[Found]:
    """A sync pulls from a registered service or from a named server, and the service is one of the stack."""
    known = {(it.provider, name) for _, placed in all_groups(fleet) for name, it in placed.group.registers.items()}
    for _, placed in all_groups(fleet):
        for _, path, task in placed.tasks:
            if task.sync is None:
                continue
            if (task.sync.service is None) == (task.sync.server is None):
                yield Found((*path, "sync"), "says both or none of them", "write `service:` or `server:`")
            elif task.sync.service is not None and (task.sync.provider, task.sync.service) not in known:
                what = f"no service registers {task.sync.service} in {task.sync.provider}"
                yield Found((*path, "sync", "service"), what, "write the name that its source registers")


def syncs_say_one_thing(fleet: Fleet) -> Iterator[Found]:
    """What is said of indexes has indexes, and a pull may last longer than its silence."""
    for _, placed in all_groups(fleet):
        for _, path, task in placed.tasks:
            it = task.sync
            if it is None:
                continue
            for field in ("format", "keep", "most_gone", "tries"):
                if field in it.model_fields_set and not it.indexes:
                    yield Found((*path, "sync", field), f"{field} without `indexes`", "name the indexes, or remove it")
            if it.beside and it.format is None:
                yield Found((*path, "sync", "beside"), "nobody reads what it stands beside", "write `format:`")
            if seconds(it.within) <= seconds(it.stall):
                what = f"ends after {it.within}, before a silence of {it.stall} is noticed"
                yield Found((*path, "sync", "within"), what, "write a longer time, or a shorter `stall`")


def copies_are_counted_once(fleet: Fleet) -> Iterator[Found]:
    """A service that stands everywhere has no count: the machines are its count."""
    for service, placed in all_groups(fleet):
        if service.everywhere and "count" in placed.group.model_fields_set:
            yield Found((*placed.path, "count"), "stands beside `everywhere: true`", "keep one of the two")


def a_part_is_tried_and_not_all(fleet: Fleet) -> Iterator[Found]:
    """A service that stands everywhere is tried on some of its machines, where a new copy replaces the old one."""
    for service, placed in all_groups(fleet):
        update = placed.group.update
        if not service.everywhere or update is None or not update.canary:
            continue
        machines = len(eligible(fleet, service, placed))
        if update.canary >= machines:
            what = f"{update.canary} of {machines} copies would be the new version at once"
            way_out = "write less than there are machines, or leave `canary` out"
            yield Found((*placed.path, "update", "canary"), what, way_out)


def tasks_have_a_declared_image(fleet: Fleet) -> Iterator[Found]:
    """A task's program comes from an image that the stack declares."""
    for _, placed in all_groups(fleet):
        for name, path, task in placed.tasks:
            if task.image is None:
                yield Found(path, f"the task {name} has no image", "add `image:`")
            elif task.image not in fleet.images:
                yield Found((*path, "image"), f"{task.image} is no image", "declare it in images.yaml")


def images_are_pinned(fleet: Fleet) -> Iterator[Found]:
    """An image has a tag that means one build, or a digest: never both, none, or one that moves."""
    for name, image in sorted(fleet.images.items()):
        path = ("images", name)
        if (image.tag is None) == (image.digest is None):
            what = "has no tag" if image.tag is None else "has a tag and a digest"
            yield Found(path, what, "write `tag:` or `digest:`")
        elif image.tag in ("latest", "master", "main", "edge", "stable"):
            yield Found((*path, "tag"), f"{image.tag} is another build every time", "write the tag of one build")


def images_fit_the_machines(fleet: Fleet) -> Iterator[Found]:
    """An image is built for some machine that its service may land on."""
    for service, placed in all_groups(fleet):
        there = {o.arch for o in candidates(fleet, service, placed).values()}
        for _, path, task in placed.tasks:
            image = fleet.images.get(task.image or "")
            if image is not None and there and not there & set(image.architectures):
                built = ", ".join(image.architectures)
                what = (
                    f"{task.image} is built for {built}, and every machine for this group is {', '.join(sorted(there))}"
                )
                yield Found((*path, "image"), what, "name an image for them, or other datacenters")


def programs_start_by_the_machines_driver(fleet: Fleet) -> Iterator[Found]:
    """Every machine a group may land on has a driver in common, and the program can be started by it."""
    for service, placed in all_groups(fleet):
        if not candidates(fleet, service, placed):
            continue
        driver = driver_of(fleet, service, placed)
        if driver is None:
            yield Found(
                placed.path, "its machines have no driver in common", "narrow its machines, or offer one driver"
            )
            continue
        for _, path, task in placed.tasks:
            image = fleet.images.get(task.image or "")
            if driver in CONTAINERS or image is None:
                continue
            if not (task.command or task.sync or image.exec):
                what = f"its machines run no containers, and {task.image} says no command"
                yield Found((*path, "image"), what, f"write `exec:` at images.{task.image}, or `command:` here")
            for field in ("entrypoint", "binds", "privileged"):
                if getattr(task.container, field):
                    what = f"its machines run no containers, which {field} needs"
                    yield Found((*path, "container", field), what, "leave it out")


def who_has_no_network_asks_for_none(fleet: Fleet) -> Iterator[Found]:
    """A container without a network has no ports, and its group no network of its own."""
    for _, placed in all_groups(fleet):
        for _, path, task in placed.tasks:
            if task.container.offline and (placed.group.ports or placed.group.network != "default"):
                what = f"has no network, and its group has {'ports' if placed.group.ports else placed.group.network}"
                yield Found((*path, "container", "offline"), what, "write `network: default`, and no ports")


def the_rehearsal_runs_it_or_says_why_not(fleet: Fleet) -> Iterator[Found]:
    """A service runs in the rehearsal, or says what it needs that the rehearsal has not."""
    for name, service in sorted(fleet.services.items()):
        if service.runs_in_rehearsal == (service.not_in_rehearsal is not None):
            what = "says both" if service.runs_in_rehearsal else "says neither"
            way_out = "write `runs_in_rehearsal: true`, or `not_in_rehearsal:` with the reason"
            yield Found(("services", name), what, way_out)


def tasks_end_in_time(fleet: Fleet) -> Iterator[Found]:
    """A task asks for no more time to end than machines grant, and than a change of it may take."""
    for service, placed in all_groups(fleet):
        update = placed.group.update
        progress = (update.progress_deadline if update is not None else None) or PROGRESS
        for _, path, task in placed.tasks:
            if task.kill_timeout is None:
                continue
            if seconds(task.kill_timeout) > seconds(LONGEST_END):
                what = f"{task.kill_timeout} is more than the {LONGEST_END} that every machine grants"
                yield Found((*path, "kill_timeout"), what, f"write up to {LONGEST_END}")
            elif service.block in LASTING and seconds(task.kill_timeout) > seconds(progress):
                what = f"{task.kill_timeout} is more than the {progress} that Nomad gives a change to come about"
                yield Found((*path, "kill_timeout"), what, "write less, or a longer `update: {progress_deadline: …}`")


RULES = (
    services_say_it_at_one_level,
    blocks_have_what_they_need,
    syncs_have_one_source,
    syncs_say_one_thing,
    copies_are_counted_once,
    a_part_is_tried_and_not_all,
    tasks_have_a_declared_image,
    images_are_pinned,
    images_fit_the_machines,
    programs_start_by_the_machines_driver,
    who_has_no_network_asks_for_none,
    tasks_end_in_time,
    the_rehearsal_runs_it_or_says_why_not,
)

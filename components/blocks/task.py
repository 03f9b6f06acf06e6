"""A task of a group: one program, by a container driver or by the machine's own.

The driver changes what starts the program and nothing else: names, files, ports, volumes and checks stay the same.
"""

from __future__ import annotations

from typing import Any

from components.blocks import nginx, pull
from components.blocks.template import template_of
from components.blocks.values import nanoseconds, said
from model import Fleet
from model.control import Driver
from model.placement import Placed
from model.services import Image, Restart, Task, Template

CONTAINERS = ("docker", "podman")
SHARED = "FLEET_PORT_"


def task_of(fleet: Fleet, placed: Placed, name: str, task: Task, driver: Driver | None) -> dict[str, Any]:
    """A task as Nomad's API takes it."""
    templates = written(placed, task)
    # In the short form a group's own `restart` stands in the same record as the task's.
    own_restart = None if task is placed.group else restart(task.restart)
    made: dict[str, Any] = {
        "Name": name,
        "Driver": driver or "",
        "User": task.user,
        "Config": config(fleet, placed, task, driver),
        "Env": dict(sorted((shared_ports(placed) | task.env).items())),
        "Meta": dict(sorted(task.meta.items())),
        "Templates": [template_of(fleet, placed.service, place, it) for place, it in sorted(templates.items())],
        "Resources": said(
            CPU=task.resources.cpu, MemoryMB=task.resources.memory, MemoryMaxMB=task.resources.memory_max
        ),
        "VolumeMounts": [
            {"Volume": volume, "Destination": mount.to, "ReadOnly": mount.read_only}
            for volume, mount in sorted(task.volumes.items())
        ],
        "RestartPolicy": own_restart,
        "Identity": {"Env": task.identity.env, "File": task.identity.file} if task.identity else None,
        "Lifecycle": {"Hook": task.lifecycle.hook, "Sidecar": task.lifecycle.sidecar} if task.lifecycle else None,
        "ShutdownDelay": nanoseconds(task.shutdown_delay),
        "KillTimeout": nanoseconds(task.kill_timeout),
    }
    return {key: value for key, value in made.items() if value}


def shared_ports(placed: Placed) -> dict[str, str]:
    """What tasks read of the group's shared ports, which Nomad does not know."""
    ports = placed.group.ports.items()
    return {f"{SHARED}{label}": str(port.shared) for label, port in ports if port.shared is not None}


def written(placed: Placed, task: Task) -> dict[str, Template]:
    """The files that are written before the task starts: the block's, and the data's, which may replace them."""
    found: dict[str, Template] = {}
    if task.webserver is not None:
        found |= nginx.templates(placed.service, task.webserver)
    if task.sync is not None:
        found |= pull.templates(placed.service, placed.name, task.sync)
    return found | task.templates


def config(fleet: Fleet, placed: Placed, task: Task, driver: Driver | None) -> dict[str, Any]:
    """What the driver is told: which program, and how it is started."""
    image = fleet.images.get(task.image or "")
    command, args = started(task)
    if driver in CONTAINERS:
        return _container(placed, task, image, command, args, driver)
    if command is None and image is not None and image.exec:
        command, args = image.exec[0], (*image.exec[1:], *args)
    caps = list(task.container.cap_add) if task.container.cap_add and driver == "exec" else None
    return said(command=command, args=list(args), cap_add=caps)


def started(task: Task) -> tuple[str | None, tuple[str, ...]]:
    """The command of a task where it is no matter of its image."""
    if task.sync is not None:
        return pull.COMMAND, ()
    return task.command, task.args


def _container(
    placed: Placed, task: Task, image: Image | None, command: str | None, args: tuple[str, ...], driver: str
) -> dict[str, Any]:
    options = task.container
    cap_add = [c.upper() if driver == "podman" else c for c in options.cap_add] if options.cap_add else None
    return said(
        image=reference(image) if image else None,
        entrypoint=list(options.entrypoint),
        command=command,
        args=list(args),
        network_mode="host" if placed.group.network == "host" else "none" if options.offline else None,
        cap_add=cap_add,
        privileged=options.privileged or None,
        init=options.init or None,
        ports=list(options.ports),
        volumes=list(options.binds),
    )


def reference(image: Image) -> str:
    """An image as registries name it."""
    return f"{image.source}@{image.digest}" if image.digest else f"{image.source}:{image.tag}"


def restart(policy: Restart | None) -> dict[str, Any] | None:
    """What happens on the same machine when a task ends by itself."""
    if policy is None:
        return None
    return said(
        Attempts=policy.attempts,
        Delay=nanoseconds(policy.delay),
        Interval=nanoseconds(policy.interval),
        Mode=policy.mode,
    )

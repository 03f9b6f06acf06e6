"""One way to speak of services on three inits: Void's runit, Debian's runit, and systemd.

Void and Debian with systemd bring working service definitions in their packages. Debian with runit does not: its
scripts go through invoke-run and never start without sysvinit, so there the run scripts are our own.
"""

from __future__ import annotations

import shlex

from hostconfig.files import render
from hostconfig.parts import ManagedFile, Part, Platform, Service

# The name of a service in the data -> its name on an init, where that differs.
UNITS = {
    ("chrony", "void", "runit"): "chronyd",
}


def unit(name: str, platform: Platform) -> str:
    """What this host calls the service."""
    return UNITS.get((name, platform.os, platform.init), name)


def service_folder(os: str) -> str:
    """Where runit looks for enabled services."""
    return "/var/service" if os == "void" else "/etc/service"


def own_run_script(
    name: str, platform: Platform, command: str, before: tuple[str, ...] = ()
) -> tuple[ManagedFile, ...]:
    """A plain run script, where the distribution's own would not start."""
    if platform.init != "runit" or platform.os == "void":
        return ()
    text = render("base/run", command=command, before=before)
    return (ManagedFile(f"/etc/sv/{name}/run", text, mode="0755", check='sh -n "$new"', wakes=name),)


def restart(name: str, platform: Platform) -> str:
    """Shell command that restarts the service, or starts it if it is down."""
    called = shlex.quote(unit(name, platform))
    if platform.init == "systemd":
        return f"systemctl restart {called}"
    return f"sv -w 30 restart {service_folder(platform.os)}/{called}"


def hang_up(name: str, platform: Platform) -> str:
    """Shell command that tells the service to read its files again; a service that is down will do so anyway."""
    called = shlex.quote(unit(name, platform))
    if platform.init == "systemd":
        return f"systemctl kill --kill-who=main -s HUP {called} || true"
    return f"sv hup {service_folder(platform.os)}/{called} || true"


def enable(name: str, platform: Platform) -> str:
    """Shell command that makes the service run now and after a boot, waiting until it does."""
    called = shlex.quote(unit(name, platform))
    if platform.init == "systemd":
        return f"systemctl daemon-reload && systemctl enable --now {called}"
    folder = service_folder(platform.os)
    # runsvdir looks every five seconds for a new service; until then there is nothing for sv to talk to.
    return (
        f"[ -e {folder}/{called} ] || ln -s /etc/sv/{called} {folder}/{called}\n"
        f"tries=0\n"
        f"until sv status {folder}/{called} >/dev/null 2>&1; do\n"
        f"  tries=$((tries + 1)); [ $tries -lt 80 ] || break; sleep 0.1\n"
        f"done\n"
        f"sv -w 10 start {folder}/{called}"
    )


def disable(name: str, platform: Platform) -> str:
    """Shell command that stops the service for good; a service that is gone already is no error."""
    called = shlex.quote(unit(name, platform))
    if platform.init == "systemd":
        return f"systemctl disable --now {called} || true"
    folder = service_folder(platform.os)
    return f"if [ -e {folder}/{called} ]; then sv -w 10 down {folder}/{called} || true; fi\nrm -f {folder}/{called}"


def at_boot(name: str, platform: Platform, command: str, tool: str, ready: str, stay: str = "") -> Part:
    """Runs `command` once at every boot, before or beside everything else, as the init knows it.

    `stay` is a command to stay with as a supervised process; without it the step only has to have succeeded.
    """
    reload = Service(name, command, ready=ready)
    if platform.init == "systemd":
        text = render("base/boot.service", name=name, command=command, stay=stay)
        unit_file = ManagedFile(f"/etc/systemd/system/{name}.service", text, wakes=name)
        return Part(files=(unit_file,), services=(reload,))
    if platform.os == "void" and not stay:
        # Void sources these before any service starts, so no port is ever open before the rules are there.
        text = render("base/core-service", command=command, tool=tool)
        path = f"/etc/runit/core-services/90-{name}.sh"
        hook = Service(name, command, supervised=False)
        return Part(files=(ManagedFile(path, text, check='sh -n "$new"', wakes=name),), services=(hook,))
    text = render("base/run", command=stay or "sleep infinity", before=() if stay else (command,))
    run_file = ManagedFile(f"/etc/sv/{name}/run", text, mode="0755", check='sh -n "$new"', wakes=name)
    return Part(files=(run_file,), services=(reload,))

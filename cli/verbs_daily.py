"""The verbs of every day, and of the night: how is it, what does it say, look inside, start it anew, choose a half."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import compare as halves
from cli import host_log, service_log
from cli.allocations import listed, matching
from cli.drill import drill as drilled
from cli.execute import execute
from cli.mistake import Mistake
from cli.restart import restart as start_anew
from cli.status import status as how_it_is
from cli.way_in import WayIn, way_in
from servers import ApiError

Stack = Annotated[str, typer.Option("--stack", "-s", envvar="FLEET_STACK", help="a stack of the project")]
On = Annotated[str | None, typer.Option("--on", metavar="HOST", help="the machine whose allocation is meant")]


def status(stack: Stack) -> None:
    """Show the control plane on one screen; exit code 1 when something is wrong. Never waits longer than 6 s."""
    text, well = how_it_is(way_in(stack))
    print(text, flush=True)
    raise typer.Exit(0 if well else 1)


def drill(
    stack: Stack, hosts: Annotated[list[str] | None, typer.Argument(metavar="HOST", help="none: all")] = None
) -> None:
    """Prove break-glass: a real login with the private key on each host, and what each host's own drill says."""
    lines, well = drilled(way_in(stack), tuple(hosts or ()))
    print("\n".join(lines))
    raise typer.Exit(0 if well else 1)


def log(
    what: Annotated[str, typer.Argument(metavar="HOST|SERVICE")],
    stack: Stack,
    agents: Annotated[list[str] | None, typer.Argument(metavar="AGENT", help="of a host: nomad, consul, ...")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on as lines come")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="how many of each to begin with")] = 20,
    stderr: Annotated[bool, typer.Option("--stderr", help="of a service: its standard error")] = False,
    host: Annotated[bool, typer.Option("--host", help="a machine is meant, not a service of that name")] = False,
    service: Annotated[bool, typer.Option("--service", help="a service is meant, not a machine of that name")] = False,
) -> None:
    """Show what a service says, from all its allocations; or a machine's own agents, over ssh."""
    way = way_in(stack)
    if not service and (host or agents or is_host(way, what)):
        if what not in way.fleet.managed:
            raise Mistake(what, "is no managed machine", "a machine's logs are read on it", "see `fleet machines`")
        raise typer.Exit(host_log.log(way, what, lines, follow, tuple(agents or ())))
    service_log.log(way, what, lines, follow, stderr)


def exec_(
    service: str,
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND")],
    stack: Stack,
    task: Annotated[str | None, typer.Option(help="where the service has several")] = None,
    on: On = None,
) -> None:
    """Run a command inside a service, with this terminal; ends with the command's exit code."""
    raise typer.Exit(execute(way_in(stack), service, command, task, on))


def restart(
    service: str,
    stack: Stack,
    on: On = None,
    now: Annotated[bool, typer.Option("--now", help="also where that is an outage")] = False,
    wait: Annotated[float, typer.Option(help="seconds to wait for each to be healthy")] = 120.0,
) -> None:
    """Restart a service's allocations one at a time, waiting for each to be healthy."""
    start_anew(way_in(stack), service, on, now, wait)


def compare(service: str, stack: Stack) -> None:
    """Show a half changed service, old and new side by side; exit code 0 only when the new one is no worse."""
    raise typer.Exit(0 if halves.compare(way_in(stack), service) else 1)


def promote(service: str, stack: Stack) -> None:
    """Let a half changed service's new version take over."""
    halves.promote(way_in(stack), service)


def withdraw(service: str, stack: Stack) -> None:
    """End a half changed service's new version; the old one goes on."""
    halves.withdraw(way_in(stack), service)


def add(app: typer.Typer) -> None:
    """Make these verbs known."""
    app.command()(status)
    app.command()(drill)
    app.command()(log)
    app.command("exec")(exec_)
    app.command()(restart)
    app.command()(compare)
    app.command()(promote)
    app.command()(withdraw)


def is_host(way: WayIn, word: str) -> bool:
    """Whether a word names a machine. Raises Mistake where it names a service as well."""
    if word not in way.fleet.machines:
        return False
    try:
        services = matching(listed(way.api("nomad")), word)
    except (ApiError, Mistake):
        return True  # a machine's log is what one needs when Nomad does not answer
    if services:
        raise Mistake(
            word,
            f"is a machine, and {services[0]} is a service of that name",
            "a name means one thing",
            f"add --host for the machine, or --service (or write {services[0]}) for the service",
        )
    return True

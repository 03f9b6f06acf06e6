"""What the operator reads at the end: what was done, what was looked at, and what to try next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from rehearsal.checks import Check
from rehearsal.engine import Outcome

SHOWN = 12


def applied(outcome: Outcome, hosts: int) -> None:
    """One `up` in a few lines: counts from the event log, each failure by name."""
    console = Console(width=120, soft_wrap=True, highlight=False)
    changed = outcome.changed
    kinds = {op: sum(1 for one in changed.values() if one == op) for op in sorted(set(changed.values()))}
    words = ", ".join(f"{count} {op}" for op, count in kinds.items()) or "0 operations changed"
    console.print(
        f"pulumi up: {len(outcome.same)} resources same, {words}; "
        f"{len(outcome.contacted)} of {hosts} hosts contacted; {outcome.seconds:.1f} s"
    )
    for name, text in sorted(outcome.failures.items()):
        console.print(f"[red]failed[/red] {name}", end=": ")
        console.print(text, markup=False)
    if outcome.code != 0 and not outcome.failures:
        console.print("\n".join(outcome.said[-SHOWN:]), markup=False)


def checked(checks: Sequence[Check]) -> bool:
    """The table of what was asked; returns whether all was right."""
    console = Console(width=120, highlight=False)
    table = Table("looked at", "asked", "right", "", title="As a user would", title_justify="left")
    for check in checks:
        good = not check.wrong
        right = max(check.asked - len(check.wrong), 0)
        table.add_row(check.name, str(check.asked), str(right), "[green]ok[/green]" if good else "[red]wrong[/red]")
    console.print(table)
    for check in checks:
        for text in check.wrong[:SHOWN]:
            console.print(f"{check.name}: {text}", markup=False, soft_wrap=True)
        if len(check.wrong) > SHOWN:
            console.print(f"{check.name}: and {len(check.wrong) - SHOWN} more")
    return not any(check.wrong for check in checks)


def next_steps(hosts: Mapping[str, Mapping[str, Any]], zone: str, login: tuple[str, Path] | None = None) -> None:
    """What can be tried while the rehearsal runs; `login`: who logs in to its control plane, and with which file."""
    console = Console(width=120, highlight=False)
    table = Table("try", "what it shows", title="It is left running", title_justify="left")
    table.add_row(". ./activate", "a shell inside the rehearsal; the lines below are for it")
    if login:
        line = f'eval "$(fleet login --as {login[0]} < $FLEET_RUN/{login[1]})"'
        table.add_row(line, "tokens of an hour for the lines below")
        table.add_row("fleet status", "how the control plane and its services are")
    table.add_row("pulumi preview -s local", "nothing to do; then edit stacks/local and look again")
    table.add_row("pulumi preview -s local --refresh", "the same, after looking at each host for edits by hand")
    if hosts:
        name, at = sorted(hosts.items())[0]
        other = sorted(hosts.items())[-1][1]
        table.add_row(f"ssh deploy@{at['ipv4']} sudo nft list ruleset", f"the firewall of {name}")
        table.add_row(f"ssh deploy@{at['ipv4']} ping -c 3 {other['fabric']}", "the fabric")
    table.add_row(f"dig @10.77.0.53 mirrors.{zone}", "the zone, answered by a real DNS server")
    table.add_row("make rehearsal", "again: it looks at each host and changes nothing")
    table.add_row("make clean-rehearsal", "removes every trace")
    console.print(table)

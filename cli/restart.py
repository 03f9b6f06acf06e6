"""A service started anew, one allocation after the other: the next only when the one before is healthy again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from cli.allocations import Allocation, allocation, allocations, find
from cli.asking import say
from cli.mistake import Mistake
from cli.way_in import WayIn
from servers import Api, ApiError

# Healthy is what stays so: a task that ends at once runs for a moment too, and a check can pass before that.
STEADY_SECONDS = 3.0


def restart(way: WayIn, service: str, on: str | None, now: bool, wait: float) -> None:
    """Restart what runs of a service. Refuses to take the last healthy one away, unless told `now`."""
    nomad, consul = way.api("nomad"), way.api("consul")
    job = find(nomad, service)
    if job.parent:
        raise Mistake(
            str(job), "has runs and nothing that stays", "only what runs can be restarted", "wait for its next run"
        )
    everywhere = [one for one in allocations(nomad, job) if one.wanted and one.status == "running"]
    chosen = everywhere if on is None else [one for one in everywhere if one in allocations(nomad, job, on)]
    if not chosen:
        raise Mistake(str(job), "does not run", "only what runs can be restarted", "see `fleet status` for why")
    health = {one.id: trouble(nomad, consul, one.id) for one in everywhere}
    plan = order(chosen, health)
    refuse_the_last(str(job), everywhere, plan, health, now)
    for one in plan:
        before = health[one.id]
        say(f"{one.short}: restarting{f' (was not healthy: {before})' if before else ''}")
        began = time.monotonic()
        nomad.put(f"/v1/client/allocation/{one.id}/restart", {"AllTasks": True})
        left = await_health(partial(restarted, nomad, consul, one), wait)
        if left:
            undone = len(plan) - plan.index(one) - 1
            raise Mistake(
                one.short,
                f"not healthy {wait:g} s after its restart ({left})",
                "the next one is restarted when the one before is healthy",
                f"`fleet log {service}` shows what it says" + (f"; {undone} were not touched" if undone else ""),
            )
        say(f"{one.short}: healthy after {time.monotonic() - began:.0f} s")


def order(chosen: Sequence[Allocation], health: Mapping[str, str]) -> list[Allocation]:
    """What is not healthy goes first: it has the least to lose."""
    return sorted(chosen, key=lambda one: (not health[one.id], one.node, one.id))


def refuse_the_last(
    service: str, everywhere: Sequence[Allocation], plan: Sequence[Allocation], health: Mapping[str, str], now: bool
) -> None:
    """Stop where the restart of a group's only healthy allocation would leave nobody to answer."""
    if now:
        return
    for group in sorted({one.group for one in plan}):
        healthy = [one for one in everywhere if one.group == group and not health[one.id]]
        if len(healthy) == 1 and healthy[0] in plan:
            raise Mistake(
                service,
                f"{healthy[0].short} is the only healthy one of {group}, so a restart is an outage",
                "the last healthy one is not taken away unasked",
                "run it again with --now if a short outage is right",
            )


def await_health(look: Callable[[], str], seconds: float, steady: float = STEADY_SECONDS) -> str:
    """Empty as soon as nothing was wrong for a while, else what is wrong when the time is over."""
    end = time.monotonic() + seconds
    good_since: float | None = None
    while True:
        left = look()
        now = time.monotonic()
        good_since = None if left else good_since or now
        if good_since is not None and now - good_since >= steady:
            return ""
        if left and now >= end:
            return left
        time.sleep(0.5)


def restarted(nomad: Api, consul: Api, before: Allocation) -> str:
    """What is still wrong with an allocation after its restart."""
    try:
        after = allocation(nomad.get(f"/v1/allocation/{before.id}"))
        started = {task.name: task.started for task in before.tasks if task.state == "running"}
        for task in after.tasks:
            if task.name in started and (task.state != "running" or task.started == started[task.name]):
                return f"task {task.name} is {task.state if task.state != 'running' else 'not restarted yet'}"
        return trouble(nomad, consul, before.id)
    except ApiError as error:
        if error.unavailable:
            return error.text
        raise


def trouble(nomad: Api, consul: Api, identity: str) -> str:
    """What is wrong with an allocation, or nothing: its tasks run and its checks pass, wherever they are kept."""
    whole = nomad.get(f"/v1/allocation/{identity}")
    one = allocation(whole)
    if not one.running:
        return f"it is {one.status}"
    return failing(nomad, consul, whole)


def failing(nomad: Api, consul: Api, whole: Mapping[str, Any]) -> str:
    """The first of its checks that does not pass, or nothing."""
    identity, services = str(whole["ID"]), _services(whole)
    kept_by_nomad = [s for s in services if s.get("Provider") == "nomad" and s.get("Checks")]
    if kept_by_nomad:
        found: Mapping[str, Any] = nomad.get(f"/v1/client/allocation/{identity}/checks") or {}
        if len(found) < sum(len(s["Checks"]) for s in kept_by_nomad):
            return "its checks did not run yet"
        for check in found.values():
            if check.get("Status") != "success":
                return f"check {check.get('Check')}: {check.get('Output') or check.get('Status')}"[:120]
    for service in services:
        if service.get("Provider") == "nomad" or not service.get("Checks"):
            continue
        entries = consul.get(f"/v1/health/service/{quote(str(service['Name']), safe='')}") or ()
        mine = [e for e in entries if identity in str(e["Service"]["ID"])]
        if not mine:
            return f"{service['Name']} is not in Consul"
        for check in (c for e in mine for c in e["Checks"]):
            if check["Status"] != "passing":
                return f"check {check['Name']}: {check['Output'] or check['Status']}".strip()[:120]
    return ""


def _services(whole: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The services that an allocation's group and tasks offer."""
    groups = (whole.get("Job") or {}).get("TaskGroups") or ()
    mine = [group for group in groups if group["Name"] == whole.get("TaskGroup")]
    found: list[Mapping[str, Any]] = []
    for group in mine:
        found += group.get("Services") or ()
        for task in group.get("Tasks") or ():
            found += task.get("Services") or ()
    return found

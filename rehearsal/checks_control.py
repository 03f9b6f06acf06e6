"""Looks at a running rehearsal's control plane: three quorums, agents, jobs, the public names, and closed ports."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from cli import vault
from cli.way_in import TOKEN, System
from model import Fleet
from rehearsal.checks import WELL_SECONDS, Check, reached, settled
from rehearsal.control import Doors
from servers import WHATEVER_ITS_STATE, Api, ApiError

# What agents listen on; each on its host's fabric address alone.
PORTS = {
    "Consul": (8300, 8301, 8302, 8501, 8600),
    "Nomad": (4646, 4647, 4648),
    "Vault": (8200, 8201),
}


def control(
    fleet: Fleet, there: Doors, tokens: Mapping[str, str], hosts: Mapping[str, Mapping[str, Any]]
) -> list[Check]:
    """Everything, asked as a person outside would ask it."""
    nomad, consul = _named(there, "nomad", tokens), _named(there, "consul", tokens)
    return [
        quorums(fleet, there, nomad, consul),
        settled(lambda: agents(fleet, nomad, consul)),
        settled(lambda: jobs(fleet, nomad, consul)),
        settled(lambda: names(there)),
        closed(hosts),
    ]


def _named(there: Doors, system: System, tokens: Mapping[str, str]) -> Api:
    """A system by its public name, as the rehearsal's DNS resolves it."""
    return Api(system, f"https://{there.way.name(system)}", tokens.get(TOKEN[system]))


def quorums(fleet: Fleet, there: Doors, nomad: Api, consul: Api) -> Check:
    """Three voters, all of them alive, in each of the three."""
    check = Check("quorum: voters alive")
    members = len(fleet.voters)
    check.asked = 3 * members

    def count(system: str, ask: Callable[[], int]) -> None:
        # A server that was just started is well only once it has been so for a while.
        end = time.monotonic() + WELL_SECONDS
        while True:
            try:
                found, why = ask(), ""
            except ApiError as error:
                found, why = 0, f" ({error.text[:200]})"
            if found == members:
                return
            if time.monotonic() > end:
                break
            time.sleep(2.0)
        check.wrong += [f"{system}: {found} of {members} are alive{why}"] * (members - found)

    count("Nomad", lambda: _healthy(nomad.get("/v1/operator/autopilot/health")))
    count("Consul", lambda: _healthy(consul.get("/v1/operator/autopilot/health")))
    count("Vault", lambda: sum(one.open for one in vault.states(there.apis).values()))
    return check


def _healthy(said: Mapping[str, Any]) -> int:
    return sum(bool(server["Healthy"] and server["Voter"]) for server in said["Servers"])


def agents(fleet: Fleet, nomad: Api, consul: Api) -> Check:
    """A Consul agent on each host, a Nomad client on each that offers something."""
    check = Check("agents ready")
    check.asked = len(fleet.managed) + len(fleet.clients)
    alive = {m["Name"] for m in consul.get("/v1/agent/members") if m["Status"] == 1}
    check.wrong += [f"Consul on {host} is not alive" for host in fleet.managed if host not in alive]
    # Alive says that it gossips; that it is in the catalog says that its token holds.
    known = {node["Node"] for node in consul.get("/v1/catalog/nodes")}
    check.wrong += [f"Consul on {host} is not in the catalog" for host in alive - known]
    ready = {n["Name"] for n in nomad.get("/v1/nodes") if n["Status"] == "ready"}
    check.wrong += [f"Nomad on {host} is not ready" for host in fleet.clients if host not in ready]
    return check


def jobs(fleet: Fleet, nomad: Api, consul: Api) -> Check:
    """Each service that the data wants: its allocations run, its checks pass; a periodic one is waiting or has run."""
    wanted = [name for name, service in sorted(fleet.services.items()) if service.held is None]
    wrong = [text for name in wanted for text in _unwell(fleet, name, nomad, consul)]
    return Check("services healthy", len(wanted), wrong)


def _unwell(fleet: Fleet, name: str, nomad: Api, consul: Api) -> Iterator[str]:
    service = fleet.services[name]
    job = nomad.get(f"/v1/job/{name}", namespace=service.namespace, missing_ok=True)
    if job is None:
        yield f"{name}: Nomad does not know it"
        return
    if job["Stop"] or job["Status"] != "running":
        yield f"{name}: is {job['Status']}"
        return
    if service.block in ("timer", "sync"):
        return
    allocations = nomad.get(f"/v1/job/{name}/allocations", namespace=service.namespace)
    if not any(one["ClientStatus"] == "running" for one in allocations):
        yield f"{name}: nothing of it runs"
    for group in (service, *service.groups.values()):
        for registered, it in group.registers.items():
            if it.provider != "consul":
                continue
            with suppress(ApiError):
                found = consul.get(f"/v1/health/service/{registered}")
                bad = [c["Output"] for one in found for c in one["Checks"] if c["Status"] != "passing"]
                if bad or not found:
                    yield f"{name}: {registered} {'fails its check: ' + bad[0][:80] if bad else 'is not registered'}"


def names(there: Doors) -> Check:
    """The three public names answer over HTTPS with a certificate that a client of the rehearsal trusts."""
    check = Check("public names over HTTPS")
    paths: dict[System, str] = {
        "nomad": "/v1/status/leader",
        "consul": "/v1/status/leader",
        "vault": "/v1/sys/health",
    }
    for system, path in paths.items():
        for host in there.way.hosts:
            check.asked += 1
            try:
                there.way.own(system, host).ask("GET", path, **(WHATEVER_ITS_STATE if system == "vault" else {}))
            except ApiError as error:
                check.wrong.append(f"{there.way.name(system)} at {host}: {error}")
    return check


def closed(hosts: Mapping[str, Mapping[str, Any]]) -> Check:
    """No agent's port is reached from outside, over IPv4 or IPv6."""
    check = Check("agents' ports closed outside")
    asked = [
        (host, str(address), system, port)
        for host, at in sorted(hosts.items())
        for address in filter(None, (at.get("ipv4"), at.get("ipv6")))
        for system, ports in PORTS.items()
        for port in ports
    ]
    check.asked = len(asked)
    with ThreadPoolExecutor(32) as pool:
        found = pool.map(lambda one: reached(one[1], one[3], 1.0), asked)
        for (host, address, system, port), is_open in zip(asked, found, strict=True):
            if is_open:
                check.wrong.append(f"{host}: {system} is reached at {address} port {port}")
    return check

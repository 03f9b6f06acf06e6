"""Asks the whole control plane how it is: everything at once, each within its deadline, with or without a token."""

from __future__ import annotations

import shutil
import socket
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from cli import certificates as shown_certificates
from cli.allocations import short_node
from cli.health import WIDTH, Part, certificate_part, consul_part, screen, vault_part
from cli.jobs_health import nomad_part
from cli.together import Answer, ask
from cli.vault import states
from cli.way_in import SYSTEMS, System, WayIn
from servers import Api

SECONDS = 5.0
# The certificate is renewed a month before its end: with fewer days than this nobody renewed it.
CERTIFICATE_DAYS = 14


def status(way: WayIn, width: int | None = None) -> tuple[str, bool]:
    """The screen, and whether all is well."""
    systems: dict[str, Callable[[], Part]] = {
        "nomad": partial(nomad, way),
        "consul": partial(consul, way),
        "vault": partial(vault, way),
        "certificates": partial(certificates, way),
        "public certificates": partial(public_certificates, way),
    }
    answers = ask(systems, SECONDS + 0.5)
    parts = [
        answer.value or Part(name.upper(), (), (str(answer.error).split("\n", 1)[0],))
        for name, answer in answers.items()
    ]
    title = f"{way.fleet.fleet} {time.strftime('%a %H:%M')}"
    return screen(title, parts, width or columns()), not any(part.wrong for part in parts)


def columns() -> int:
    """As wide as the terminal, and no wider than a person reads."""
    return min(shutil.get_terminal_size((WIDTH, 24)).columns, 100) if sys.stdout.isatty() else WIDTH


def nomad(way: WayIn) -> Part:
    """Nomad's own part."""
    api = way.api("nomad", timeout=SECONDS)
    found = _all(
        {
            "leader": lambda: api.get("/v1/status/leader"),
            "servers": lambda: _members(api),
            "nodes": lambda: api.get("/v1/nodes"),
            "jobs": lambda: api.get("/v1/jobs", namespace="*"),
            "allocations": lambda: api.get("/v1/allocations", namespace="*"),
            "blocked": lambda: api.get("/v1/evaluations", namespace="*", status="blocked"),
            "deployments": lambda: api.get("/v1/deployments", namespace="*"),
        }
    )
    return nomad_part(_with_servers(found), _hosts(way), way.fleet.voters, way.fleet.clients)


def consul(way: WayIn) -> Part:
    """Consul's own part."""
    api = way.api("consul", timeout=SECONDS)
    found = _all(
        {
            "leader": lambda: api.get("/v1/status/leader"),
            "servers": lambda: _agents(api),
            "peers": lambda: api.get("/v1/status/peers"),
            "nodes": lambda: api.get("/v1/catalog/nodes"),
            "checks": lambda: api.get("/v1/health/state/any"),
        }
    )
    return consul_part(_with_servers(found), _hosts(way), way.fleet.voters, tuple(way.fleet.managed))


def vault(way: WayIn) -> Part:
    """Vault, host by host: a sealed one must not hide behind one that is open."""
    found = states({host: way.own("vault", host, timeout=SECONDS) for host in way.hosts}, SECONDS)
    return vault_part(found)


def certificates(way: WayIn) -> Part:
    """Days left of each public name's certificate, on each control host."""
    calls = {(system, host): partial(days_left, way, system, host) for system in SYSTEMS for host in way.hosts}
    answers = ask(calls, SECONDS)
    found: dict[str, int | Exception] = {}
    for host in way.hosts:
        mine = {system: answers[system, host] for system in SYSTEMS}
        errors = [one.error for one in mine.values() if one.error is not None]
        if len(errors) == len(SYSTEMS):
            # A host that is off says so once, not once for each name.
            found[host] = errors[0]
            continue
        for system, answer in mine.items():
            found[f"{way.name(system)} on {host}"] = _value(answer)
    return certificate_part(found, CERTIFICATE_DAYS)


def public_certificates(way: WayIn) -> Part:
    """The mirrors' certificate and those that people renew: as they are shown, else as they are recorded."""
    seen = shown_certificates.look(way.fleet, way.ca_file)
    return shown_certificates.part(way.fleet, seen, shown_certificates.now())


def days_left(way: WayIn, system: System, host: str) -> int:
    """How long a control host's certificate for a name is still good. Raises where it is not."""
    address, _, port = way.address(host).rpartition(":")
    trust = ssl.create_default_context(cafile=way.ca_file)
    with (
        socket.create_connection((address, int(port)), timeout=SECONDS - 1) as plain,
        trust.wrap_socket(plain, server_hostname=way.name(system)) as secured,
    ):
        shown: Mapping[str, Any] = secured.getpeercert() or {}
    return int((ssl.cert_time_to_seconds(str(shown["notAfter"])) - time.time()) // 86400)


def _all(calls: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    return {name: _value(answer) for name, answer in ask(calls, SECONDS).items()}


def _value(answer: Answer[Any]) -> Any:
    return answer.error if answer.error is not None else answer.value


def _members(api: Api) -> list[tuple[str, str]]:
    """Nomad's servers that are up, each with its version."""
    members = api.get("/v1/agent/members")["Members"]
    # A server's name in the gossip is <host>.<region>.
    return [(short_node(str(one["Name"])), str(one["Tags"]["build"])) for one in members if one["Status"] == "alive"]


def _agents(api: Api) -> list[tuple[str, str]]:
    """Consul's servers that are up, each with its version. 1 is how its gossip says "alive"."""
    members = api.get("/v1/agent/members")
    return [
        (short_node(str(one["Name"])), str(one["Tags"].get("build", "")).partition(":")[0])
        for one in members
        if one["Status"] == 1 and one["Tags"].get("role") == "consul"
    ]


def _with_servers(found: dict[str, Any]) -> dict[str, Any]:
    """What was said of servers as what the parts take: which are alive, and the version."""
    servers = found["servers"]
    if isinstance(servers, Exception):
        return found
    rest = {name: one for name, one in found.items() if name != "servers"}
    versions = ", ".join(sorted({version for _, version in servers}))
    # Without the right to see agents Consul shows an empty list: the peers say it then.
    return rest | {"version": versions} | ({"alive": [name for name, _ in servers]} if servers else {})


def _hosts(way: WayIn) -> dict[str, str]:
    """A host's address on the fabric to its name."""
    return {m.fabric.address: name for name, m in way.fleet.peers.items() if m.fabric}

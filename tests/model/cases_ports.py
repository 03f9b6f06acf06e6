"""Cases of the rules about fixed and shared ports: of local's machines, with one or two services of the test's own."""

from __future__ import annotations

from typing import Any

from model.checks import ports
from tests.model.case import Case
from tests.model.cases_services import CHECKS, probe, template, two

SHARED = {"x": {"shared": 8080}, "http": {}}
# Beside it a port of the moment, behind which one copy is found.
FOUND: dict[str, Any] = {"probe": {"port": "http", "checks": CHECKS}}
CONTROL = {"roles/control/nomad": {"datacenter": "control", "drivers": ["exec"]}}
ON_CONTROL: dict[str, Any] = {"services/probe/datacenters": ["control"], "services/probe/everywhere": True}
READS = '{{ env "%s" }}'


def reading(name: str, port: dict[str, int]) -> dict[str, Any]:
    """A service that reads a port in a file, an argument and a variable."""
    text = READS % name
    return probe(ports={"x": port, "http": {}}, templates=template("local/a", text=text), args=["-p", f"${{{name}}}"])


CASES = (
    Case(
        ports.static_ports_are_free,
        two(ports={"x": {"static": 8080}}) | {"services/probe/ports/http": {"static": 8080}},
        two(ports={"x": {"static": 8081}}) | {"services/probe/ports/http": {"static": 8080}},
    ),
    Case(
        ports.static_ports_are_free,
        probe({"roles/control/nomad": {"datacenter": "control", "drivers": ["exec"]}})
        | {"services/probe/datacenters": ["control"], "services/probe/everywhere": True}
        | {"services/probe/ports/http": {"static": 443}},
        probe({"roles/control/nomad": {"datacenter": "control", "drivers": ["exec"]}})
        | {"services/probe/datacenters": ["control"], "services/probe/everywhere": True}
        | {"services/probe/ports/http": {"static": 444}},
    ),
    Case(
        ports.static_ports_are_free,
        two(ports={"x": {"static": 8080}}) | {"services/probe/ports/x": {"shared": 8080}},
        two(ports={"x": {"static": 8081}}) | {"services/probe/ports/x": {"shared": 8080}},
    ),
    # Nomad, which knows nothing of it, finds no other machine for who wants the same port.
    Case(
        ports.static_ports_are_free,
        two(ports=SHARED, datacenters=["mirrors"])
        | {"services/probe/datacenters": ["mirrors"]}
        | {"services/probe/ports/x": {"shared": 8080}},
        probe(ports=SHARED, datacenters=["mirrors"], count=2, update={"canary": 1}),
    ),
    Case(
        ports.static_ports_are_free,
        probe(CONTROL | ON_CONTROL | {"services/probe/ports/x": {"shared": 443}}),
        probe(CONTROL | ON_CONTROL | {"services/probe/ports/x": {"shared": 444}}),
    ),
    Case(
        ports.shared_ports_are_the_machines_own,
        probe(ports=SHARED, network="bridge"),
        probe(ports=SHARED, network="host"),
    ),
    Case(
        ports.shared_ports_are_the_machines_own,
        probe(ports={"x": {"shared": 8080, "to": 80}, "http": {}}),
        probe(ports=SHARED),
    ),
    Case(
        ports.shared_ports_are_the_machines_own,
        probe(ports={"x": {"shared": 20022}, "http": {}}),
        probe(ports={"x": {"static": 20022}, "http": {}}),
    ),
    Case(
        ports.shared_ports_have_their_own_name,
        probe(ports=SHARED, registers={"probe": FOUND["probe"] | {"port": "x"}}),
        probe(ports=SHARED, registers=FOUND),
    ),
    Case(
        ports.shared_ports_have_their_own_name,
        probe(ports=SHARED, registers={"probe": {"port": "http", "checks": [{"path": "/", "port": "x"}]}}),
        probe(ports=SHARED, registers={"probe": {"port": "http", "checks": [{"path": "/", "port": "http"}]}}),
    ),
    Case(
        ports.shared_ports_have_their_own_name,
        reading("NOMAD_PORT_x", {"shared": 8080}),
        reading("FLEET_PORT_x", {"shared": 8080}),
    ),
    Case(
        ports.shared_ports_have_their_own_name,
        reading("FLEET_PORT_x", {"static": 8080}),
        reading("NOMAD_PORT_x", {"static": 8080}),
    ),
)

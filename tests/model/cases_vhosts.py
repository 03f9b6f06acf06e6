"""Cases of the rules about public names: of local's machines and zone, with one service of the test's own."""

from __future__ import annotations

from model.checks import vhosts
from tests.model.case import FRONT, ZONE, Case
from tests.model.cases_services import CHECKS, PROBE, behind, named, probe

CASES = (
    Case(
        vhosts.registered_ports_are_there,
        probe(registers={"probe": {"port": "htpp", "checks": CHECKS}}),
        probe(ports={"http": {}, "other": {}}),
    ),
    Case(
        vhosts.checks_end_before_the_next,
        probe(registers={"probe": {"port": "http", "checks": [{"path": "/", "every": "5s", "timeout": "30s"}]}}),
        probe(registers={"probe": {"port": "http", "checks": [{"path": "/", "every": "5s", "timeout": "4s"}]}}),
    ),
    Case(
        vhosts.http_checks_have_a_path,
        probe(registers={"probe": {"port": "http", "checks": [{"kind": "http"}]}}),
        probe(registers={"probe": {"port": "http", "checks": [{"kind": "tcp"}]}}),
    ),
    Case(
        vhosts.public_names_are_once,
        probe(registers=named("registry.fleet.example"))
        | {"services/other": PROBE | {"registers": {"o": named("registry.fleet.example")["probe"]}}},
        probe(registers=named("registry.fleet.example")),
    ),
    Case(
        vhosts.public_names_are_once,
        probe(registers=named("vault.fleet.example", public=False)),
        probe(registers=named("spare.fleet.example", public=False)),
    ),
    Case(
        vhosts.vhosts_are_checked,
        probe(registers={"probe": {**named("registry.fleet.example")["probe"], "checks": []}}),
        probe(
            registers={"probe": {**named("registry.fleet.example", unchecked="it has no page")["probe"], "checks": []}}
        ),
    ),
    Case(
        vhosts.vhosts_are_checked,
        probe({"front": FRONT}, registers={"probe": {**behind(unchecked="it has no page")["probe"], "checks": []}}),
        probe({"front": FRONT}, registers=behind(unchecked="it has no page")),
    ),
    Case(
        vhosts.public_names_have_a_service,
        probe({"front": FRONT}, registers=behind(), held="its disk is on the way"),
        probe({"front": FRONT}, registers=behind(public=False), held="its disk is on the way"),
    ),
    Case(
        vhosts.public_names_have_a_service,
        probe(registers=named("registry.fleet.example"), count=0),
        probe(registers=named("registry.fleet.example"), count=1),
    ),
    Case(
        vhosts.public_names_are_once,
        probe({"front": FRONT}, registers=behind(names=["repo.fleet.example"])),
        probe({"front": FRONT}, registers=behind(names=["deb.fleet.example"])),
    ),
    Case(
        vhosts.fronts_find_their_services,
        probe(
            {"front": FRONT},
            registers={"probe": {**behind()["probe"], "provider": "nomad"}},
        ),
        probe(
            {"front": FRONT},
            registers=behind(),
        ),
    ),
    Case(
        vhosts.strangers_only_read,
        probe({"front": FRONT}, registers=behind(methods=["GET", "POST"])),
        probe({"front": FRONT}, registers=behind(methods=["GET"])),
    ),
    Case(
        vhosts.strangers_only_read,
        probe({"front": FRONT}, registers=behind(methods=[])),
        probe({"front": FRONT}, registers=behind(methods=[], anybody="a notepad")),
    ),
    Case(
        vhosts.vhosts_have_a_front,
        probe(registers=behind()),
        probe(registers=behind(public=False)),
    ),
    Case(
        vhosts.vhosts_have_a_front,
        probe(registers=named("registry.fleet.example", through="control", methods=["GET"])),
        probe(registers=named("registry.fleet.example")),
    ),
    Case(
        vhosts.vhosts_are_led_to_their_front,
        probe(registers=named("repo.fleet.example")),
        probe(registers=named("registry.fleet.example")),
    ),
    Case(
        vhosts.vhosts_are_led_to_their_front,
        probe(registers=named("www.hoster.example")),
        probe(registers=named("fresh.fleet.example")),
    ),
    Case(
        vhosts.vhosts_are_led_to_their_front,
        probe(registers=named("status.fleet.example")),
        probe({f"{ZONE}/aliases/status": {"machine": "a-bru-be"}}, registers=named("status.fleet.example")),
    ),
)

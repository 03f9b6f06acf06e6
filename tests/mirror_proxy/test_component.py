"""The fronts as resources: one for each mirror, after that mirror's agents, and of a layer of their own."""

from __future__ import annotations

from components.mirror_proxy.plan import states as planned
from model import load
from tests.components.programs import program, program_with, states
from tests.harness import ROOT, Asked, leaves
from tests.model.change import GONE

MIRRORS = {"local": {"a-nyc-us", "a-pdx-us"}, "prod": {"a-fra-de", "b-hel-fi", "d-hel-fi"}}


def _layers_below(asked: Asked) -> set[str]:
    """The States that one waits for. Beside them it waits for what its connection is made of."""
    return {on for on in asked.depends_on if on.split("-")[0] in ("ground", "servers", "agents")}


def test_each_mirror_has_a_front_that_stands_on_its_agents() -> None:
    for stack, mirrors in MIRRORS.items():
        fronts = states(program(stack), "front")
        assert set(fronts) == {f"front-{host}" for host in mirrors}
        for name, asked in fronts.items():
            host = name.removeprefix("front-")
            assert asked.inputs["host"] == host
            assert asked.inputs["members"] == len(mirrors)
            assert _layers_below(asked) == {f"agents-{host}"}
            assert program(stack)[asked.parent].type == "fleet:mirror_proxy:MirrorProxy"


def test_prods_preview_shows_what_the_plan_says() -> None:
    wanted = planned(load(ROOT / "stacks" / "prod"))
    for host in MIRRORS["prod"]:
        assert program("prod", preview=True)[f"front-{host}"].inputs["desired"] == wanted[host]


def test_a_stack_without_a_control_plane_has_fronts_on_its_ground() -> None:
    bare = {"control": GONE, "access": GONE, "services": GONE, "service_files": GONE}
    ledger = program_with(bare | {f"zones/fleet.example/aliases/{name}": GONE for name in ("nomad", "consul", "vault")})
    fronts = states(ledger, "front")
    assert {name: _layers_below(asked) for name, asked in fronts.items()} == {
        f"front-{host}": {f"ground-{host}"} for host in MIRRORS["local"]
    }


def test_only_mirrors_firewalls_know_ports_of_the_front() -> None:
    for stack, mirrors in MIRRORS.items():
        for asked in states(program(stack)).values():
            said = asked.inputs["desired"]["firewall"].get("redirected")
            assert said == ([80, 443] if asked.inputs["host"] in mirrors else None)


def test_a_drained_mirror_is_one_line_and_leaves_the_shared_name_alone() -> None:
    before, after = program("local"), program_with({"machines/a-nyc-us/resting": {"front": "a test"}})
    gone = {a.name for a in before.asked} - {a.name for a in after.asked}
    assert {a.name for a in after.asked} - {a.name for a in before.asked} == set()
    assert gone == {"dns-fleet.example-a-mirrors-a-nyc-us", "dns-fleet.example-aaaa-mirrors-a-nyc-us"}
    changed = {a.name for a in after.asked if before[a.name].wire != a.wire}
    # Nomad is told what a machine rests from, so its agent hears of it; no front is touched.
    assert changed == {"agents-a-nyc-us"}


def test_a_new_name_touches_every_front_and_names_it() -> None:
    after = program_with({"front/redirects/deb.fleet.example": "repo.fleet.example"})
    for host in MIRRORS["local"]:
        old = dict(leaves(program("local")[f"front-{host}"].wire["desired"]))
        new = dict(leaves(after[f"front-{host}"].wire["desired"]))
        assert ("redirects", "deb.fleet.example") in set(new) - set(old)
    assert after["dns-fleet.example-cname-deb"].inputs["value"] == "mirrors.fleet.example."

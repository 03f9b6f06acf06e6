"""Laws of the plans, over fleets that nobody wrote by hand."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.born import from_data
from components.dns.plan import Record, records
from components.fabric.plan import document, joining, peering, recorded, scopes_on
from components.ground import desired_states, openings
from components.machines.plan import port_rules
from model import Fleet

ROLES = ("builder", "mirror", "worker")
PLACES = (("bru", "be"), ("fra", "de"), ("nyc", "us"))
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP2y0C8XKGbQeMQbyVZHzgpl somebody"
PROFILE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def _rule(port: int) -> dict[str, Any]:
    return {"proto": "tcp", "ports": str(port), "why": "a law"}


def _machine(number: int, roles: list[str], own: list[int], region: str, droplet: bool, six: bool) -> dict[str, Any]:
    metal = {"kind": "metal", "provider": "a donor", "hardware": "a box"}
    cloud = {"kind": "droplet", "region": "ams3", "size": "s", "image": "i", "ssh_keys": ("k",), "ipv6": six}
    public = {"ipv4": f"10.77.9.{number}", **({"ipv6": f"fd77::9:{number:x}"} if six else {})}
    return {
        "purpose": "a law",
        "region": region,
        "source": cloud if droplet else metal,
        "os": "debian",
        "roles": tuple(roles),
        "public": {} if droplet else public,
        "fabric": {"address": f"10.99.0.{number}"},
        "openings": {f"own-{port}": _rule(port) for port in own},
    }


def _wireguard_key(number: int) -> str:
    return "A" * 40 + f"{number:02}A="


@st.composite
def fleets(draw: st.DrawFn, least: int = 1) -> dict[str, Any]:
    """A fleet's plain data: up to nine machines, roles, openings, scopes, some recorded, a zone with pools."""
    machines, known = {}, {}
    for number in range(1, draw(st.integers(least, 9)) + 1):
        region, country = draw(st.sampled_from(PLACES))
        name = f"{'abcdefghi'[number - 1]}-{region}-{country}"
        roles = draw(st.lists(st.sampled_from(ROLES), unique=True))
        own = draw(st.lists(st.integers(1000, 1009), unique=True, max_size=2))
        droplet, six = draw(st.booleans()), draw(st.booleans())
        machines[name] = _machine(number, roles, own, region, droplet, six)
        if draw(st.booleans()):
            known[name] = {"wireguard_key": _wireguard_key(number), "ssh_host_key": KEY}
            if droplet and draw(st.booleans()):
                known[name]["ipv4"] = f"10.77.1.{number}"
    words = st.lists(st.sampled_from(ROLES), unique=True, min_size=1).map(tuple)
    return {
        "fleet": "laws",
        "suffix": "m.fleet.example",
        "regions": {region: {"site": region, "country": country} for region, country in PLACES},
        "fabric": {
            "interface": "fabric0",
            "subnet": "10.99.0.0/24",
            "port": 51820,
            "scopes": {"sync": {"proto": "tcp", "ports": "8730", "on": draw(words), "from": draw(words), "why": "w"}},
        },
        "operators": {"deploy": {"purpose": "p", "keys": (KEY,), "sudo": "all-nopasswd", "groups": ("sudo",)}},
        "time": {"servers": ("10.77.0.1",)},
        "resolver": {},
        "ssh": {"allow_groups": ("sudo",), "banner": "b"},
        "base": {"openings": {"ssh": _rule(22)}},
        "roles": {role: {"purpose": role, "openings": {role: _rule(80 + i)}} for i, role in enumerate(ROLES)},
        "machines": machines,
        "zones": {
            "fleet.example": {
                "provider": "digitalocean",
                "adopted": True,
                "pools": {"mirrors": {"role": "mirror"}, "workers": {"role": "worker"}},
                "aliases": {"repo": {"name": "mirrors"}},
            }
        },
        "recorded": known,
    }


def _fleet(data: dict[str, Any]) -> Fleet:
    return Fleet.model_validate(data)


def _known_peers(desired: dict[str, Any]) -> set[str]:
    fabric = desired["fabric"]
    return set(json.loads(fabric["document"])["peers"]) | set(fabric["joining"])


@PROFILE
@given(fleets())
def test_peering_is_symmetric_and_whole(data: dict[str, Any]) -> None:
    states = desired_states(_fleet(data))
    for a, state in states.items():
        for b in states:
            assert (b in _known_peers(state) - {a}) == (a in _known_peers(states[b]) - {b})
        assert _known_peers(state) | {a} == set(data["machines"])


@PROFILE
@given(fleets())
def test_recorded_and_joining_part_the_peers(data: dict[str, Any]) -> None:
    fleet = _fleet(data)
    born = from_data(fleet)
    known, new = set(recorded(fleet, born)), set(joining(fleet, born))
    assert known & new == set()
    assert known | new == set(peering(fleet))
    assert set(json.loads(document(fleet, born))["peers"]) == known


@PROFILE
@given(fleets())
def test_openings_are_those_declared_and_no_others(data: dict[str, Any]) -> None:
    fleet = _fleet(data)
    for name, machine in data["machines"].items():
        ports = {"22", *(str(80 + ROLES.index(r)) for r in machine["roles"])}
        ports |= {rule["ports"] for rule in machine["openings"].values()}
        assert {rule.ports for rule in openings(fleet, name).values()} == ports
        assert {rule.ports for rule in port_rules(fleet, name)} == ports


@PROFILE
@given(fleets(), st.randoms(use_true_random=False))
def test_the_order_of_the_data_changes_nothing(data: dict[str, Any], chance: Any) -> None:
    names = list(data["machines"])
    chance.shuffle(names)
    other = {**data, "machines": {name: data["machines"][name] for name in names}}
    assert records(_fleet(other)) == records(_fleet(data))
    assert json.dumps(desired_states(_fleet(other))) == json.dumps(desired_states(_fleet(data)))


@PROFILE
@given(fleets())
def test_records_have_names_of_their_own(data: dict[str, Any]) -> None:
    plan = records(_fleet(data))
    assert len({r.logical_name for r in plan}) == len(plan)


@PROFILE
@given(fleets(least=2), st.data())
def test_a_host_more_changes_its_own_entries_and_nothing_else(data: dict[str, Any], choose: st.DataObject) -> None:
    new = choose.draw(st.sampled_from(sorted(data["machines"])))
    without = {
        **data,
        "machines": {name: m for name, m in data["machines"].items() if name != new},
        "recorded": {name: r for name, r in data["recorded"].items() if name != new},
    }
    before, after = _fleet(without), _fleet(data)
    old, now = desired_states(before), desired_states(after)
    assert set(now) - set(old) == {new}
    for host in old:
        assert _stripped(now[host], new) == _stripped(old[host], new)
    assert set(records(before)) <= set(records(after))
    assert all(_of(r, new) for r in set(records(after)) - set(records(before)))
    for host in old:
        for name, scope in scopes_on(before, host).items():
            assert set(scopes_on(after, host)[name].sources) - set(scope.sources) <= {peering(after)[new].address}


def _of(record: Record, host: str) -> bool:
    return record.name == f"{host}.m" or record.key == host


def _stripped(desired: dict[str, Any], host: str) -> str:
    """A desired state without every entry that is about one host, as text."""
    fabric = dict(desired["fabric"])
    fabric["document"] = {n: p for n, p in json.loads(fabric["document"])["peers"].items() if n != host}
    fabric["joining"] = {n: p for n, p in fabric["joining"].items() if n != host}
    firewall = {key: value for key, value in desired["firewall"].items() if key != "scopes"}
    return json.dumps({**desired, "fabric": fabric, "firewall": firewall}, sort_keys=True)

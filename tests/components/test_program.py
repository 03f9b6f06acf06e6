"""The program on both stacks: what it makes, under which names, and what is protected."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from pathlib import Path

import pulumi
import pytest

from components.machines.component import Machine
from tests.components.programs import program, program_with, states
from tests.harness import ROOT, run_program, run_stack

STACKS = ("local", "prod")
# With an engine goes the only management token of its system.
KEPT = {"control-vault-mount-secret", "control-vault-engine-nomad", "control-vault-engine-consul"}
VERTICALS = {
    "machines",
    "dns",
    "fabric",
    "ground",
    "servers",
    "control",
    "agents",
    "front",
    "services",
    "service",
    "roster",
    "github",
}
MACHINES = {
    "digitalocean:index/droplet:Droplet",
    "aws:ec2/instance:Instance",
    "gcp:compute/instance:Instance",
    "hosts:index:Metal",
}


def _machines(stack: str) -> dict[str, str]:
    return {a.name: a.type for a in program(stack).asked if a.type in MACHINES}


def test_a1_02_prod_asks_for_17_machines_66_records_and_16_ground_states() -> None:
    counts = Counter(a.type for a in program("prod").asked)
    assert counts["digitalocean:index/dnsRecord:DnsRecord"] == 66
    assert counts["digitalocean:index/domain:Domain"] == 1
    assert counts["digitalocean:index/droplet:Droplet"] == 1
    assert counts["hosts:index:Metal"] == 16
    assert counts["fleet:machines:Machine"] == 17
    assert len(states(program("prod"))) == counts["hosts:index:Identity"] == 16
    assert len(states(program("prod"), "servers")) == 3
    assert len(states(program("prod"), "agents")) == 16
    assert len(states(program("prod"), "front")) == 3
    assert not [kind for kind in counts if kind.startswith(("aws:", "gcp:"))]


def test_local_takes_all_four_kinds() -> None:
    assert Counter(_machines("local").values()) == {
        "digitalocean:index/droplet:Droplet": 2,
        "aws:ec2/instance:Instance": 2,
        "gcp:compute/instance:Instance": 1,
        "hosts:index:Metal": 1,
    }
    assert len(states(program("local"))) == 6


@pytest.mark.parametrize("stack", STACKS)
def test_the_first_preview_asks_for_the_same_as_the_run(stack: str) -> None:
    assert {a.name for a in program(stack, preview=True).asked} == {a.name for a in program(stack).asked}


@pytest.mark.parametrize("stack", STACKS)
def test_logical_names_are_unique_kebab_and_begin_with_their_vertical(stack: str) -> None:
    names = [a.name for a in program(stack).asked]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    for asked in program(stack).asked:
        if not asked.custom:
            continue
        assert asked.name.split("-")[0] in VERTICALS, asked.name
        if asked.name.startswith("dns-"):
            # A record's name holds the zone's own names, and what tells it apart: dots, colons, underscores.
            assert re.fullmatch(r"dns(-[a-z0-9._:@/ ]+)+", asked.name), asked.name
        elif asked.name.startswith("github-"):
            # Repositories and labels are called what people call them.
            assert re.fullmatch(r"github-[a-z]+(-[A-Za-z0-9._ ]+)*", asked.name), asked.name
        else:
            assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", asked.name), asked.name


def test_a_stacks_name_stands_in_no_logical_name() -> None:
    with tempfile.TemporaryDirectory() as place:
        elsewhere = run_stack("elsewhere", Path(place), data=ROOT / "stacks" / "local")
    assert {a.name for a in elsewhere.asked} == {a.name for a in program("local").asked}


@pytest.mark.parametrize("stack", STACKS)
def test_every_resource_stands_under_its_component(stack: str) -> None:
    asked = program(stack).asked
    components = {a.name for a in asked if not a.custom}
    for one in asked:
        # A provider is nobody's child: the engine makes each, also in an `up` of another part alone.
        if one.custom and not one.type.startswith("pulumi:providers:"):
            under = one.parent if one.parent in components else program(stack)[one.parent].parent
            assert under in components, one.name


@pytest.mark.parametrize("stack", STACKS)
def test_what_holds_data_is_protected(stack: str) -> None:
    ledger = program(stack)
    # What is kept at GitHub is in test_github.py.
    held = {a.name for a in ledger.asked if a.protect and not a.name.startswith("github-")}
    if stack == "prod":
        assert held == {"machines-bucket-void-prod-s3-images", "dns-voidlinux.org", *KEPT}
    else:
        # The mirrors' trees are copies and the bucket holds what can be built again: the data say so.
        assert held == {"machines-volume-a-grq-nl-control-data", "dns-fleet.example", *KEPT}


def test_a_machine_that_holds_data_is_protected() -> None:
    ledger = program_with({"machines/a-ams-nl/holds_data": True, "machines/a-fra-de/holds_data": True})
    assert {n for n in _machines("local") if ledger[n].protect} == {
        "machines-droplet-a-ams-nl",
        "machines-instance-a-fra-de",
    }


@pytest.mark.parametrize("stack", STACKS)
def test_a_machine_goes_before_its_successor_comes(stack: str) -> None:
    assert all(program(stack)[name].delete_before_replace for name in _machines(stack))


@pytest.mark.parametrize("stack", STACKS)
def test_what_stands_on_a_host_goes_with_it(stack: str) -> None:
    machines = _machines(stack)
    for kind in ("State", "Identity"):
        for asked in program(stack).of(f"hosts:index:{kind}").values():
            host = asked.inputs["host"]
            assert asked.deleted_with in machines
            assert asked.deleted_with.endswith(f"-{host}")


def test_only_an_unadopted_zone_refuses_to_create() -> None:
    prod, local = program("prod"), program("local")
    records = [a for a in prod.asked if a.type.startswith("digitalocean:index/d") and "roplet" not in a.type]
    assert len(records) == 67
    assert {a.before_create for a in records} == {("refuse-unadopted-voidlinux.org",)}
    with pytest.raises(ValueError, match=r"(?s)voidlinux.org is not adopted.*Way out: import"):
        prod.hooks["refuse-unadopted-voidlinux.org"](type("Args", (), {"name": "dns-voidlinux.org-a-apex"})())
    assert local.hooks == {}
    assert {a.before_create for a in local.asked} == {()}


@pytest.mark.parametrize("stack", STACKS)
def test_the_output_hosts_says_what_record_needs(stack: str) -> None:
    hosts = program(stack).exports["hosts"]
    assert sorted(hosts) == sorted(a.inputs["host"] for a in states(program(stack)).values())
    for host, said in hosts.items():
        assert set(said) == {"ipv4", "ipv6", "fabric", "port", "wireguard_key", "ssh_host_key", "authority"}
        assert said["ipv4"]
        assert said["wireguard_key"] == f"key-of-{host}"


def test_nothing_is_looked_up_but_the_custom_image() -> None:
    assert program("local").calls == []
    assert program("prod").calls == [("digitalocean:index/getImage:getImage", {"name": "void-linux-20200730RC1"})]


def test_the_harness_waits_for_what_is_pending() -> None:
    def build() -> None:
        slow = pulumi.Output.from_input("later")
        slow.apply(lambda name: pulumi.ComponentResource("fleet:test:Late", name))

    assert [a.name for a in run_program(build).asked] == ["later"]


def test_the_harness_hands_on_what_the_program_raises() -> None:
    def build() -> None:
        raise ValueError("as it was said")

    with pytest.raises(ValueError, match="as it was said"):
        run_program(build)


def test_components_say_what_they_create() -> None:
    assert "Creates" in (Machine.__doc__ or "")

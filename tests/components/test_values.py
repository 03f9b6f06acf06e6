"""What the resources of prod hold, compared with the facts name by name and value by value."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from tests.components.programs import program, program_with, states
from tests.harness import address, number_of, placeholders

FACTS: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[1] / "model" / "facts_prod.yaml").read_text(encoding="utf-8")
)
DROPLET = number_of("machines-droplet-a-sfo3-us")
RECORD = "digitalocean:index/dnsRecord:DnsRecord"
Row = tuple[str, str, str, int | None]


def _asked(ledger: Any) -> Counter[Row]:
    rows: Counter[Row] = Counter()
    for asked in ledger.of(RECORD).values():
        said = asked.inputs
        priority = said.get("priority")
        rows[said["name"], said["type"], said["value"], None if priority is None else int(priority)] += 1
    return rows


def _expected() -> Counter[Row]:
    secrets = placeholders()
    by_prefix = {
        "v=DKIM1; k=rsa; p=": "v=DKIM1; k=rsa; p=" + secrets["dns-dkim-default"],
        ("_acme-challenge.repo-fastly", "CNAME"): secrets["dns-acme-challenge-repo-fastly"],
        ("_github-challenge-void-linux", "TXT"): secrets["dns-github-challenge"],
    }
    rows: Counter[Row] = Counter()
    for fact in FACTS["records"]:
        value = fact.get("value")
        if "computed" in fact:
            value = address("1", DROPLET)
        elif value is None:
            value = by_prefix.get(fact["secret"]) or by_prefix[fact["name"], fact["type"]]
        rows[fact["name"], fact["type"], value, fact.get("priority")] += 1
    return rows


def test_a1_02_the_66_records_have_the_facts_values() -> None:
    assert _asked(program("prod")) == _expected()
    assert sum(_expected().values()) == 66
    assert {a.inputs["domain"] for a in program("prod").of(RECORD).values()} == {"voidlinux.org"}
    # A mirror that is drained is asked by nobody new within a minute; it was the provider's half an hour.
    short = {(a.inputs["name"], a.inputs["ttl"]) for a in program("prod").of(RECORD).values() if "ttl" in a.inputs}
    assert short == {("omniproxy", 30)}


def test_a1_02_a_record_with_another_value_is_seen() -> None:
    other = program_with({"zones/voidlinux.org/mail/@/0/priority": 20}, stack="prod")
    assert list(_expected() - _asked(other)) == [("@", "MX", "c-hel-fi.m.voidlinux.org.", 10)]


def test_a1_02_the_17_machines_have_the_facts_values() -> None:
    ledger = program("prod")
    seen = {name.removeprefix("machines-") for name in ledger.of("fleet:machines:Machine")}
    assert seen == set(FACTS["machines"])
    assert len(seen) == 17
    for name, fact in FACTS["machines"].items():
        if name == "a-sfo3-us":
            continue
        metal = ledger[f"machines-metal-{name}"].inputs
        assert metal["address"] == fact["ipv4"], name
        assert metal.get("address6") == fact.get("ipv6"), name
        assert metal["port"] == (fact.get("ssh_port") or 22), name
        assert metal["contact"] == fact["managed"], name


def test_a1_02_the_droplet_is_made_as_it_is_today() -> None:
    droplet = program("prod")["machines-droplet-a-sfo3-us"].inputs
    assert droplet["name"] == "a-sfo3-us.m.voidlinux.org"
    assert (droplet["region"], droplet["size"], droplet["image"]) == ("sfo3", "s-1vcpu-1gb", "4711")
    assert droplet["ipv6"] is False
    assert droplet["sshKeys"] == [f"00:11:{number_of('machines-key-digitalocean-operator'):02}"]
    assert program("prod")["machines-vpc-void-prod"].inputs["ipRange"] == "192.168.100.0/24"
    project = program("prod")["machines-project-production"].inputs
    assert sorted(project["resources"]) == [
        "do:domain:voidlinux.org",
        f"do:droplet:{DROPLET}",
        "do:space:void-prod-s3-images",
    ]


def test_a1_02_each_host_gets_its_facts() -> None:
    ledger = program("prod")
    managed = {name: fact for name, fact in FACTS["machines"].items() if fact["managed"]}
    assert len(managed) == 16
    for name, fact in managed.items():
        ground = ledger[f"ground-{name}"].inputs
        desired = ground["desired"]
        assert desired["fabric"]["address"] == fact["fabric"], name
        # Every host enrols at a control host by its ssh host key, as an account of that host that may do nothing else.
        enrolment = {"fleet-ca"} if f"servers-{name}" in states(ledger, "servers") else set()
        assert set(desired["ssh"]["allow_groups"]) == {*fact["ssh_groups"], *enrolment}, name
        opened = {f"{rule['proto']}/{rule['ports']}" for rule in desired["firewall"]["openings"].values()}
        assert opened == set(fact["open"]), name
        assert ground["connection"]["port"] == (fact.get("ssh_port") or 22), name
        peers = set(desired["fabric"]["joining"])
        assert peers == set(managed) - {name}, name

"""The prod stack agrees with the fleet's facts: name by name, value by value."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.dns.plan import MachineAddress, Record, SecretText, records
from model import Fleet, load
from model.checks.hosts import openings_of
from tests.model.change import STACKS, changed, facts, write

FACTS: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "facts_prod.yaml").read_text(encoding="utf-8"))
Row = tuple[str, str, str, int | None]


@pytest.fixture(scope="module")
def prod() -> Fleet:
    return load(STACKS / "prod")


def _declared() -> Counter[Row]:
    rows: Counter[Row] = Counter()
    for fact in FACTS["records"]:
        value = fact.get("value")
        if value is None:
            value = f"<secret {fact['secret']}>" if "secret" in fact else f"<computed {fact['computed']}>"
        rows[fact["name"], fact["type"], value, fact.get("priority")] += 1
    return rows


def _planned(plan: tuple[Record, ...]) -> Counter[Row]:
    def say(record: Record) -> str:
        if isinstance(record.value, SecretText):
            return f"<secret {record.value.prefix}>"
        return f"<computed {record.value.machine}>" if isinstance(record.value, MachineAddress) else record.value

    return Counter((r.name, r.type, say(r), r.priority) for r in plan)


def test_a1_02_the_plan_has_the_66_records_of_the_facts(prod: Fleet) -> None:
    plan = records(prod)
    assert {r.zone for r in plan} == {"voidlinux.org"}
    # The proxies' shared name alone differs from the zone as it was: a drained proxy is asked no longer than that.
    assert {(r.name, r.ttl) for r in plan if r.ttl is not None} == {("omniproxy", 30)}
    assert _planned(plan) == _declared()
    assert sum(_declared().values()) == 66


def test_a1_02_a_record_that_differs_is_seen(tmp_path: Path) -> None:
    data = changed(facts("prod"), {"zones/voidlinux.org/aliases/repo-us": {"machine": "d-hel-fi"}})
    missing = _declared() - _planned(records(load(write(tmp_path, data))))
    assert list(missing) == [("repo-us", "CNAME", "b-hel-fi.m.voidlinux.org.", None)]


def test_a1_02_secrets_have_names_of_their_own(prod: Fleet) -> None:
    names = [r.value.name for r in records(prod) if isinstance(r.value, SecretText)]
    assert len(names) == len(set(names)) == 3


def test_a1_02_the_17_machines_are_those_of_the_facts(prod: Fleet) -> None:
    assert set(prod.machines) == set(FACTS["machines"])
    assert len(prod.machines) == 17
    for name, fact in FACTS["machines"].items():
        machine = prod.machines[name]
        assert machine.public.ipv4 == fact["ipv4"], name
        assert machine.public.ipv6 == fact["ipv6"], name
        assert (machine.fabric and machine.fabric.address) == fact["fabric"], name
        assert (machine.region, prod.regions[machine.region].country) == (fact["region"], fact["country"]), name
        assert machine.managed == fact["managed"], name
        assert machine.libc == ("musl" if fact["musl"] else "glibc"), name
        assert list(machine.repositories.files if machine.repositories else ()) == fact["repositories"], name
        assert (machine.network and machine.network.interface) == fact["interface"], name
        assert [r.via for r in (machine.network.routes if machine.network else ())] == fact["routes"], name
        if fact["managed"]:
            assert machine.ssh_port == fact["ssh_port"], name
            assert [*prod.ssh.allow_groups, *machine.ssh_groups] == fact["ssh_groups"], name


def test_a1_02_each_host_opens_the_ports_of_the_facts(prod: Fleet) -> None:
    for name, fact in FACTS["machines"].items():
        opened = {f"{o.proto}/{o.ports}" for _, o in openings_of(prod, name)} if fact["managed"] else set()
        assert opened == set(fact["open"]), name


def test_the_clouds_of_prod_are_those_of_the_facts(prod: Fleet) -> None:
    assert prod.aws is None
    assert prod.gcp is None
    assert prod.digitalocean is not None
    assert {n: (v.region, v.range) for n, v in prod.digitalocean.vpcs.items()} == {
        "void-prod": ("sfo3", "192.168.100.0/24")
    }
    assert {n: b.region for n, b in prod.digitalocean.buckets.items()} == {"void-prod-s3-images": "sfo2"}
    assert [n for n, m in prod.machines.items() if m.source.kind != "metal"] == ["a-sfo3-us"]
    assert not prod.zones["voidlinux.org"].adopted

"""Virtual addresses: one each, never an odd one, and a new name moves no other."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.mirror_proxy.addresses import addresses

NETWORK = "198.18.0.0/16"
NAMES = st.sets(st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True), max_size=40)
PROFILE = settings(max_examples=100, deadline=None, derandomize=True)


@PROFILE
@given(NAMES, st.sampled_from([NETWORK, "10.9.8.0/24", "10.0.0.0/8"]))
def test_each_name_has_an_address_of_its_own_in_the_network(names: set[str], network: str) -> None:
    found = addresses(names, network)
    assert set(found) == names
    assert len(set(found.values())) == len(names)
    for text in found.values():
        assert ipaddress.ip_address(text) in ipaddress.ip_network(network)
        assert text.rpartition(".")[2] not in ("0", "255")


@PROFILE
@given(NAMES)
def test_the_order_of_names_changes_nothing(names: set[str]) -> None:
    assert addresses(sorted(names), NETWORK) == addresses(sorted(names, reverse=True), NETWORK)


def test_addresses_are_those_that_hosts_have() -> None:
    assert addresses(["grafana", "infradocs"], NETWORK) == {"grafana": "198.18.213.165", "infradocs": "198.18.61.36"}


def test_a_new_service_moves_no_other() -> None:
    """Two hashes of a thousand meet now and then; the forty of a fleet hardly ever do."""
    names = [f"service-{number}" for number in range(400)]
    before = addresses(names[:40], NETWORK)
    moved = 0
    for name in names[40:]:
        after = addresses([*names[:40], name], NETWORK)
        moved += sum(after[known] != before[known] for known in before)
    assert moved == 0


@pytest.mark.parametrize(("network", "count"), [("10.9.8.0/24", 250), (NETWORK, 1000)])
def test_where_hashes_meet_both_have_an_address(network: str, count: int) -> None:
    names = [f"service-{number}" for number in range(count)]
    alone = [addresses([name], network)[name] for name in names]
    found = addresses(names, network)
    assert len(set(alone)) < len(alone), "some meet"
    assert len(set(found.values())) == len(names)
    kept = sum(found[name] == its for name, its in zip(names, alone, strict=True))
    assert kept == len(set(alone)), "of those that meet one keeps its place, and all others have theirs"


def test_a_full_network_is_filled() -> None:
    names = [f"service-{number}" for number in range(254)]
    assert len(set(addresses(names, "10.9.8.0/24").values())) == 254

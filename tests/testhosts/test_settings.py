"""Names and addresses of a rehearsal's network."""

import ipaddress

import pytest

from rehearsal.testhosts import network, settings
from rehearsal.testhosts.settings import RehearsalError


def test_the_usual_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLEET_NET_PREFIX", raising=False)
    monkeypatch.delenv("FLEET_NET_SUBNET", raising=False)
    assert (settings.internet(), settings.bridge()) == ("fleet-net", "fleetbr0")
    assert (settings.gateway4(), settings.gateway6()) == ("10.77.0.1", "fd77::1")
    assert (settings.dns4(), settings.dns6()) == ("10.77.0.53", "fd77::53")
    assert settings.netns_of("a-hel") == "fleet-a-hel"


def test_a_second_rehearsal_shares_no_name_and_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    first = settings.net4(), settings.net6(), settings.internet()
    monkeypatch.setenv("FLEET_NET_PREFIX", "ft")
    monkeypatch.setenv("FLEET_NET_SUBNET", "10.78")
    assert not settings.net4().overlaps(first[0])
    assert not settings.net6().overlaps(first[1])
    assert settings.internet() != first[2]


@pytest.mark.parametrize("subnet", [f"10.{number}" for number in range(256)])
def test_every_subnet_has_an_ipv6_network(subnet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_NET_SUBNET", subnet)
    assert settings.net6().subnet_of(ipaddress.IPv6Network("fd00::/8"))


def test_subnets_have_networks_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    for number in range(256):
        monkeypatch.setenv("FLEET_NET_SUBNET", f"10.{number}")
        seen.add(settings.net6())
    assert len(seen) == 256


@pytest.mark.parametrize("subnet", ["95.216", "10.256", "10.77.1", "10", "192.168"])
def test_a_public_or_odd_subnet_is_refused(subnet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_NET_SUBNET", subnet)
    with pytest.raises(RehearsalError, match=r"must be 10\.N"):
        settings.subnet()


@pytest.mark.parametrize("prefix", ["a-b", "Fleet", "toolongname", "x/y"])
def test_a_prefix_that_could_be_mixed_up_is_refused(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_NET_PREFIX", prefix)
    with pytest.raises(RehearsalError, match="FLEET_NET_PREFIX"):
        settings.prefix()


@pytest.mark.parametrize("host", ["a", "a-ams-nl", "thirteenchars", "one-character-more", "x" * 63])
def test_a_cable_fits_an_interface_name(host: str) -> None:
    assert len(network.cable(host)) <= 15


def test_long_names_have_cables_of_their_own() -> None:
    assert network.cable("mirror-helsinki-1") != network.cable("mirror-helsinki-2")

"""The rehearsal's DNS server says what the zone files say."""

import os
import sys

import pytest

from rehearsal.testhosts import dns, hosts
from rehearsal.testhosts.settings import RehearsalError
from tests.testhosts_live.near import from_internet

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux"),
]


def zone(serial: int, *records: str) -> str:
    return "\n".join([f"@ 60 IN SOA ns.a.example. x.a.example. {serial} 60 60 60 60", "@ 60 IN NS ns", *records, ""])


def dig(*words: str) -> str:
    return from_internet("dig", "+short", "+time=3", "+tries=5", *words).stdout


@pytest.mark.usefixtures("pair")
def test_dns_answers_what_the_files_say() -> None:
    dns.serve()
    assert "REFUSED" in from_internet("dig", "+time=2", "@10.78.0.53", "a.example", "SOA").stdout
    file = dns.zones_folder() / "a.example.zone"
    file.write_text(zone(1, "ns 60 IN A 10.78.0.53", "www 60 IN A 10.78.1.1", "www 60 IN AAAA fd78::1:1"))
    dns.reload()
    assert dig("@10.78.0.53", "www.a.example", "A") == "10.78.1.1\n"
    assert dig("@fd78::53", "www.a.example", "AAAA") == "fd78::1:1\n"
    assert hosts.execute_in("alpha", "getent", "hosts", "www.a.example").stdout.split()[0] == "fd78::1:1"
    file.write_text(zone(2, "ns 60 IN A 10.78.0.53", "www 60 IN A 10.78.1.9"))
    dns.reload()
    assert dig("@10.78.0.53", "www.a.example", "A") == "10.78.1.9\n"
    (dns.zones_folder() / "b.example.zone").write_text(zone(5, "ns 60 IN A 10.78.0.53"))
    dns.reload()
    assert dig("@10.78.0.53", "ns.b.example", "A") == "10.78.0.53\n"
    file.unlink()
    dns.reload()
    assert "REFUSED" in from_internet("dig", "+time=2", "@10.78.0.53", "a.example", "SOA").stdout


@pytest.mark.usefixtures("pair")
def test_a_broken_zone_is_named() -> None:
    dns.serve()
    broken = dns.zones_folder() / "c.example.zone"
    broken.write_text(zone(1, "www 60 IN A 10.78.1.999"))
    with pytest.raises(RehearsalError, match=r"zone c\.example"):
        dns.reload(seconds=0.5)
    broken.unlink()
    dns.reload()

"""Zone files: what DigitalOcean takes, in master-file form."""

from typing import Any

from rehearsal.cloud.world import World
from rehearsal.cloud.zones import quoted, zone_text
from tests.cloud.conftest import Engine
from tests.cloud.test_refusals import DROPLET, GOOD, RECORD


def test_every_type_of_record_is_written() -> None:
    records: list[dict[str, Any]] = [
        {"type": "A", "name": "@", "value": "192.0.2.1"},
        {"type": "A", "name": "*", "value": "192.0.2.1", "ttl": 60},
        {"type": "AAAA", "name": "h", "value": "2001:db8::1"},
        {"type": "CNAME", "name": "www", "value": "@"},
        {"type": "CNAME", "name": "ftp", "value": "h.a.example."},
        {"type": "MX", "name": "@", "value": "mx.a.example.", "priority": 10},
        {"type": "SRV", "name": "_x._tcp", "value": "h.a.example.", "priority": 1, "weight": 2, "port": 3},
        {"type": "CAA", "name": "@", "value": "letsencrypt.org.", "flags": 0, "tag": "issue"},
        {"type": "TXT", "name": "@", "value": 'v=spf1 "x" \\ -all'},
    ]
    text = zone_text("a.example", records)
    assert text.startswith("$ORIGIN a.example.\n$TTL 1800\n@ 1800 IN SOA ns1.digitalocean.com. hostmaster.a.example. ")
    for line in (
        "@ 1800 IN NS ns1.digitalocean.com.",
        "@ 1800 IN A 192.0.2.1",
        "* 60 IN A 192.0.2.1",
        "h 1800 IN AAAA 2001:db8::1",
        "www 1800 IN CNAME @",
        "ftp 1800 IN CNAME h.a.example.",
        "@ 1800 IN MX 10 mx.a.example.",
        "_x._tcp 1800 IN SRV 1 2 3 h.a.example.",
        '@ 1800 IN CAA 0 issue "letsencrypt.org"',
        '@ 1800 IN TXT "v=spf1 \\"x\\" \\\\ -all"',
    ):
        assert line in text.splitlines()
    assert zone_text("a.example", list(reversed(records))) == text


def test_long_texts_are_split_and_quoted_ones_kept() -> None:
    assert quoted("x" * 300) == '"' + "x" * 255 + '" "' + "x" * 45 + '"'
    assert quoted('"a" "b"') == '"a" "b"'
    assert quoted("é") == '"\\195\\169"'
    assert quoted("") == '""'


def test_zone_files_follow_the_records(ocean: Engine, world: World) -> None:
    folder = world.run / "dns" / "zones"
    ocean.create("digitalocean:index/domain:Domain", {"name": "a.example"})
    number, _ = ocean.create(RECORD, {**GOOD[RECORD], "name": "h"})
    file = folder / "a.example.zone"
    assert "h 1800 IN A 192.0.2.1" in file.read_text()
    ocean.delete(RECORD, number)
    assert "192.0.2.1" not in file.read_text()
    ocean.delete("digitalocean:index/domain:Domain", "a.example")
    assert not file.exists()


def test_a_droplets_full_name_is_its_reverse_name(ocean: Engine, world: World) -> None:
    ocean.create(DROPLET, {**GOOD[DROPLET], "name": "h.a.example"})
    folder = world.run / "dns" / "zones"
    assert "1.1.77.10.in-addr.arpa. 1800 IN PTR h.a.example." in (folder / "77.10.in-addr.arpa.zone").read_text()
    (v6,) = (one for one in folder.iterdir() if one.name.endswith("ip6.arpa.zone"))
    assert "IN PTR h.a.example." in v6.read_text()


def test_a_bare_name_has_no_reverse(ocean: Engine, world: World) -> None:
    ocean.create(DROPLET, {**GOOD[DROPLET], "name": "plain"})
    assert "PTR" not in (world.run / "dns" / "zones" / "77.10.in-addr.arpa.zone").read_text()


def test_the_other_clouds_reverse_names(aws: Engine, gcp: Engine, world: World) -> None:
    address, eip = aws.create("aws:ec2/eip:Eip", {"domain": "vpc"})
    _, told = aws.create("aws:ec2/eipDomainName:EipDomainName", {"allocationId": address, "domainName": "e.a.example"})
    assert told["ptrRecord"] == "e.a.example."
    access = [{"publicPtrDomainName": "g.a.example."}]
    machine = GOOD["gcp:compute/instance:Instance"]
    gcp.create(
        "gcp:compute/instance:Instance",
        {**machine, "networkInterfaces": [{"network": "default", "accessConfigs": access}]},
    )
    text = (world.run / "dns" / "zones" / "77.10.in-addr.arpa.zone").read_text()
    last = eip["publicIp"].split(".")[3]
    assert f"{last}.2.77.10.in-addr.arpa. 1800 IN PTR e.a.example." in text
    assert "3.77.10.in-addr.arpa. 1800 IN PTR g.a.example." in text

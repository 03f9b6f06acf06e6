"""Stand-ins refuse what the official providers or the clouds refuse; a good bag beside each bad one passes."""

from collections.abc import Callable
from typing import Any

import pytest

from providers.base.values import UNKNOWN, Bag
from tests.cloud.conftest import KEY, Engine

DROPLET = "digitalocean:index/droplet:Droplet"
FIREWALL = "digitalocean:index/firewall:Firewall"
RECORD = "digitalocean:index/dnsRecord:DnsRecord"
INSTANCE = "aws:ec2/instance:Instance"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
MACHINE = "gcp:compute/instance:Instance"

GOOD: dict[str, Bag] = {
    DROPLET: {"image": "debian-12-x64", "size": "s-1vcpu-1gb", "region": "fra1", "ipv6": True},
    FIREWALL: {"inboundRules": [{"protocol": "tcp", "portRange": "22", "sourceAddresses": ["0.0.0.0/0"]}]},
    RECORD: {"domain": "a.example", "type": "A", "value": "192.0.2.1"},
    INSTANCE: {"ami": "ami-0d3b12a64fc1e0001", "instanceType": "t3.small", "rootBlockDevice": {"volumeSize": 10}},
    RULE: {"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"},
    MACHINE: {
        "machineType": "e2-small",
        "zone": "europe-west4-a",
        "bootDisk": {"initializeParams": {"image": "debian-cloud/debian-12", "size": 10}},
        "networkInterfaces": [{"network": "default", "accessConfigs": [{}]}],
    },
}


def without(bag: Bag, key: str) -> Bag:
    return {name: value for name, value in bag.items() if name != key}


BAD: list[tuple[str, Bag, str]] = [
    (DROPLET, {**GOOD[DROPLET], "sizes": "s-1vcpu-1gb"}, "sizes: unknown property"),
    (DROPLET, {**GOOD[DROPLET], "ssh_keys": []}, "ssh_keys: unknown property of Droplet; did you mean sshKeys"),
    (DROPLET, without(GOOD[DROPLET], "image"), "image: required by Droplet"),
    (DROPLET, {**GOOD[DROPLET], "ipv6": "yes"}, "ipv6: must be true or false"),
    (DROPLET, {**GOOD[DROPLET], "size": 1}, "size: must be a string, not the number 1"),
    (DROPLET, {**GOOD[DROPLET], "sshKeys": [True]}, "sshKeys[0]: must be a string"),
    (DROPLET, {**GOOD[DROPLET], "tags": "one"}, "tags: must be a list"),
    (DROPLET, {**GOOD[DROPLET], "image": "debian-99-x64"}, "image: digitalocean has no image 'debian-99-x64'"),
    (DROPLET, {**GOOD[DROPLET], "region": "mars1"}, "region: digitalocean has no region 'mars1'"),
    (DROPLET, {**GOOD[DROPLET], "size": "s-huge"}, "size: digitalocean has no size 's-huge'"),
    (FIREWALL, {"inboundRules": [{"portRange": "22", "sourceAddresses": []}]}, "inboundRules[0].protocol: required"),
    (
        FIREWALL,
        {"inboundRules": [{"protocol": "tcp", "port": "22", "sourceAddresses": ["::/0"]}]},
        "inboundRules[0].port: unknown property of inboundRules[0] of Firewall; did you mean portRange",
    ),
    (
        FIREWALL,
        {"inboundRules": [{"protocol": "tcp", "portRange": 22, "sourceAddresses": ["::/0"]}]},
        "inboundRules[0].portRange: must be a string, not the number 22",
    ),
    (FIREWALL, {"inboundRules": [{"protocol": "tcp", "portRange": "22"}]}, "must name at least one source"),
    (RECORD, {**GOOD[RECORD], "value": "2001:db8::1"}, "value: '2001:db8::1' is no IPv4 address"),
    (RECORD, {**GOOD[RECORD], "type": "CNAME", "value": "b.example"}, "value: 'b.example' must end with a dot"),
    (RECORD, {**GOOD[RECORD], "type": "MX", "value": "b.example."}, "priority: required by a record of type MX"),
    (RECORD, {**GOOD[RECORD], "type": "X"}, "type: 'X' is not one of A, AAAA"),
    (INSTANCE, {**GOOD[INSTANCE], "instance_type": "t3.small"}, "instance_type: unknown property"),
    (INSTANCE, without(GOOD[INSTANCE], "ami"), "ami: required"),
    (INSTANCE, {**GOOD[INSTANCE], "ami": "ami-0d3b12a64fc1e0002"}, "ami: eu-central-1 has no image"),
    (INSTANCE, {**GOOD[INSTANCE], "instanceType": "t9.huge"}, "instanceType: aws has no instance type"),
    (INSTANCE, {**GOOD[INSTANCE], "availabilityZone": "us-west-2a"}, "availabilityZone: eu-central-1 has no"),
    (
        INSTANCE,
        {**GOOD[INSTANCE], "rootBlockDevice": {"volumeSize": "ten"}},
        "rootBlockDevice.volumeSize: must be a whole",
    ),
    (INSTANCE, {**GOOD[INSTANCE], "rootBlockDevice": {"sizeGb": 1}}, "rootBlockDevice.sizeGb: unknown property"),
    (RULE, without(GOOD[RULE], "securityGroupId"), "securityGroupId: required by SecurityGroupIngressRule"),
    (RULE, without(GOOD[RULE], "cidrIpv4"), "must have one of cidrIpv4"),
    (RULE, {**GOOD[RULE], "cidrIpv4": "10.0.0.1/8"}, "cidrIpv4: '10.0.0.1/8' is no IPv4 network"),
    (MACHINE, {**GOOD[MACHINE], "machineType": "e9-tiny"}, "machineType: gcp has no machine type"),
    (MACHINE, {**GOOD[MACHINE], "zone": "mars-a"}, "zone: gcp has no zone 'mars-a'"),
    (
        MACHINE,
        {**GOOD[MACHINE], "bootDisk": {"initializeParams": {"image": "debian-cloud/debian-99"}}},
        "bootDisk.initializeParams.image: gcp has no image",
    ),
    (
        MACHINE,
        {**GOOD[MACHINE], "networkInterfaces": [{"network": "default", "accessConfigs": {}}]},
        "networkInterfaces[0].accessConfigs: must be a list, not an object",
    ),
    (MACHINE, without(GOOD[MACHINE], "bootDisk"), "bootDisk: required by Instance"),
]


def engine_of(token: str, connect: Callable[..., Engine]) -> Engine:
    package = token.partition(":")[0]
    config = {"aws": {"region": "eu-central-1"}, "gcp": {"project": "fleet"}}.get(package, {})
    return connect(package, **config)


@pytest.mark.parametrize("token", GOOD)
def test_a1_03_a_good_bag_passes(token: str, connect: Callable[..., Engine]) -> None:
    taken, failures = engine_of(token, connect).check(token, GOOD[token])
    assert failures == []
    assert taken.items() >= GOOD[token].items()


@pytest.mark.parametrize(("token", "bag", "says"), BAD, ids=[f"{t.rpartition(':')[2]}-{s[:30]}" for t, _, s in BAD])
def test_a1_03_a_bad_bag_is_refused_by_name(token: str, bag: Bag, says: str, connect: Callable[..., Engine]) -> None:
    _, failures = engine_of(token, connect).check(token, bag)
    assert any(says in one for one in failures), failures
    assert len(failures) == 1


def test_a1_03_everything_unknown_is_let_through_to_the_up(connect: Callable[..., Engine]) -> None:
    for token, bag in GOOD.items():
        unknown = dict.fromkeys(bag, UNKNOWN)
        _, failures = engine_of(token, connect).check(token, unknown)
        assert failures == [], token


def test_a1_03_an_id_written_as_text_is_taken_where_a_number_is_wanted(ocean: Engine) -> None:
    taken, failures = ocean.check(
        "digitalocean:index/volumeAttachment:VolumeAttachment", {"dropletId": "7", "volumeId": "v"}
    )
    assert (taken["dropletId"], failures) == (7, [])


def test_a1_03_a_type_that_no_stack_declares_is_refused_by_name(ocean: Engine) -> None:
    with pytest.raises(Exception, match=r"does not know digitalocean:index/cdn:Cdn, which no stack has declared"):
        ocean.create("digitalocean:index/cdn:Cdn", {"origin": "x"})


@pytest.mark.parametrize(
    ("package", "config", "says"),
    [
        ("aws", {"region": "mars-1"}, "region: aws has no region 'mars-1'"),
        ("aws", {}, "region: Missing region configuration"),
        ("aws", {"region": "eu-central-1", "zone": "a"}, "zone: unknown property"),
        ("gcp", {"region": "mars"}, "region: gcp has no region"),
        ("gcp", {"zone": "mars-a"}, "zone: gcp has no zone"),
        ("digitalocean", {"tokn": "x"}, "tokn: unknown property of Provider"),
    ],
)
def test_a1_03_a_provider_is_configured_strictly(package: str, config: Bag, says: str, connect: Any) -> None:
    good = connect(package, **({"region": "eu-central-1"} if package == "aws" else {}))
    assert any(says in one for one in good.configure(**config))


REFERENCES = [
    ({"sshKeys": ["12345"]}, "12345 are invalid key identifiers"),
    ({"vpcUuid": "nowhere"}, "the VPC nowhere does not exist in fra1"),
    ({"volumeIds": ["none"]}, "the volume none does not exist in fra1"),
]


@pytest.mark.parametrize(("more", "says"), REFERENCES)
def test_a1_03_a_droplet_that_names_nothing_is_refused(more: Bag, says: str, ocean: Engine) -> None:
    with pytest.raises(Exception, match=says):
        ocean.create(DROPLET, {**GOOD[DROPLET], **more})


def test_a1_03_a_droplet_that_names_what_is_there_is_made(ocean: Engine) -> None:
    key, outputs = ocean.create("digitalocean:index/sshKey:SshKey", {"publicKey": KEY})
    vpc, _ = ocean.create("digitalocean:index/vpc:Vpc", {"region": "fra1"})
    volume, _ = ocean.create("digitalocean:index/volume:Volume", {"region": "fra1", "size": 1})
    named = {"sshKeys": [key, outputs["fingerprint"]], "vpcUuid": vpc, "volumeIds": [volume]}
    number, _ = ocean.create(DROPLET, {**GOOD[DROPLET], **named})
    assert number.isdecimal()


def test_a1_03_a_volume_of_another_region_is_refused(ocean: Engine) -> None:
    droplet, _ = ocean.create(DROPLET, GOOD[DROPLET])
    near, _ = ocean.create("digitalocean:index/volume:Volume", {"region": "fra1", "size": 1})
    far, _ = ocean.create("digitalocean:index/volume:Volume", {"region": "ams3", "size": 1}, name="far")
    token = "digitalocean:index/volumeAttachment:VolumeAttachment"
    with pytest.raises(Exception, match="the volume is in ams3, the droplet in fra1"):
        ocean.create(token, {"dropletId": int(droplet), "volumeId": far})
    ocean.create(token, {"dropletId": int(droplet), "volumeId": near})


def test_a1_03_a_firewall_for_no_droplet_is_refused(ocean: Engine) -> None:
    with pytest.raises(Exception, match="droplet 5 was not found"):
        ocean.create(FIREWALL, {**GOOD[FIREWALL], "dropletIds": [5]})
    droplet, _ = ocean.create(DROPLET, GOOD[DROPLET])
    ocean.create(FIREWALL, {**GOOD[FIREWALL], "dropletIds": [int(droplet)]})

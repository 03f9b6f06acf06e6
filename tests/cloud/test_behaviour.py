"""What stand-ins do like the official providers: replacements, unknowns, reads, regions, duplicates, dependencies."""

from collections.abc import Callable

import pytest

from providers.base.values import UNKNOWN, Bag, Secret
from rehearsal.cloud.store import Store
from rehearsal.cloud.world import World
from tests.cloud.conftest import KEY, Engine
from tests.cloud.test_refusals import DROPLET, GOOD, INSTANCE, MACHINE, RECORD, RULE

KINDS = {0: "ADD", 1: "ADD_REPLACE", 2: "DELETE", 3: "DELETE_REPLACE", 4: "UPDATE", 5: "UPDATE_REPLACE"}


def kinds(answer: object) -> dict[str, str]:
    return {path: KINDS[one.kind] for path, one in answer.detailedDiff.items()}  # type: ignore[attr-defined]


def made(engine: Engine, token: str, inputs: Bag) -> tuple[str, Bag, Bag]:
    taken, failures = engine.check(token, inputs)
    assert failures == []
    number, outputs = engine.create(token, inputs)
    return number, taken, outputs


CHANGES = [
    ("digitalocean", DROPLET, {"image": "debian-13-x64"}, {"image": "UPDATE_REPLACE"}),
    ("digitalocean", DROPLET, {"size": "s-2vcpu-4gb"}, {"size": "UPDATE"}),
    ("digitalocean", DROPLET, {"userData": "x"}, {"userData": "ADD_REPLACE"}),
    ("aws", INSTANCE, {"ami": "ami-0d3b13a64fc1e0001"}, {"ami": "UPDATE_REPLACE"}),
    ("aws", INSTANCE, {"instanceType": "t3.large"}, {"instanceType": "UPDATE"}),
    ("aws", INSTANCE, {"rootBlockDevice": {"volumeSize": 20}}, {"rootBlockDevice.volumeSize": "UPDATE"}),
    ("aws", INSTANCE, {"keyName": "k"}, {"keyName": "ADD_REPLACE"}),
    ("gcp", MACHINE, {"machineType": "e2-medium"}, {"machineType": "UPDATE"}),
    ("gcp", MACHINE, {"zone": "europe-west4-b"}, {"zone": "UPDATE_REPLACE"}),
    (
        "gcp",
        MACHINE,
        {"bootDisk": {"initializeParams": {"image": "debian-cloud/debian-13", "size": 10}}},
        {"bootDisk.initializeParams.image": "UPDATE_REPLACE"},
    ),
]


@pytest.mark.parametrize(("package", "token", "change", "expected"), CHANGES)
def test_what_a_change_replaces(
    package: str, token: str, change: Bag, expected: dict[str, str], connect: Callable[..., Engine]
) -> None:
    engine = connect(package, **{"aws": {"region": "eu-central-1"}, "gcp": {"project": "fleet"}}.get(package, {}))
    number, taken, outputs = made(engine, token, GOOD[token])
    answer = engine.diff(token, number, taken, outputs, {**taken, **change})
    assert kinds(answer) == expected
    assert bool(answer.replaces) == any(kind.endswith("_REPLACE") for kind in expected.values())
    assert not engine.diff(token, number, taken, outputs, taken).detailedDiff


def test_an_order_that_means_nothing_is_no_change(ocean: Engine) -> None:
    one, other = {**GOOD[DROPLET], "tags": ["a", "b"]}, {**GOOD[DROPLET], "tags": ["b", "a"]}
    assert not ocean.diff(DROPLET, "1", one, one, other).detailedDiff
    assert ocean.diff(DROPLET, "1", one, one, {**one, "tags": ["b", "c"]}).detailedDiff


def test_a_preview_makes_nothing_and_does_not_know_what_the_cloud_decides(ocean: Engine, world: World) -> None:
    number, outputs = ocean.create(DROPLET, GOOD[DROPLET], preview=True)
    assert (number, list(world.store.everything())) == ("", [])
    for key in ("ipv4Address", "dropletUrn", "status", "vpcUuid"):
        assert outputs[key] is UNKNOWN
    assert outputs["image"] == "debian-12-x64"
    assert "userData" not in outputs


def test_a_preview_does_not_know_addresses_inside_what_was_asked_for(gcp: Engine) -> None:
    _, outputs = gcp.create(MACHINE, GOOD[MACHINE], preview=True)
    assert outputs["networkInterfaces"][0]["accessConfigs"][0]["natIp"] is UNKNOWN
    number, taken, real = made(gcp, MACHINE, GOOD[MACHINE])
    address = real["networkInterfaces"][0]["accessConfigs"][0]["natIp"]
    assert address.startswith("10.77.3.")
    labelled = {**taken, "labels": {"a": "b"}}
    for preview in (True, False):
        after = gcp.update(MACHINE, number, taken, real, labelled, preview=preview)
        assert after["networkInterfaces"][0]["accessConfigs"][0]["natIp"] == address


def test_names_are_made_up_once_and_kept(ocean: Engine) -> None:
    first, _ = ocean.check(DROPLET, GOOD[DROPLET], name="web")
    again, _ = ocean.check(DROPLET, GOOD[DROPLET], olds=first, name="web")
    assert first["name"].startswith("web-")
    assert again["name"] == first["name"]


def test_duplicates_are_accepted_like_the_real_clouds_do(ocean: Engine, world: World) -> None:
    ocean.create("digitalocean:index/domain:Domain", {"name": "a.example"})
    ids = {ocean.create(RECORD, GOOD[RECORD])[0] for _ in range(2)}
    droplets = {ocean.create(DROPLET, {**GOOD[DROPLET], "name": "twin"})[0] for _ in range(2)}
    assert (len(ids), len(droplets)) == (2, 2)
    hosts = {one.private["host"] for one in world.store.all("digitalocean", "Droplet")}
    assert len(hosts) == 2


def test_a_cname_beside_other_records_is_refused(ocean: Engine) -> None:
    ocean.create("digitalocean:index/domain:Domain", {"name": "a.example"})
    ocean.create(RECORD, {**GOOD[RECORD], "name": "www"})
    alias = {**GOOD[RECORD], "type": "CNAME", "value": "b.example."}
    with pytest.raises(Exception, match="CNAME records cannot share a name with other records: www has a A"):
        ocean.create(RECORD, {**alias, "name": "www"})
    ocean.create(RECORD, {**alias, "name": "ftp"})


def test_a_record_in_no_zone_is_refused(ocean: Engine) -> None:
    with pytest.raises(Exception, match=r"the domain a\.example was not found"):
        ocean.create(RECORD, GOOD[RECORD])


def test_regions_see_nothing_of_each_other(connect: Callable[..., Engine]) -> None:
    east, west = connect("aws", region="eu-central-1"), connect("aws", region="us-west-2")
    pair = "aws:ec2/keyPair:KeyPair"
    key, _ = east.create(pair, {"keyName": "k", "publicKey": KEY})
    here = {**GOOD[INSTANCE], "keyName": "k"}
    number, outputs = east.create(INSTANCE, here)
    assert "eu-central-1" in outputs["arn"]
    with pytest.raises(Exception, match="The key pair 'k' does not exist in us-west-2"):
        west.create(INSTANCE, {**here, "ami": "ami-0d3b12a64fc1e0002"})
    assert west.read(INSTANCE, number)[0] == ""
    assert west.read(pair, key)[0] == ""
    west.create(pair, {"keyName": "k", "publicKey": KEY})
    assert east.read(pair, key)[0] == "k"
    west.delete(pair, key)
    assert east.read(INSTANCE, number)[0] == number
    assert east.read(pair, key)[0] == "k"


def test_a_security_group_of_nowhere_is_refused(aws: Engine) -> None:
    vpc, _ = aws.create("aws:ec2/vpc:Vpc", {"cidrBlock": "10.31.0.0/16"})
    group, _ = aws.create("aws:ec2/securityGroup:SecurityGroup", {"vpcId": vpc})
    with pytest.raises(Exception, match=r"InvalidGroup\.NotFound"):
        aws.create(RULE, GOOD[RULE])
    aws.create(RULE, {**GOOD[RULE], "securityGroupId": group})
    with pytest.raises(Exception, match=r"InvalidPermission\.Duplicate"):
        aws.create(RULE, {**GOOD[RULE], "securityGroupId": group})
    with pytest.raises(Exception, match=r"DependencyViolation.*SecurityGroup"):
        aws.delete("aws:ec2/vpc:Vpc", vpc)


def test_an_elastic_address_moves_an_instance_and_is_given_back(aws: Engine) -> None:
    number, outputs = aws.create(INSTANCE, GOOD[INSTANCE])
    address, eip = aws.create("aws:ec2/eip:Eip", {"domain": "vpc"})
    join, _ = aws.create("aws:ec2/eipAssociation:EipAssociation", {"allocationId": address, "instanceId": number})
    assert aws.read(INSTANCE, number)[2]["publicIp"] == eip["publicIp"]
    aws.delete("aws:ec2/eipAssociation:EipAssociation", join)
    assert aws.read(INSTANCE, number)[2]["publicIp"] == outputs["publicIp"]


def test_read_imports_and_refreshes(ocean: Engine, world: World) -> None:
    number, taken, outputs = made(ocean, DROPLET, GOOD[DROPLET])
    assert ocean.read(DROPLET, number) == (number, taken, outputs)
    assert ocean.read(DROPLET, number, taken, outputs) == (number, taken, outputs)
    record = world.store.get("digitalocean", "Droplet", number)
    assert record is not None
    record.inputs["size"] = record.outputs["size"] = "s-4vcpu-8gb"
    assert ocean.read(DROPLET, number, taken, outputs)[1]["size"] == "s-4vcpu-8gb"
    ocean.delete(DROPLET, number)
    assert ocean.read(DROPLET, number, taken, outputs)[0] == ""
    ocean.delete(DROPLET, number)


def test_a_secret_input_stays_a_secret_output(ocean: Engine) -> None:
    ocean.create("digitalocean:index/domain:Domain", {"name": "a.example"})
    hidden = {"domain": "a.example", "type": "TXT", "value": Secret("hush")}
    number, outputs = ocean.create(RECORD, hidden)
    assert outputs["value"] == Secret("hush")
    taken, _ = ocean.check(RECORD, hidden)
    assert ocean.read(RECORD, number, taken, outputs)[1]["value"] == Secret("hush")


def test_a_droplet_that_goes_leaves_the_firewalls(ocean: Engine) -> None:
    token = "digitalocean:index/firewall:Firewall"
    droplet, _ = ocean.create(DROPLET, GOOD[DROPLET])
    rule = {"protocol": "tcp", "portRange": "22", "sourceAddresses": ["0.0.0.0/0"]}
    number, taken, outputs = made(ocean, token, {"dropletIds": [int(droplet)], "inboundRules": [rule]})
    ocean.delete(DROPLET, droplet)
    assert ocean.read(token, number, taken, outputs)[1]["dropletIds"] == []


def test_a_machine_type_changes_in_place_only_when_stopping_is_allowed(gcp: Engine) -> None:
    number, taken, outputs = made(gcp, MACHINE, GOOD[MACHINE])
    bigger = {**taken, "machineType": "e2-medium"}
    with pytest.raises(Exception, match="allow_stopping_for_update"):
        gcp.update(MACHINE, number, taken, outputs, bigger)
    assert gcp.read(MACHINE, number)[1]["machineType"] == "e2-small"
    after = gcp.update(MACHINE, number, taken, outputs, {**bigger, "allowStoppingForUpdate": True})
    assert after["machineType"] == "e2-medium"


def test_the_accounts_own_image_is_found_by_name(ocean: Engine) -> None:
    found = ocean.invoke("digitalocean:index/getImage:getImage", {"name": "void-linux-20200730RC1"})
    ocean.create(DROPLET, {"image": str(found["id"]), "size": "s-1vcpu-1gb", "region": "sfo3"})
    with pytest.raises(Exception, match="no image with name 'void' found"):
        ocean.invoke("digitalocean:index/getImage:getImage", {"name": "void"})
    _, failures = ocean.check(DROPLET, {"image": str(found["id"]), "size": "s-1vcpu-1gb", "region": "fra1"})
    assert "is not available in fra1" in failures[0]


def test_the_state_outlives_the_daemon(ocean: Engine, world: World) -> None:
    number, _ = ocean.create(DROPLET, GOOD[DROPLET])
    again = Store(world.run / "cloud")
    assert again.get("digitalocean", "Droplet", number) == world.store.get("digitalocean", "Droplet", number)
    assert again.number("digitalocean-Droplet") == 2

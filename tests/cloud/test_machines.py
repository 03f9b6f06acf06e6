"""Machines boot test hosts: who may log in, at which address, and when they go. The hosts themselves are pretended."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rehearsal.cloud.world import World
from rehearsal.testhosts import dns, hosts
from tests.cloud.conftest import KEY, Engine
from tests.cloud.test_refusals import DROPLET, GOOD, INSTANCE, MACHINE, RECORD


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, plan_only=False)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    made: list[Any] = []
    monkeypatch.setattr(hosts, "start", lambda spec, **_: made.append(spec))
    monkeypatch.setattr(hosts, "stop", lambda name, wipe=False: made.append((name, wipe)))
    monkeypatch.setattr(dns, "reload", lambda *_: made.append("reload"))
    return made


def booted(calls: list[Any]) -> list[Any]:
    return [one for one in calls if isinstance(one, hosts.Spec)]


def test_a_droplet_lets_root_in_with_its_keys(ocean: Engine, calls: list[Any]) -> None:
    key, _ = ocean.create("digitalocean:index/sshKey:SshKey", {"publicKey": KEY})
    number, outputs = ocean.create(DROPLET, {**GOOD[DROPLET], "name": "A-1.m.example", "sshKeys": [key]})
    (spec,) = booted(calls)
    assert spec == hosts.Spec("a-1", outputs["ipv4Address"], outputs["ipv6Address"], {"root": [KEY]}, None)
    assert calls[-1] == "reload"
    ocean.delete(DROPLET, number)
    assert ("a-1", True) in calls


def test_an_instance_lets_the_images_account_in_and_boots_where_it_is_reachable(aws: Engine, calls: list[Any]) -> None:
    aws.create("aws:ec2/keyPair:KeyPair", {"keyName": "k", "publicKey": KEY})
    inputs = {**GOOD[INSTANCE], "keyName": "k", "tags": {"Name": "a-2"}, "associatePublicIpAddress": False}
    number, _ = aws.create(INSTANCE, inputs)
    assert booted(calls) == []
    address, eip = aws.create("aws:ec2/eip:Eip", {})
    aws.create("aws:ec2/eipAssociation:EipAssociation", {"allocationId": address, "instanceId": number})
    (spec,) = booted(calls)
    assert (spec.name, spec.ipv4, spec.users) == ("a-2", eip["publicIp"], {"admin": [KEY]})


def test_a_google_instance_lets_in_whom_its_metadata_names(gcp: Engine, calls: list[Any]) -> None:
    _, place = gcp.create("gcp:compute/address:Address", {"region": "europe-west4", "name": "a"})
    interface = {"network": "default", "accessConfigs": [{"natIp": place["address"]}]}
    metadata = {"ssh-keys": f"ops:{KEY}\nother:{KEY}"}
    gcp.create(MACHINE, {**GOOD[MACHINE], "name": "a-3", "networkInterfaces": [interface], "metadata": metadata})
    (spec,) = booted(calls)
    assert (spec.name, spec.ipv4, spec.users) == ("a-3", place["address"], {"ops": [KEY], "other": [KEY]})


def test_a_machine_with_a_fault_is_made_and_never_boots(ocean: Engine, world: World, calls: list[Any]) -> None:
    (world.run / "cloud" / "faults.json").write_text(json.dumps({"never_boots": ["a-4"]}))
    number, outputs = ocean.create(DROPLET, {**GOOD[DROPLET], "name": "a-4.m.example"})
    assert (outputs["status"], booted(calls)) == ("active", [])
    ocean.create(DROPLET, {**GOOD[DROPLET], "name": "a-5.m.example"})
    assert [spec.name for spec in booted(calls)] == ["a-5"]
    assert ocean.read(DROPLET, number)[0] == number


@pytest.mark.usefixtures("calls")
def test_a_host_that_fails_leaves_a_machine_that_the_state_knows(
    ocean: Engine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no namespace")

    monkeypatch.setattr(hosts, "start", fail)
    with pytest.raises(Exception, match="Droplet a-6: no namespace") as caught:
        ocean.create(DROPLET, {**GOOD[DROPLET], "name": "a-6"})
    assert "grpc-status-details-bin" in dict(caught.value.trailing_metadata())  # type: ignore[attr-defined]
    assert len(world.store.all("digitalocean", "Droplet")) == 1


def test_records_made_together_are_published_together(
    ocean: Engine, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long enough for eight that come one after the other on a busy machine.
    monkeypatch.setattr("rehearsal.cloud.world._GATHER", 1.0)
    ocean.create("digitalocean:index/domain:Domain", {"name": "a.example"})
    calls.clear()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda at: ocean.create(RECORD, {**GOOD[RECORD], "name": f"h{at}"}), range(8)))
    assert 1 <= calls.count("reload") <= 4

"""The standalone inventory: from the data alone, with every refusal before any host is contacted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hostconfig import inventory
from tests.harness import ROOT
from tests.hostconfig.samples import SSH_KEY

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def inventory_addresses() -> set[str]:
    """The hosts that the data alone know an address of."""
    return set(dict(inventory.targets("local")))


@pytest.fixture(autouse=True)
def _data_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = tmp_path / "key.pub"
    key.write_text(SSH_KEY + "\n")
    monkeypatch.setenv("FLEET_DATA_ALONE", "1")
    monkeypatch.setenv("FLEET_SSH_PUBLIC_KEY", str(key))
    monkeypatch.setenv("FLEET_OPERATOR_KEYS", str(key))
    authority = tmp_path / "acme.pem"
    authority.write_text(CERTIFICATE)
    monkeypatch.setenv("FLEET_ACME_CA", str(authority))
    monkeypatch.delenv("FLEET_SSH_KEY", raising=False)


@pytest.mark.parametrize("layer", ["servers", "agents"])
def test_the_later_layers_come_from_the_data_alone_too(layer: str) -> None:
    found = dict(inventory.targets("local", layer))
    control = {"a-ams-nl", "a-fra-de", "a-grq-nl"}
    known = {host for host in inventory_addresses() if layer == "agents" or host in control}
    assert set(found) == known
    assert all(data["layer"] == layer for data in found.values())


def test_the_front_comes_from_the_data_alone_too() -> None:
    found = dict(inventory.targets("prod", "front"))
    assert set(found) == {"a-fra-de", "b-hel-fi", "d-hel-fi"}
    assert all(data["desired"]["trees"]["packages"]["listing"] for data in found.values())


def test_a_layer_that_is_not_there_is_named() -> None:
    with pytest.raises(SystemExit, match="FLEET_LAYER=roof: name one of ground, servers, agents"):
        inventory.targets("local", "roof")


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_the_data_alone_configure_every_host_whose_address_they_know(
    stack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = dict(inventory.targets(stack))
    assert found
    assert all(data["ssh_hostname"] and data["desired"]["users"] for data in found.values())
    assert "peers that are not recorded stay on each host as they are" in capsys.readouterr().err


def test_a_run_of_pyinfra_ends_with_nothing_left_in_the_temporary_folder(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    each = "data['ssh_known_hosts_file'] for _, data in inventory.targets('local')"
    look = f"from hostconfig import inventory; print(*({each}))"
    env = {**os.environ, "TMPDIR": str(scratch)}
    done = subprocess.run([sys.executable, "-c", look], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert {Path(file).parent.parent for file in done.stdout.split()} == {scratch}
    assert list(scratch.iterdir()) == []


def test_without_the_keys_of_the_operators_no_host_is_contacted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLEET_OPERATOR_KEYS")
    with pytest.raises(SystemExit, match="nobody could log in and become root") as refused:
        inventory.targets("prod")
    assert "FLEET_OPERATOR_KEYS" in str(refused.value)


def test_a_stack_that_is_not_there_is_named() -> None:
    with pytest.raises(SystemExit, match="FLEET_STACK=nowhere"):
        inventory.targets("nowhere")

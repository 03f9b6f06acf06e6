"""`fleet record` and `fleet machines`: what is written down, what is refused, and that nothing else is touched."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import places
from model import load
from tests.cli.run import Ran
from tests.executable import executable
from tests.harness import ROOT

HOSTS = ("a-ams-nl", "a-bru-be", "a-fra-de", "a-grq-nl", "a-nyc-us", "a-pdx-us")
VOTERS = ("a-ams-nl", "a-fra-de", "a-grq-nl")


def key(number: int) -> str:
    """A made-up WireGuard public key."""
    return "A" * 41 + f"{number}E="


def authority(number: int) -> str:
    """A made-up certificate in PEM."""
    return f"-----BEGIN CERTIFICATE-----\n{'MIIB' * 16}\nAAAA{number:04d}==\n-----END CERTIFICATE-----\n"


def outputs() -> dict[str, dict[str, Any]]:
    """What a stack brought up says of its hosts."""
    return {
        host: {
            "ipv4": "10.77.9.1" if host == "a-bru-be" else f"10.77.1.{number}",
            "ipv6": "fd77::9:1" if host == "a-bru-be" else f"fd77::1:{number}",
            "fabric": f"10.99.0.{number}",
            "port": 22,
            "wireguard_key": key(number),
            "ssh_host_key": f"ssh-ed25519 AAAA{number}",
            "authority": authority(number) if host in VOTERS else None,
        }
        for number, host in enumerate(HOSTS, 1)
    }


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own with the stack local, so that the real data stays as it is."""
    shutil.copy(ROOT / "Pulumi.local.yaml", tmp_path)
    shutil.copytree(ROOT / "stacks" / "local", tmp_path / "stacks" / "local")
    (tmp_path / "stacks" / "local" / "recorded.yaml").unlink(missing_ok=True)
    monkeypatch.setattr(places, "ROOT", tmp_path)
    return tmp_path


def _given(project: Path, hosts: dict[str, dict[str, Any]]) -> str:
    file = project / "outputs.json"
    file.write_text(json.dumps(hosts))
    return str(file)


def _recorded(project: Path) -> dict[str, Any]:
    said = yaml.safe_load((project / "stacks" / "local" / "recorded.yaml").read_text())
    found: dict[str, Any] = said["recorded"]
    return found


def test_record_writes_keys_and_only_addresses_that_are_no_fact(project: Path, fleet: Callable[..., Ran]) -> None:
    ran = fleet("record", "-s", "local", "--from", _given(project, outputs()))
    assert ran.code == 0
    found = _recorded(project)
    assert list(found) == sorted(HOSTS)
    assert found["a-ams-nl"] == {
        "ipv4": "10.77.1.1",
        "ipv6": "fd77::1:1",
        "ssh_host_key": "ssh-ed25519 AAAA1",
        "wireguard_key": key(1),
        "authority": authority(1),
    }
    assert set(found["a-bru-be"]) == {"ssh_host_key", "wireguard_key"}, "its addresses are in machines.yaml"
    assert load(project / "stacks" / "local").recorded["a-fra-de"].wireguard_key == key(3)
    text = (project / "stacks" / "local" / "recorded.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=../schema.json\n# Born on the machines")


def test_record_prints_a_patch_that_git_applies(project: Path, fleet: Callable[..., Ran]) -> None:
    ran = fleet("record", "-s", "local", "--from", _given(project, outputs()), "--dry-run")
    assert ran.code == 0
    assert not (project / "stacks" / "local" / "recorded.yaml").exists()
    (project / "patch").write_text(ran.out)
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    subprocess.run(["git", "apply", "patch"], cwd=project, check=True)
    assert set(_recorded(project)) == set(HOSTS)


def test_record_twice_is_nothing_new(project: Path, fleet: Callable[..., Ran]) -> None:
    given = _given(project, outputs())
    fleet("record", "-s", "local", "--from", given)
    ran = fleet("record", "-s", "local", "--from", given)
    assert ran.out == "stacks/local/recorded.yaml: nothing new to record\n"


def test_a_silent_host_is_named_and_keeps_what_was_recorded(project: Path, fleet: Callable[..., Ran]) -> None:
    hosts = outputs()
    fleet("record", "-s", "local", "--from", _given(project, hosts))
    hosts["a-fra-de"] |= {"wireguard_key": None, "ssh_host_key": None}
    del hosts["a-pdx-us"]
    ran = fleet("record", "-s", "local", "--from", _given(project, hosts))
    assert ran.code == 0
    assert "not recorded: a-fra-de, a-pdx-us" in ran.err
    assert _recorded(project)["a-fra-de"]["wireguard_key"] == key(3)
    assert _recorded(project)["a-pdx-us"]["wireguard_key"] == key(6)


@pytest.mark.parametrize("field", ["wireguard_key", "ssh_host_key", "authority"])
def test_another_key_of_a_recorded_host_is_refused_until_asked_for(
    field: str, project: Path, fleet: Callable[..., Ran]
) -> None:
    hosts = outputs()
    fleet("record", "-s", "local", "--from", _given(project, hosts))
    before = (project / "stacks" / "local" / "recorded.yaml").read_text()
    other = {"wireguard_key": key(9), "ssh_host_key": "ssh-ed25519 AAAA9", "authority": authority(9)}
    hosts["a-fra-de"][field] = other[field]
    given = _given(project, hosts)
    ran = fleet("record", "-s", "local", "--from", given)
    assert ran.code == 1
    assert f"recorded.a-fra-de.{field}" in ran.err
    assert "--replace a-fra-de" in ran.err
    assert fleet("record", "-s", "local", "--from", given, "--replace", "a-ams-nl").code == 1
    assert (project / "stacks" / "local" / "recorded.yaml").read_text() == before
    assert fleet("record", "-s", "local", "--from", given, "--replace", "a-fra-de").code == 0
    assert _recorded(project)["a-fra-de"][field] == hosts["a-fra-de"][field]


def test_a_comment_of_a_host_key_is_no_other_key(project: Path, fleet: Callable[..., Ran]) -> None:
    hosts = outputs()
    fleet("record", "-s", "local", "--from", _given(project, hosts))
    hosts["a-fra-de"]["ssh_host_key"] += " root@a-fra-de"
    assert fleet("record", "-s", "local", "--from", _given(project, hosts)).code == 0


def test_an_authority_stands_as_a_block_that_can_be_copied_out(project: Path, fleet: Callable[..., Ran]) -> None:
    fleet("record", "-s", "local", "--from", _given(project, outputs()))
    text = (project / "stacks" / "local" / "recorded.yaml").read_text()
    assert "    authority: |\n      -----BEGIN CERTIFICATE-----\n      MIIB" in text
    assert load(project / "stacks" / "local").recorded["a-ams-nl"].authority == authority(1)


def test_a_control_host_without_its_authority_is_named(project: Path, fleet: Callable[..., Ran]) -> None:
    hosts = outputs()
    hosts["a-fra-de"]["authority"] = None
    ran = fleet("record", "-s", "local", "--from", _given(project, hosts))
    assert ran.code == 0
    assert "not recorded: a-fra-de\n" in ran.err
    assert "authority" not in _recorded(project)["a-fra-de"]
    hosts["a-fra-de"]["authority"] = "-----BEGIN PRIVATE KEY-----"
    ran = fleet("record", "-s", "local", "--from", _given(project, hosts))
    assert ran.code == 1
    assert "outputs of a-fra-de: authority" in ran.err


def test_two_hosts_with_one_key_are_refused(project: Path, fleet: Callable[..., Ran]) -> None:
    hosts = outputs()
    hosts["a-fra-de"]["wireguard_key"] = key(1)
    ran = fleet("record", "-s", "local", "--from", _given(project, hosts))
    assert ran.code == 1
    assert "WireGuard key" in ran.err
    assert not (project / "stacks" / "local" / "recorded.yaml").exists()


def test_outputs_that_are_not_what_they_should_be_are_refused(project: Path, fleet: Callable[..., Ran]) -> None:
    hosts = outputs()
    hosts["a-fra-de"]["wireguard_key"] = "[secret]"
    ran = fleet("record", "-s", "local", "--from", _given(project, hosts))
    assert ran.code == 1
    assert "outputs of a-fra-de: wireguard_key" in ran.err
    (project / "outputs.json").write_text("{")
    assert "is no JSON" in fleet("record", "-s", "local", "--from", str(project / "outputs.json")).err
    (project / "outputs.json").write_text("[]")
    assert "is no mapping of hosts" in fleet("record", "-s", "local", "--from", str(project / "outputs.json")).err
    assert "cannot be read" in fleet("record", "-s", "local", "--from", str(project / "nowhere")).err


def test_what_is_recorded_of_a_machine_that_left_goes(project: Path, fleet: Callable[..., Ran]) -> None:
    fleet("record", "-s", "local", "--from", _given(project, outputs()))
    file = project / "stacks" / "local" / "recorded.yaml"
    file.write_text(file.read_text() + "  z-ams-nl: {wireguard_key: " + key(8) + "}\n")
    assert fleet("check", str(project / "stacks" / "local")).code == 1
    assert fleet("record", "-s", "local", "--from", _given(project, outputs())).code == 0
    assert "z-ams-nl" not in _recorded(project)
    assert fleet("check", str(project / "stacks" / "local")).code == 0


def test_other_bad_data_is_reported_and_not_recorded_over(project: Path, fleet: Callable[..., Ran]) -> None:
    (project / "stacks" / "local" / "time.yaml").write_text("tiem: {}\n")
    ran = fleet("record", "-s", "local", "--from", _given(project, outputs()))
    assert ran.code == 1
    assert "time.yaml:1" in ran.err


def test_without_the_engine_the_way_out_is_said(
    project: Path, fleet: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(project))
    ran = fleet("record", "-s", "local")
    assert ran.code == 1
    assert ". ./activate local" in ran.err


def test_the_outputs_come_from_the_engine(
    project: Path, fleet: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = _given(project, outputs())
    engine = project / "pulumi"
    executable(
        engine, f'#!/bin/sh\n[ "$1 $2 $3 $4 $5 $6" = "stack output hosts --json --stack local" ] && cat {given}\n'
    )
    monkeypatch.setenv("PATH", f"{project}:/usr/bin:/bin")
    assert fleet("record", "-s", "local").code == 0
    assert set(_recorded(project)) == set(HOSTS)
    executable(engine, "#!/bin/sh\necho 'error: no stack named local found' >&2\nexit 255\n")
    ran = fleet("machines", "-s", "local")
    assert ran.code == 1
    assert "no stack named local found" in ran.err


def test_machines_says_what_each_machine_has(project: Path, fleet: Callable[..., Ran]) -> None:
    hosts = outputs()
    fleet("record", "-s", "local", "--from", _given(project, hosts))
    hosts["a-fra-de"]["wireguard_key"] = key(9)
    del hosts["a-pdx-us"]
    hosts["z-old-de"] = hosts["a-ams-nl"]
    ran = fleet("machines", "-s", "local", "--from", _given(project, hosts))
    rows = {line.split()[0]: line for line in ran.out.splitlines()}
    assert rows["a-ams-nl"].split() == ["a-ams-nl", "control", "10.77.1.1", "10.99.0.11", "recorded"]
    assert rows["a-fra-de"].endswith("CHANGED")
    assert rows["a-pdx-us"].endswith("not made yet")
    assert "z-old-de" in ran.out.splitlines()[-1]


def test_a_stack_without_settings_is_named(project: Path, fleet: Callable[..., Ran]) -> None:
    ran = fleet("machines", "-s", "prd", "--from", _given(project, {}))
    assert ran.code == 1
    assert "no Pulumi.prd.yaml" in ran.err
    assert "name one of: local" in ran.err

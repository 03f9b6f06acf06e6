"""Identity and Metal: silence is no failure, a key is only ever its owner's, another host key is refused."""

from __future__ import annotations

import base64
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from providers.base.values import UNKNOWN
from providers.hosts import ssh
from providers.hosts.identity import (
    _LOOK_AUTHORITY,
    _MAKE_AUTHORITY,
    _REMOVE_AUTHORITY,
    Identity,
    _script,
)
from providers.hosts.metal import Metal
from tests.providers_hosts.pretend import Listening, Machine, identity_inputs

TOLD = "public=PUB\nos=debian\nrelease=12\narch=x86_64\ninit=runit\n"


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_CONTACT_SECONDS", "0.01")


def identity(*answers: str | Exception, **more: str) -> tuple[Identity, Machine]:
    machine = Machine(*answers, **more)
    made = Identity(machine)
    Listening(made)
    return made, machine


def test_a_host_tells_its_public_key_and_facts() -> None:
    it, machine = identity(TOLD)
    made = it.create(identity_inputs(), preview=False, timeout=0)
    assert made.outputs["wireguard_public_key"] == "PUB"
    assert made.outputs["ssh_host_key"] == "ssh-ed25519 AAAA"
    assert made.outputs["facts"] == {"os": "debian", "release": "12", "arch": "x86_64", "init": "runit"}
    assert made.outputs["reachable"] is True
    assert "umask 077" in machine.scripts[0]
    assert made.id in machine.scripts[0], "the key is marked as this identity's"


def test_a_silent_host_is_made_all_the_same_and_shows_until_it_answers() -> None:
    it, machine = identity(ssh.Silent("timed out"), ssh.Silent("timed out"), TOLD)
    made = it.create(identity_inputs(), preview=False, timeout=0)
    assert (made.outputs["reachable"], made.outputs["wireguard_public_key"]) == (False, None)
    for outputs, shows in ((made.outputs, True), (made.outputs | {"reachable": True}, False)):
        found = it.diff(made.id, identity_inputs(), outputs, identity_inputs())
        assert found.changes is shows
        assert found.detailed == ({"reachable": "UPDATE"} if shows else {})
    still = it.update(made.id, identity_inputs(), made.outputs, identity_inputs(), preview=False)
    assert still["reachable"] is False
    filled = it.update(made.id, identity_inputs(), still, identity_inputs(), preview=False)
    assert (filled["reachable"], filled["wireguard_public_key"], filled["problem"]) == (True, "PUB", None)
    assert len(machine.scripts) == 3


def test_what_is_known_stays_known_in_a_preview() -> None:
    it, _ = identity(TOLD)
    old = {"reachable": False, "wireguard_public_key": "PUB", "ssh_host_key": None, "facts": {}}
    shown = it.update("id", identity_inputs(), old, identity_inputs(), preview=True)
    assert shown["wireguard_public_key"] == "PUB"
    assert shown["ssh_host_key"] is UNKNOWN
    assert it.create(identity_inputs(), preview=True, timeout=0).outputs["wireguard_public_key"] is UNKNOWN


def test_another_machine_is_another_identity_another_login_is_not() -> None:
    it, _ = identity(TOLD)
    old = {"reachable": True}

    def replaces(**changes: Any) -> list[str]:
        return list(it.diff("id", identity_inputs(), old, identity_inputs(**changes)).replaces)

    there = identity_inputs()["connection"]
    assert replaces(connection=there | {"address": "192.0.2.9"}) == ["connection.address"]
    assert replaces(machine="4711") == ["machine"]
    assert replaces(connection=there | {"users": ["deploy"], "host_key": "ssh-ed25519 AAAA"}) == []


def test_the_key_of_the_first_contact_is_held_to() -> None:
    it, machine = identity(TOLD, ssh.Refused("the ssh host key of 192.0.2.1 is not the expected one"))
    made = it.create(identity_inputs(), preview=False, timeout=0)
    after = it.update(made.id, identity_inputs(), made.outputs, identity_inputs(), preview=False)
    assert machine.connections[1].host_key == "ssh-ed25519 AAAA"
    assert after["reachable"] is False
    assert after["wireguard_public_key"] == "PUB", "peers keep the key that they know"
    assert after["problem"] == "a-ams-nl: the ssh host key of 192.0.2.1 is not the expected one"


def test_delete_touches_only_its_own_key_and_forgives_a_dead_machine() -> None:
    it, machine = identity("")
    outputs = {"reachable": True, "wireguard_public_key": "PUB="}
    it.delete("a-ams-nl-01", identity_inputs(), outputs)
    assert '"$key.owner" 2>/dev/null)" = a-ams-nl-01' in machine.scripts[0]
    assert "= PUB=" in machine.scripts[0]
    gone, _ = identity(ssh.Silent("no route"))
    gone.delete("a-ams-nl-01", identity_inputs(), outputs)
    never, untouched = identity(ssh.Silent("no route"))
    never.delete("a-ams-nl-01", identity_inputs(), {"reachable": False, "wireguard_public_key": None})
    assert untouched.scripts == []


@pytest.mark.parametrize("fault", [ssh.Silent("x"), ssh.Refused("x"), OSError("no ssh"), ValueError("?")])
def test_read_never_raises_and_shows_another_key(fault: Exception) -> None:
    it, _ = identity(fault)
    seen = it.read("id", identity_inputs(), {"wireguard_public_key": "PUB"})
    assert seen is not None
    assert (seen.id, seen.outputs) == ("id", {"wireguard_public_key": "PUB"})
    changed, machine = identity(TOLD.replace("PUB", "OTHER"))
    drifted = changed.read("id", identity_inputs(), {"wireguard_public_key": "PUB"})
    assert drifted is not None
    assert drifted.outputs["wireguard_public_key"] == "OTHER"
    assert "genkey" not in machine.scripts[0], "a read makes nothing"


def test_an_interface_name_cannot_carry_a_command() -> None:
    it, _ = identity(TOLD)
    assert it.check(identity_inputs(fabric_interface="void0; reboot"), {})[1]
    assert it.check(identity_inputs(), {})[1] == []


def metal(shown: str | Exception) -> tuple[Metal, list[str]]:
    asked = []

    def scan(address: str, port: int, *, deadline: float) -> str:
        assert port == 22
        asked.append(address)
        assert deadline <= time.monotonic() + 1
        if isinstance(shown, Exception):
            raise shown
        return shown

    made = Metal(scan)
    Listening(made)
    return made, asked


def test_metal_is_met_held_to_its_key_and_left_alone_if_so_declared() -> None:
    bag = {"host": "m", "address": "192.0.2.2", "port": 22, "provider": "a donor", "contact": True}
    it, _ = metal("ssh-ed25519 AAAA")
    met = it.create(bag, preview=False, timeout=0)
    assert (met.outputs["reachable"], met.outputs["ssh_host_key"]) == (True, "ssh-ed25519 AAAA")
    assert not it.diff("m", bag, met.outputs, bag).changes
    wrong = it.create(bag | {"host_key": "ssh-ed25519 BBBB"}, preview=False, timeout=0)
    assert wrong.outputs["reachable"] is False
    silent, _ = metal(ssh.Silent("no answer"))
    made = silent.create(bag, preview=False, timeout=0)
    assert made.outputs["reachable"] is False
    assert silent.diff("m", bag, made.outputs, bag).detailed == {"reachable": "UPDATE"}
    alone, asked = metal("ssh-ed25519 AAAA")
    apart = alone.create(bag | {"contact": False}, preview=False, timeout=0)
    assert asked == []
    assert not alone.diff("m", bag | {"contact": False}, apart.outputs, bag | {"contact": False}).changes


PEM = "-----BEGIN CERTIFICATE-----\nMIIBuTCC=\n-----END CERTIFICATE-----\n"
TOLD_AUTHORITY = TOLD + f"authority={base64.b64encode(PEM.encode()).decode()}\n"
VOTER = {"authority": True, "authority_days": 30, "authority_name": "local"}


def test_a_control_host_tells_its_authority_s_certificate_and_another_host_makes_none() -> None:
    it, machine = identity(TOLD_AUTHORITY)
    made = it.create(identity_inputs(**VOTER), preview=False, timeout=0)
    assert made.outputs["authority_certificate"] == PEM
    assert "O = local" in machine.scripts[0]
    assert "-days 30" in machine.scripts[0]
    plain, other = identity(TOLD)
    assert plain.create(identity_inputs(), preview=False, timeout=0).outputs["authority_certificate"] is None
    assert "authority" not in other.scripts[0]
    assert it.create(identity_inputs(**VOTER), preview=True, timeout=0).outputs["authority_certificate"] is UNKNOWN
    assert it.create(identity_inputs(), preview=True, timeout=0).outputs["authority_certificate"] is None


def test_a_host_that_becomes_an_authority_is_updated_and_one_that_stops_being_one_loses_it() -> None:
    it, machine = identity(TOLD_AUTHORITY, TOLD)
    before = {"reachable": True, "wireguard_public_key": "PUB", "ssh_host_key": None, "facts": {}}
    found = it.diff("id", identity_inputs(), before, identity_inputs(**VOTER))
    assert (found.changes, found.replaces) == (True, [])
    shown = it.update("id", identity_inputs(), before, identity_inputs(**VOTER), preview=True)
    assert shown["authority_certificate"] is UNKNOWN
    after = it.update("id", identity_inputs(), before, identity_inputs(**VOTER), preview=False)
    assert after["authority_certificate"] == PEM
    longer = identity_inputs(**VOTER | {"authority_days": 60, "authority_name": "other"})
    assert not it.diff("id", identity_inputs(**VOTER), after, longer).changes, "what is born stays as it is"
    assert it.diff("id", identity_inputs(**VOTER), after, identity_inputs()).changes
    gone = it.update("id", identity_inputs(**VOTER), after, identity_inputs(), preview=False)
    assert gone["authority_certificate"] is None
    assert 'rm -f "$ca/ca.key"' in machine.scripts[1]


def test_an_authority_that_is_gone_shows_at_the_next_refresh_and_read_makes_nothing() -> None:
    it, machine = identity(TOLD, TOLD_AUTHORITY)
    outputs = {"reachable": True, "wireguard_public_key": "PUB", "authority_certificate": PEM}
    seen = it.read("id", identity_inputs(**VOTER), outputs)
    assert seen is not None
    assert seen.outputs["authority_certificate"] is None
    found = it.diff("id", identity_inputs(**VOTER), seen.outputs, identity_inputs(**VOTER))
    assert found.detailed == {"authority_certificate": "UPDATE"}
    again = it.read("id", identity_inputs(**VOTER), seen.outputs)
    assert again is not None
    assert again.outputs["authority_certificate"] == PEM
    assert not any(word in script for script in machine.scripts for word in ("genpkey", "req -x509"))


def test_an_authority_s_name_cannot_carry_a_line_of_configuration() -> None:
    it, _ = identity(TOLD)
    assert it.check(identity_inputs(**VOTER), {})[1] == []
    assert [f.property for f in it.check(identity_inputs(**VOTER | {"authority_name": "a\n[x]"}), {})[1]] == [
        "authority_name"
    ]
    assert [f.property for f in it.check(identity_inputs(**VOTER | {"authority_days": 0}), {})[1]] == ["authority_days"]


def test_the_authority_is_born_once_and_removed_only_by_its_owner(tmp_path: Path) -> None:
    """The scripts themselves, in a folder instead of /etc/fleet."""

    def sh(text: str, mark: str) -> str:
        script = _script("set -eu\numask 077\n" + text, identity_inputs(**VOTER), mark)
        script = script.replace("/etc/fleet", str(tmp_path))
        return subprocess.run(["sh", "-s"], input=script, text=True, capture_output=True, check=True).stdout

    first = sh(_MAKE_AUTHORITY + _LOOK_AUTHORITY, "first")
    key = tmp_path / "authority" / "ca.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    born = key.read_text()
    assert sh(_MAKE_AUTHORITY + _LOOK_AUTHORITY, "second") == first, "the certificate is the same"
    assert key.read_text() == born
    sh(_REMOVE_AUTHORITY, "first")
    assert key.exists(), "the successor owns it"
    certificate = tmp_path / "authority" / "ca.pem"
    words = ["openssl", "x509", "-in", str(certificate), "-noout", "-nameopt", "RFC2253", "-subject"]
    words += ["-ext", "basicConstraints,keyUsage"]
    said = subprocess.run(words, text=True, capture_output=True, check=True).stdout
    assert "CN=a-ams-nl authority" in said
    assert "CA:TRUE, pathlen:0" in said
    assert "Certificate Sign, CRL Sign" in said
    certificate.unlink()
    assert sh(_MAKE_AUTHORITY + _LOOK_AUTHORITY, "second") != first
    assert key.read_text() == born, "a lost certificate is made anew, the key stays"
    sh(_REMOVE_AUTHORITY, "second")
    assert list((tmp_path / "authority").iterdir()) == []

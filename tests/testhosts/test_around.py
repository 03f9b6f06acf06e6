"""What is around a fleet, as text: the directory's entries, the files of the rehearsal's internet, certificates."""

import base64
import hashlib
import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from model import load
from rehearsal import engine
from rehearsal.testhosts import acme, authority, directory, internet, settings
from rehearsal.testhosts.settings import RehearsalError
from tests.executable import executable
from toolchain.places import ROOT

BASE = "dc=fleet,dc=example"


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A rehearsal's folder."""
    monkeypatch.setenv("FLEET_RUN", str(tmp_path / "run"))
    settings.folder("operator", "people")
    return tmp_path / "run"


def test_each_group_of_the_data_has_a_person_and_somebody_has_none() -> None:
    fleet = load(ROOT / "stacks" / "local")
    people = directory.people(fleet)
    assert fleet.access is not None
    assert {group for groups in people.values() for group in groups} == set(fleet.access.vault.groups)
    assert people[directory.NOBODY] == []


def test_a_person_says_their_groups_and_keeps_their_password(run: Path) -> None:
    text = directory.entries({"ada": ["operators", "observers"], "mallory": []}, BASE)
    blocks = {block.splitlines()[0]: block for block in text.strip().split("\n\n")}
    ada = blocks[f"dn: uid=ada,ou=entities,{BASE}"]
    assert f"memberOf: cn=operators,ou=groups,{BASE}" in ada
    assert "memberOf" not in blocks[f"dn: uid=mallory,ou=entities,{BASE}"]
    assert f"member: uid=ada,ou=entities,{BASE}" in blocks[f"dn: cn=observers,ou=groups,{BASE}"]
    kept = run / "operator" / "people" / "ada"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    password = kept.read_text().strip()
    assert password not in text
    assert directory.password_of("ada") == password
    raw = base64.b64decode(ada.split("{SSHA}")[1].splitlines()[0])
    assert hashlib.sha1(password.encode() + raw[20:]).digest() == raw[:20]


def test_a_base_that_the_directory_cannot_have_is_refused() -> None:
    assert directory.first_of("dc=fleet,dc=example") == "fleet"
    with pytest.raises(RehearsalError, match=r"'o=fleet'.*dc="):
        directory.first_of("o=fleet")


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_a_certificate_is_made_once_and_again_for_other_names(run: Path) -> None:
    assert authority.ensure("acme", ["acme.example"], "10.77.0.54")
    before = (run / "acme" / "cert.pem").read_text()
    assert not authority.ensure("acme", ["acme.example"], "10.77.0.54")
    assert authority.ensure("acme", ["other.example"], "10.77.0.54")
    assert (run / "acme" / "cert.pem").read_text() != before
    verify = ["openssl", "verify", "-CAfile", str(run / "acme" / "ca.pem"), "-verify_hostname", "other.example"]
    assert subprocess.run([*verify, str(run / "acme" / "cert.pem")], capture_output=True, check=False).returncode == 0
    for key in ("ca.key", "cert.key"):
        assert stat.S_IMODE((run / "acme" / key).stat().st_mode) == 0o600


def test_the_internets_files_name_its_server_and_add_its_authorities(run: Path) -> None:
    internet.write()
    folder = run / "internet"
    assert f"nameserver {settings.dns4()}\n" in (folder / "resolv.conf").read_text()
    if Path("/etc/nsswitch.conf").is_file():
        assert "\nhosts: files dns\n" in "\n" + (folder / "nsswitch.conf").read_text()
    machines = (folder / "ca-certificates.crt").read_text()
    number = (folder / "ca-certificates.crt").stat().st_ino
    settings.folder("acme")
    acme.trust().write_text("-----BEGIN CERTIFICATE-----\nours\n")
    internet.write()
    assert (folder / "ca-certificates.crt").read_text() == f"{machines}-----BEGIN CERTIFICATE-----\nours\n"
    assert (folder / "ca-certificates.crt").stat().st_ino == number, "whoever has it mounted must see the new text"


def test_the_shell_and_python_cover_the_same_files() -> None:
    text = (ROOT / "toolchain" / "inside.sh").read_text()
    listed = text.split("<<'FILES'\n")[1].split("FILES\n")[0].splitlines()
    assert dict(line.split() for line in listed) == {name: str(path) for name, path in internet.COVERED.items()}


def test_the_engine_is_told_whom_to_trust(run: Path) -> None:
    env = engine.environment(run)
    assert env["FLEET_ACME_CA"] == str(run / "acme" / "trust.pem")
    assert env["FLEET_LDAP_CA"] == str(run / "ldap" / "ca.pem")
    assert engine.inside_network(["true"], None) == ["true"]


def test_the_authority_checks_names_at_the_usual_port_and_at_its_own_address() -> None:
    told = json.loads(json.dumps(acme.config()))["pebble"]
    assert told["listenAddress"] == f"{settings.acme4()}:14000"
    assert told["httpPort"] == 80
    assert acme.ENVIRONMENT["PEBBLE_WFE_NONCEREJECT"] == "0"


def test_without_a_rehearsals_files_a_command_runs_in_the_network_alone(tmp_path: Path) -> None:
    fake = executable(tmp_path / "bin" / "nsenter", '#!/bin/sh\necho "$*"\n')
    words = ["sh", str(ROOT / "toolchain" / "inside.sh"), "x-net", str(tmp_path / "none"), "pulumi", "up", "a b"]
    env = {"PATH": f"{fake.parent}:{os.environ['PATH']}"}
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "--net=/run/netns/x-net -- pulumi up a b\n"

"""The private authorities' scripts, run for real in folders: enrolled by any, refused another's names, renewed."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from hostconfig import pki
from hostconfig.pki import alternative_names
from tests.hostconfig.enrolment import HOSTS, VOTERS, Fleet, address, fleet, openssl
from tests.hostconfig.platforms import PLATFORMS

__all__ = ["fleet"]
GOLDEN = Path(__file__).parents[1] / "golden" / "hostconfig"
LEAF, KEY, CA = "etc/fleet/pki/leaf.pem", "etc/fleet/pki/leaf.key", "etc/fleet/pki/ca.pem"
# Names as every version of openssl writes them.
PLAIN = ("-nameopt", "RFC2253")
GOSSIP = "etc/fleet/gossip/"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def issuer(fleet: Fleet, host: str) -> str:
    return openssl("x509", "-in", str(fleet.path(host, LEAF)), "-noout", "-issuer", *PLAIN).split("CN=")[1].split()[0]


def serial(fleet: Fleet, host: str) -> str:
    return openssl("x509", "-in", str(fleet.path(host, LEAF)), "-noout", "-serial")


def test_every_host_gets_a_leaf_with_its_names_that_everybody_trusts(fleet: Fleet) -> None:
    for host in HOSTS:
        fleet.renew(host)
        leaf = str(fleet.path(host, LEAF))
        for other in HOSTS:
            if fleet.path(other, CA).exists():
                openssl("verify", "-no-CApath", "-CAfile", str(fleet.path(other, CA)), leaf)
        text = openssl("x509", "-in", leaf, "-noout", "-text", *PLAIN)
        assert f"Subject: CN={host}.m.fleet.example" in text
        assert f"IP Address:{address(host)}" in text
        assert ("DNS:server.global.nomad" in text) is (host in VOTERS)
        assert "TLS Web Server Authentication, TLS Web Client Authentication" in text
        assert "CA:FALSE" in text
    assert [issuer(fleet, host) for host in HOSTS] == [*VOTERS, VOTERS[0]], "the own authority first"
    mode = stat.S_IMODE(fleet.path("m-hel-fi", KEY).stat().st_mode)
    assert mode == 0o640
    assert "PRIVATE" not in fleet.path(VOTERS[0], "var/lib/fleet/authority.log").read_text()
    assert "m-hel-fi signed serial" in fleet.path(VOTERS[0], "var/lib/fleet/authority.log").read_text()


def test_with_all_in_place_nothing_is_asked_or_done(fleet: Fleet) -> None:
    for host in HOSTS:
        fleet.renew(host)
    before = serial(fleet, "m-hel-fi")
    fleet.down(*VOTERS)
    assert fleet.renew("m-hel-fi") == (True, "")
    assert serial(fleet, "m-hel-fi") == before


def test_one_authority_is_enough_and_the_loop_says_who_is_silent(fleet: Fleet) -> None:
    for voter in VOTERS:
        fleet.renew(voter)
    fleet.down("a-ams-nl", "b-fra-de")
    done, said = fleet.renew("m-hel-fi")
    assert done
    assert issuer(fleet, "m-hel-fi") == "c-nyc-us"
    assert "a-ams-nl signed nothing: ssh: connect to host 10.99.0.1 port 22: Connection timed out" in said
    fleet.path("m-hel-fi", LEAF).unlink()
    fleet.down(*VOTERS)
    done, said = fleet.renew("m-hel-fi")
    assert not done


def test_a_leaf_is_renewed_near_its_end_and_the_old_one_stays_while_nobody_answers(fleet: Fleet) -> None:
    for host in HOSTS:
        fleet.renew(host)
    before = serial(fleet, "m-hel-fi")
    fleet.settings = {"leaf_days": 30, "renew_days": 40}
    fleet.apply("m-hel-fi")
    fleet.down(*VOTERS)
    done, _ = fleet.renew("m-hel-fi")
    assert not done
    assert serial(fleet, "m-hel-fi") == before
    fleet.down()
    for _ in range(2):
        done, said = fleet.renew("m-hel-fi")
        assert done, said
        assert "new leaf by a-ams-nl" in said
        assert serial(fleet, "m-hel-fi") != before
        before = serial(fleet, "m-hel-fi")


def test_another_s_names_are_refused_in_one_sentence(fleet: Fleet) -> None:
    asked = fleet.ask("b-fra-de", "m-hel-fi", "sign", fleet.request("a-ams-nl.m.fleet.example"))
    assert (asked.returncode, asked.stdout) == (1, "")
    assert asked.stderr == (
        "b-fra-de refuses m-hel-fi: the request is for another name than m-hel-fi.m.fleet.example\n"
    )
    more = fleet.request("m-hel-fi.m.fleet.example", "-addext", "subjectAltName=DNS:vault.service.consul")
    asked = fleet.ask("b-fra-de", "m-hel-fi", "sign", more)
    assert "the other names come from this authority's own list" in asked.stderr
    assert asked.stdout == ""
    log = fleet.path("b-fra-de", "var/lib/fleet/authority.log").read_text()
    assert log.count("m-hel-fi refused: ") == 2


@pytest.mark.parametrize(
    ("host", "verb", "given", "reason"),
    [
        ("x-nowhere", "sign", "", "this authority signs for no host of that name"),
        ("a-ams-nl ; id", "sign", "", "that is no name of a host"),
        ("", "sign", "", "that is no name of a host"),
        ("m-hel-fi", "sh -c id", "", "the one thing to ask for is 'sign' or 'gossip'"),
        ("m-hel-fi", "", "", "the one thing to ask for is 'sign' or 'gossip'"),
        ("m-hel-fi", "sign", "nonsense", "what it sent is no request signed by its own key"),
    ],
)
def test_anything_else_is_refused(fleet: Fleet, host: str, verb: str, given: str, reason: str) -> None:
    asked = fleet.ask("a-ams-nl", host, verb, given)
    assert (asked.returncode, asked.stdout) == (1, "")
    assert asked.stderr.endswith(f": {reason}\n")
    assert asked.stderr.count("\n") == 1


def test_a_weak_key_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    key = str(tmp_path / "rsa")
    openssl("genrsa", "-out", key, "1024")
    asked = fleet.ask(
        "a-ams-nl", "m-hel-fi", "sign", openssl("req", "-new", "-key", key, "-subj", "/CN=m-hel-fi.m.fleet.example")
    )
    assert "its key is no EC key on P-256" in asked.stderr


def test_an_authority_made_anew_is_trusted_and_its_leaves_replaced(fleet: Fleet) -> None:
    for host in HOSTS:
        fleet.renew(host)
    before = serial(fleet, "m-hel-fi")
    for file in ("ca.key", "ca.pem"):
        fleet.path("a-ams-nl", f"etc/fleet/authority/{file}").unlink()
    fleet.bear("a-ams-nl")
    done, said = fleet.renew("m-hel-fi")
    assert (done, said) == (True, ""), "nothing changes while the data names the old one"
    fleet.apply()
    done, said = fleet.renew("m-hel-fi")
    assert done, said
    assert "the authorities trusted here are others than before" in said
    assert serial(fleet, "m-hel-fi") != before
    assert fleet.renew("b-fra-de")[0]
    assert issuer(fleet, "b-fra-de") == "b-fra-de"


def test_new_names_are_asked_for_and_last_week_s_leaf_serves_until_an_authority_knows_them(fleet: Fleet) -> None:
    for host in HOSTS:
        fleet.renew(host)
    before = serial(fleet, "m-hel-fi")
    fleet.names["m-hel-fi"] = [*fleet.names["m-hel-fi"], "cache.fleet.example"]
    fleet.apply("m-hel-fi", "c-nyc-us")
    fleet.down("c-nyc-us")
    done, said = fleet.renew("m-hel-fi")
    assert not done
    assert "a-ams-nl does not know all of our names (yet)" in said
    assert serial(fleet, "m-hel-fi") == before
    fleet.path("m-hel-fi", LEAF).unlink()
    done, said = fleet.renew("m-hel-fi")
    assert not done, "not yet what it should be"
    assert issuer(fleet, "m-hel-fi") == "a-ams-nl", "but better than none"
    fleet.down()
    assert fleet.renew("m-hel-fi")[0]
    assert issuer(fleet, "m-hel-fi") == "c-nyc-us"
    assert "cache.fleet.example" in openssl("x509", "-in", str(fleet.path("m-hel-fi", LEAF)), "-noout", "-text", *PLAIN)


def test_an_authority_that_the_data_does_not_know_yet_is_kept_and_one_that_left_is_not(fleet: Fleet) -> None:
    fleet.renew("m-hel-fi")
    whole = fleet.path("m-hel-fi", CA).read_text()
    assert whole.count("BEGIN") == 3
    known = dict(fleet.certificates)
    fleet.certificates |= {"a-ams-nl": None, "c-nyc-us": None}
    fleet.apply("m-hel-fi", "a-ams-nl")
    fleet.renew("m-hel-fi")
    assert fleet.path("m-hel-fi", CA).read_text() == whole, "what was known is not forgotten"
    fleet.renew("a-ams-nl")
    assert fleet.path("a-ams-nl", CA).read_text().count("BEGIN") == 2, "its own and the one of the data"
    text = fleet.path("m-hel-fi", "etc/fleet/pki/authorities.pem").read_text()
    lines = [line for line in text.splitlines() if "authority c-nyc-us" not in line]
    fleet.path("m-hel-fi", "etc/fleet/pki/authorities.pem").write_text("\n".join(lines) + "\n")
    fleet.renew("m-hel-fi")
    bundle = fleet.path("m-hel-fi", CA).read_text()
    assert bundle.count("BEGIN") == 2
    assert str(known["c-nyc-us"]) not in bundle


def test_a_bundle_is_never_empty_and_trusts_nobody_then(fleet: Fleet) -> None:
    fleet.certificates = dict.fromkeys(VOTERS)
    fleet.apply("m-hel-fi")
    done, _ = fleet.renew("m-hel-fi")
    assert not done
    bundle = fleet.path("m-hel-fi", CA)
    assert "nobody is trusted yet" in openssl("x509", "-in", str(bundle), "-noout", "-subject")
    made = bundle.read_text()
    fleet.renew("m-hel-fi")
    assert bundle.read_text() == made
    assert not fleet.path("m-hel-fi", LEAF).exists()


def test_a_forged_answer_is_not_taken(fleet: Fleet) -> None:
    (fleet.path("a-ams-nl", "usr/local/sbin/fleet-authority")).write_text(
        f"#!/bin/sh\ncat {fleet.path('a-ams-nl', 'etc/fleet/authority/ca.pem')}\n"
    )
    done, said = fleet.renew("m-hel-fi")
    assert "a-ams-nl signed something that is not for our key" in said
    assert issuer(fleet, "m-hel-fi") == "b-fra-de"
    assert "a-ams-nl told something else than gossip keys" in said
    assert not done


def test_a_broken_key_is_made_anew_with_its_leaf(fleet: Fleet) -> None:
    fleet.renew("b-fra-de")
    fleet.path("b-fra-de", KEY).write_text("")
    _, said = fleet.renew("b-fra-de")
    assert "made this host's key" in said
    assert "new leaf by b-fra-de" in said


def test_the_loop_stops_at_once_when_told(fleet: Fleet) -> None:
    fleet.down(*VOTERS)
    loop = subprocess.Popen(
        [fleet.place("m-hel-fi").renew, "loop"], env={"FLEET_ASKS": "m-hel-fi"}, text=True, stdout=subprocess.PIPE
    )
    assert loop.stdout is not None
    said = [loop.stdout.readline() for _ in range(3)]
    assert any("signed nothing" in line for line in said)
    loop.terminate()
    assert loop.wait(timeout=5) == 0
    loop.stdout.close()


def test_names_are_written_as_openssl_shows_them() -> None:
    assert alternative_names(("b", "a", "10.0.0.1", "fd77::9:1", "b")) == [
        "DNS:a",
        "DNS:b",
        "IP:10.0.0.1",
        "IP:FD77:0:0:0:0:0:9:1",
    ]


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.parametrize("host", ["a-ams-nl", "m-hel-fi"])
def test_rendered_files_are_the_blessed_ones(name: str, host: str, tmp_path: Path) -> None:
    platform = PLATFORMS[name]
    fleet = Fleet(tmp_path)
    fleet.certificates = {"a-ams-nl": PEM, "b-fra-de": PEM, "c-nyc-us": None}
    fleet.settings = {"wakes": ("fleet-consul", "fleet-nomad")}
    desired = fleet.desired(host).model_copy(update={"os": platform.os})
    part = pki.pki(desired, platform)
    page = "".join(f"===== {it.path} {it.mode} test: {it.check} wakes: {it.wakes}\n{it.text}" for it in part.files)
    page += f"===== packages {' '.join(part.packages)} groups {' '.join(part.groups)}\n"
    page += "".join(f"===== account {it.name} {it.groups} {it.shell}\n" for it in part.accounts)
    page += "".join(f"===== service {it.name}: {it.hear}\n" for it in part.services)
    golden = GOLDEN / f"pki-{name}-{'control' if host in VOTERS else 'other'}.txt"
    if os.environ.get("BLESS") == "1":
        golden.write_text(page)
    assert golden.read_text() == page, f"{golden.name} changed; if you meant it, rerun with BLESS=1"

"""The public names' certificate by DNS-01, from a real authority: issued, renewed, handed out, and what goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certificates.around import Around
from tests.certificates.runs import ACCOUNT, NAMES, SERVED, Job, forget, items, names_in, serial, write
from tests.hostconfig.enrolment import openssl
from tests.servers.real import Server

pytestmark = pytest.mark.servers


@pytest.fixture
def fresh(tmp_path: Path, nomad: Server, around: Around) -> Job:
    """The job on a worker, before its first run."""
    forget(nomad)
    around.zones.hidden = False
    return Job(tmp_path / "task", nomad, around)


@pytest.fixture(scope="module")
def kept() -> dict[tuple[str, str], dict[str, str]]:
    """What the first run of all left, so that not every test has to wait for one."""
    return {}


@pytest.fixture
def job(fresh: Job, nomad: Server, kept: dict[tuple[str, str], dict[str, str]]) -> Job:
    """The job on a worker, where a certificate has been issued."""
    if not kept:
        code, said = fresh.run()
        assert code == 0, said
        kept |= {SERVED: items(nomad), ACCOUNT: items(nomad, ACCOUNT)}
    for where, said_there in kept.items():
        write(nomad, said_there, where)
    return fresh


def test_it_is_issued_for_all_names_and_renewed_when_it_is_due(job: Job, nomad: Server, around: Around) -> None:
    first = items(nomad)
    assert set(first) == {"certificate", "key"}
    assert names_in(first["certificate"]) == sorted(NAMES)
    assert first["certificate"].count("BEGIN CERTIFICATE") >= 2, "the leaf is followed by who issued it"
    assert around.zones.texts() == [], "the challenges are taken away again"
    assert set(items(nomad, ACCOUNT)) == {"key", "directory", "registration", "url"}
    assert not (job.secrets / "work").exists()
    code, said = job.run()
    assert code == 0, said
    assert items(nomad) == first, "nothing is due"
    assert "written" not in said
    code, said = job.run(RENEW_DAYS="2500")
    assert code == 0, said
    second = items(nomad)
    assert serial(second["certificate"]) != serial(first["certificate"])
    assert second["key"] != first["key"]


@pytest.mark.usefixtures("job")
def test_another_worker_is_the_same_customer(tmp_path: Path, nomad: Server, around: Around) -> None:
    account = items(nomad, ACCOUNT)
    other = Job(tmp_path / "other", nomad, around)
    code, said = other.run(RENEW_DAYS="2500")
    assert code == 0, said
    assert items(nomad, ACCOUNT) == account
    # The authority forgets everybody, as after a move.
    around.stop()
    around.start()
    code, said = other.run(RENEW_DAYS="2500")
    assert code == 0, said
    assert "does not know our account any more" in said
    assert items(nomad, ACCOUNT)["key"] != account["key"]


@pytest.mark.usefixtures("job")
def test_other_names_are_another_certificate(tmp_path: Path, nomad: Server, around: Around) -> None:
    names = ("*.fleet.example", "fleet.example")
    code, said = Job(tmp_path / "fewer", nomad, around, names).run()
    assert code == 0, said
    assert names_in(items(nomad)["certificate"]) == sorted(names)


def test_what_is_half_written_or_of_another_key_is_replaced_and_other_items_stay(job: Job, nomad: Server) -> None:
    whole = items(nomad)
    key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    damaged = {
        "empty": {"certificate": whole["certificate"]},
        "another key": {"certificate": whole["certificate"], "key": key},
        "cannot be read": {"certificate": whole["certificate"][:300], "key": whole["key"]},
    }
    for reason, said_there in damaged.items():
        write(nomad, {**said_there, "password": "somebody else's"})
        code, said = job.run()
        assert code == 0, said
        assert reason in said
        now = items(nomad)
        assert now["password"] == "somebody else's"
        assert names_in(now["certificate"]) == sorted(NAMES)
        assert now["key"] != key


def test_a_token_that_is_not_taken_is_said_and_what_is_served_stays(job: Job, nomad: Server) -> None:
    before = items(nomad)
    (job.secrets / "digitalocean").write_text("another-token")
    code, said = job.run(RENEW_DAYS="2500")
    assert code == 1
    assert "the DNS provider does not take our token (401)" in said
    assert items(nomad) == before
    assert "another-token" not in said
    assert job.run()[0] == 0, "nothing is due, so nobody asks for a token"


def test_a_record_that_never_shows_is_said_and_taken_away(fresh: Job, nomad: Server, around: Around) -> None:
    around.zones.hidden = True
    code, said = fresh.run(WAIT_SECONDS="2")
    assert code == 1
    assert f"{around.name_servers} does not show TXT of _acme-challenge." in said
    assert "after 2 s" in said
    assert items(nomad) == {}
    assert around.zones.texts() == []


def test_a_name_that_is_in_no_zone_of_ours_is_said(tmp_path: Path, nomad: Server, around: Around) -> None:
    forget(nomad)
    code, said = Job(tmp_path / "task", nomad, around, ("fleet.example", "www.other.example")).run()
    assert code == 1
    assert "no zone of ours holds www.other.example" in said
    assert around.zones.texts() == []


def test_what_a_killed_run_left_is_taken_away(fresh: Job, around: Around) -> None:
    asked = b'{"type": "TXT", "name": "_acme-challenge", "data": "left", "ttl": 30}'
    assert around.api.records.create("fleet.example", asked)[0] == 201
    code, said = fresh.run()
    assert code == 0, said
    assert around.zones.texts() == []


def test_an_authority_that_is_silent_leaves_what_is_good(job: Job, nomad: Server, around: Around) -> None:
    before = items(nomad)
    around.stop()
    code, said = job.run(RENEW_DAYS="2500")
    assert code == 1, said
    assert "fleet.example" not in said.splitlines()[0]
    assert items(nomad) == before
    around.start()


def test_without_its_right_it_says_so(job: Job, nomad: Server) -> None:
    nobody = nomad.api.put("/v1/acl/policy/nobody", {"Name": "nobody", "Rules": 'node { policy = "read" }'})
    assert nobody is None
    made = nomad.api.put("/v1/acl/token", {"Name": "nobody", "Type": "client", "Policies": ["nobody"]})
    code, said = job.run(NOMAD_TOKEN=str(made["SecretID"]))
    assert code == 1
    assert "Nomad answers 403 to reading" in said

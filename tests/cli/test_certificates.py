"""`fleet certificates`: what is shown beside what is recorded, and the record as a patch of the data."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli import certificates, places
from model import load
from model.expiry import Place, hazards_by_date, unrecorded
from tests.cli.run import Ran
from tests.harness import ROOT

ENDS = datetime(2027, 2, 1, 12, tzinfo=UTC)
NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own with the stack local and a directory outside; the first mirror answers and nobody else."""
    shutil.copy(ROOT / "Pulumi.local.yaml", tmp_path)
    shutil.copytree(ROOT / "stacks" / "local", tmp_path / "stacks" / "local")
    access = tmp_path / "stacks" / "local" / "access.yaml"
    own, outside = "url: ldap://localhost", "url: ldaps://ldap.fleet.example"
    assert own in access.read_text()
    access.write_text(access.read_text().replace(own, outside))
    monkeypatch.setattr(places, "ROOT", tmp_path)
    monkeypatch.setattr(certificates, "now", lambda: NOW)

    def shown_at(place: Place, _: str | None) -> datetime:
        if place.key != "front@a-nyc-us":
            raise ConnectionRefusedError(111, "Connection refused")
        return ENDS

    monkeypatch.setattr(certificates, "shown_at", shown_at)
    return tmp_path


@pytest.mark.usefixtures("project")
def test_it_shows_what_a_client_sees_and_what_is_recorded(fleet: Callable[..., Ran]) -> None:
    rows = {line.split()[0]: line for line in fleet("certificates", "-s", "local").out.splitlines()}
    assert set(rows) == {"CERTIFICATE", "directory", "front@a-nyc-us", "front@a-pdx-us"}
    assert "2027-02-01, 62 days" in rows["front@a-nyc-us"]
    assert rows["front@a-nyc-us"].endswith("not recorded")
    assert "Connection refused" in rows["front@a-pdx-us"]


def test_it_is_written_down_as_a_patch_that_git_applies(project: Path, fleet: Callable[..., Ran]) -> None:
    dry = fleet("certificates", "-s", "local", "--record", "--dry-run")
    file = project / "stacks" / "local" / certificates.FILE
    assert not file.exists()
    assert "not seen, so left as it was recorded: front@a-pdx-us (" in dry.err
    (project / "patch").write_text(dry.out)
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    subprocess.run(["git", "apply", "patch"], cwd=project, check=True)
    it = load(project / "stacks" / "local")
    assert it.certificate_ends == {"front@a-nyc-us": "2027-02-01T12:00:00Z"}
    assert [place.key for place in unrecorded(it)] == ["front@a-pdx-us", "directory"]
    before = file.read_text()
    assert fleet("certificates", "-s", "local", "--record").out.endswith("nothing new to record\n")
    assert file.read_text() == before


def test_who_is_silent_keeps_what_was_recorded(
    project: Path, fleet: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet("certificates", "-s", "local", "--record")

    def shown_at(*_: object) -> datetime:
        raise TimeoutError("timed out")

    monkeypatch.setattr(certificates, "shown_at", shown_at)
    assert fleet("certificates", "-s", "local", "--record").out.endswith("nothing new to record\n")
    (project / "stacks" / "local" / certificates.FILE).unlink()
    assert fleet("certificates", "-s", "local", "--record").code == 0
    assert not (project / "stacks" / "local" / certificates.FILE).exists()


def test_the_nearest_comes_first_and_the_same_time_says_the_same(project: Path) -> None:
    it = load(project / "stacks" / "local").model_copy(
        update={
            "certificate_ends": {
                "front@a-pdx-us": "2027-01-01T00:00:00Z",
                "front@a-nyc-us": "2027-01-09T00:00:00Z",
                "front@a-gone-us": "2026-12-02T00:00:00Z",
            }
        }
    )
    moment = datetime(2026, 12, 31, tzinfo=UTC)
    found = hazards_by_date(it, moment)
    assert [one.where for one in found] == ["a-pdx-us", "a-nyc-us"], "a mirror that left has no certificate"
    assert found == hazards_by_date(it, moment)
    assert "ends in 1 day " in found[0].text
    assert hazards_by_date(it, datetime(2026, 12, 1, tzinfo=UTC)) == ()
    assert "ended 2 days ago" in hazards_by_date(it, moment + timedelta(days=3))[0].text


@pytest.mark.parametrize("wrong", ["2027-01-01", "soon", "2027-1-1T00:00:00Z"])
def test_an_end_that_is_no_moment_is_an_error_at_load(project: Path, fleet: Callable[..., Ran], wrong: str) -> None:
    file = project / "stacks" / "local" / certificates.FILE
    file.write_text(f'certificate_ends: {{front@a-nyc-us: "{wrong}"}}\n')
    ran = fleet("check", str(project / "stacks" / "local"))
    assert ran.code == 1
    assert f"{certificates.FILE}:1" in ran.err


@pytest.mark.parametrize("at", ["netauth", "https://netauth.fleet.example:1729", "netauth.fleet.example:0"])
def test_a_place_that_cannot_be_looked_at_is_an_error_at_load(
    project: Path, fleet: Callable[..., Ran], at: str
) -> None:
    file = project / "stacks" / "local" / "watched.yaml"
    file.write_text(f'watched: {{netauth: {{purpose: x, at: "{at}", renewed: by hand}}}}\n')
    ran = fleet("check", str(project / "stacks" / "local"))
    assert ran.code == 1
    assert "watched.netauth.at" in ran.err

"""A service is a file: what is wrong in it is said with that file and line, whatever stands in the others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from model import load
from model.schema import SERVICE_FILE, service_schema, text
from tests.model.change import STACKS, problems

REFERENCE = "# yaml-language-server: $schema=../../service.schema.json"


@pytest.fixture
def local(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STACKS / "local", tmp_path / "local"))


def _edit(local: Path, name: str, old: str, new: str) -> int:
    """Change one line of a service; the line it is on."""
    file = local / "services" / f"{name}.yaml"
    said = file.read_text(encoding="utf-8")
    assert old in said
    file.write_text(said.replace(old, new, 1), encoding="utf-8")
    return said[: said.index(old)].count("\n") + 1


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("infradocs", "namespace: apps", "namepsace: apps", "unknown key `namepsace`"),
        ("infradocs", "public: true", 'public: "true"', "'true' stands where true or false is wanted"),
        ("infradocs", "public: true", "public: yes", "'yes' stands where true or false is wanted"),
        ("sync", "every: 1m", "every: 7m", "7m does not divide an hour or a day evenly"),
        ("sync", "dist_mirror: {", "dist_miror: {", "no machine in mirrors offers dist_miror"),
        ("prometheus", "rules.yml, on_change", "rulse.yml, on_change", "rulse.yml is not there"),
        ("report", "variable: nomad/jobs/web", "variable: nomad/jobs/webs", "no policy bound to it lets it"),
        ("ssl-exporter", "image: blackbox-exporter", "image: blackbox", "blackbox is no image"),
        ("rsyncd", "static: 873", "static: 80", "is taken by"),
    ],
)
def test_a4_08_a_mistake_in_a_service_is_reported_at_its_line(
    name: str, old: str, new: str, says: str, local: Path
) -> None:
    line = _edit(local, name, old, new)
    found = [p for p in problems(local) if says in p.what]
    assert found, problems(local)
    assert Path(found[0].file).name in (f"{name}.yaml", "nginx.yaml")
    if found[0].file.endswith(f"{name}.yaml"):
        assert found[0].line == line
    assert found[0].rule
    assert found[0].way_out


def test_a_service_in_two_places_is_refused(local: Path) -> None:
    (local / "more.yaml").write_text("services:\n  sync: {}\n", encoding="utf-8")
    assert any("sync stands in" in p.what and p.file.endswith("sync.yaml") for p in problems(local))


@pytest.mark.parametrize(
    ("name", "said", "says"),
    [
        ("odd.yml", b"block: service\n", "ends in .yml"),
        ("odd.yaml", b"", "says nothing"),
        ("odd.yaml", b"- a\n", "holds no keys at its top level"),
        ("odd.yaml", b"a: [\n", "broken YAML"),
        ("odd.yaml", b"# gr\xfc\xdfe\n", "is not UTF-8"),
        ("odd.yaml", b"a: &b {}\nc: *b\n", "an alias to an anchor stands here"),
        ("files/sync/body", b"\xff", "is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_by_name(name: str, said: bytes, says: str, local: Path) -> None:
    file = local / "services" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(said)
    assert any(says in p.what and p.file == str(file) for p in problems(local)), problems(local)


def test_bodies_are_read_with_their_folders(local: Path) -> None:
    folder = local / "services" / "files" / "infradocs" / "deep"
    folder.mkdir(parents=True)
    (folder / "page.html").write_text("x", encoding="utf-8")
    old, new = "on_change: noop}", "on_change: noop}\n  local/site/page.html: {file: deep/page.html}"
    _edit(local, "infradocs", old, new)
    assert load(local).service_files["infradocs"]["deep/page.html"] == "x"


def test_editors_get_the_schema_of_a_service() -> None:
    assert SERVICE_FILE.read_text(encoding="utf-8") == text(service_schema()), "run `python -m model.schema`"
    files = sorted(STACKS.glob("*/services/*.yaml"))
    assert len(files) > 50
    assert [f for f in files if f.read_text(encoding="utf-8").splitlines()[0] != REFERENCE] == []

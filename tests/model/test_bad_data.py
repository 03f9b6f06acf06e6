"""Each mistake a person makes is an error with file, line, rule and way out, and all are reported together."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from model import BadData, load
from tests.model import edits, edits_front
from tests.model.change import STACKS, problems
from tests.model.edits import Edit

EDITS = (*edits.EDITS, *edits_front.EDITS)
CHANGED_TOO = edits.CHANGED_TOO | edits_front.CHANGED_TOO


@pytest.fixture
def local(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STACKS / "local", tmp_path / "local"))


def _make(folder: Path, edit: Edit) -> int:
    """Make an edit; the line it is on."""
    for name, old, new in CHANGED_TOO.get(edit.what, []):
        other = folder / name
        assert other.read_text(encoding="utf-8").count(old) == 1, f"{edit.what}: {old!r}"
        other.write_text(other.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    file = folder / edit.file
    text = file.read_text(encoding="utf-8")
    assert edit.old in text, f"{edit.what}: {edit.old!r} is not in {edit.file}"
    at = text.index(edit.old)
    file.write_text(text[:at] + edit.new + text[at + len(edit.old) :], encoding="utf-8")
    return text[:at].count("\n") + 1


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.what)
def test_a1_10_a_mistake_is_reported_at_its_line(edit: Edit, local: Path) -> None:
    line = _make(local, edit)
    with pytest.raises(BadData) as bad:
        load(local)
    fitting = [p for p in bad.value.problems if p.rule == edit.rule and p.line == line]
    assert fitting, str(bad.value)
    problem = fitting[0]
    assert problem.file == str(local / edit.file)
    assert edit.says in problem.what
    assert edit.way_out in problem.way_out
    shown = str(bad.value)
    for part in (f"{problem.file}:{line}", problem.what, problem.rule, problem.way_out):
        assert part in shown


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.what)
def test_a1_10_one_mistake_is_not_reported_as_many(edit: Edit, local: Path) -> None:
    _make(local, edit)
    allowed = {"one-fabric-address-twice": 2, "machine-in-no-region": 1, "key-twice": 2, "last-mirror-drained": 3}
    assert len(problems(local)) <= allowed.get(edit.what, 1), problems(local)


def test_a1_10_the_unchanged_stacks_load() -> None:
    assert problems(STACKS / "local") == []
    assert problems(STACKS / "prod") == []


def test_a1_10_two_machines_with_one_public_address(local: Path) -> None:
    text = (local / "machines.yaml").read_text(encoding="utf-8")
    donated = text[text.index("  a-bru-be:") : text.index("    openings:\n      devspace-sftp")].partition(
        "    nomad:"
    )[0]
    other = (
        donated.replace("a-bru-be", "b-bru-be").replace("10.99.0.31", "10.99.0.32").replace("fd77::9:1", "fd77::9:2")
    )
    (local / "machines.yaml").write_text(f"{text}\n{other}", encoding="utf-8")
    found = problems(local)
    assert {p.rule for p in found} == {"A public address belongs to one machine."}
    assert {p.field for p in found} == {"machines.a-bru-be.public.ipv4", "machines.b-bru-be.public.ipv4"}


def test_a1_10_mistakes_of_several_files_are_reported_together(local: Path) -> None:
    together = [e for e in EDITS if e.what in ("unknown-key", "one-fabric-address-twice", "stray-closing-dot")]
    lines = {(str(local / e.file), _make(local, e), e.rule) for e in together}
    assert lines <= {(p.file, p.line, p.rule) for p in problems(local)}


def test_a1_10_types_and_files_are_reported_together(local: Path) -> None:
    _make(local, next(e for e in EDITS if e.what == "broken-yaml"))
    _make(local, next(e for e in EDITS if e.what == "wrong-type"))
    (local / "latin.yaml").write_bytes("gruß: 1\n".encode("latin-1"))
    with pytest.raises(BadData) as bad:
        load(local)
    assert {Path(p.file).name for p in bad.value.problems} == {"dns.yaml", "fleet.yaml", "latin.yaml"}
    assert bad.value.unchecked
    assert "More is checked when these are mended" in str(bad.value)


def test_a1_10_a_wrong_type_does_not_hide_what_is_wrong_anyway(local: Path) -> None:
    together = [
        e for e in EDITS if e.what in ("wrong-type", "number-for-text", "one-fabric-address-twice", "mx-to-cname")
    ]
    lines = {(str(local / e.file), _make(local, e), e.rule) for e in together}
    assert lines <= {(p.file, p.line, p.rule) for p in problems(local)}


def test_a1_10_an_unreadable_file_does_not_hide_what_is_wrong_anyway(local: Path) -> None:
    together = [e for e in EDITS if e.what in ("broken-yaml", "one-fabric-address-twice", "fabric-address-outside")]
    lines = {(str(local / e.file), _make(local, e), e.rule) for e in together}
    assert lines <= {(p.file, p.line, p.rule) for p in problems(local)}


def test_a1_10_a_file_that_is_not_utf_8(local: Path) -> None:
    (local / "roster.yaml").write_bytes(b"# people\n# Andr\xe9\n")
    (problem,) = problems(local)
    assert (problem.file, problem.line) == (str(local / "roster.yaml"), 2)
    assert problem.what == "is not UTF-8: byte 0xe9 at offset 15"
    assert problem.way_out == "save the file as UTF-8"


def test_a1_10_an_empty_folder(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path)
    assert (problem.file, problem.what) == (str(tmp_path), "holds no *.yaml file")


def test_a1_10_no_folder(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path / "nowhere")
    assert problem.what == "cannot be listed as a folder: No such file or directory"


def test_a_key_in_two_files(local: Path) -> None:
    (local / "zone.yaml").write_text("# more of it\noperators: {}\n", encoding="utf-8")
    (problem,) = problems(local)
    assert problem.rule == "Each top-level key stands in one file only."
    assert (problem.file, problem.line) == (str(local / "zone.yaml"), 2)
    assert problem.what == f"stands in {local / 'operators.yaml'}:4 too"


def test_a_part_that_is_missing(local: Path) -> None:
    (local / "operators.yaml").unlink()
    (problem,) = problems(local)
    assert problem.what == "`operators` is missing"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("x.yml", "a: 1\n", "ends in .yml"),
        ("x.yaml", "", "says nothing"),
        ("x.yaml", "- a\n", "holds no keys at its top level"),
        ("x.yaml", "a: &b {}\nc: *b\n", "an alias to an anchor stands here"),
        ("x.yaml", "a: &b {c: 1}\nd: {<<: *b}\n", "a merge key `<<` stands here"),
        ("x.yaml", "a: !!python/object:os.system x\n", "the tag tag:yaml.org,2002:python/object:os.system stands here"),
        ("x.yaml", "a: " + "[" * 60 + "]" * 60 + "\n", "is nested more than 40 deep"),
        ("x.yaml", "a: &b [*b]\n", "an alias to an anchor stands here"),
        ("x.yaml", "true: 1\n", "the key true is no text"),
        ("x.yaml", "[a]: 1\n", "a key is a list or a mapping"),
        ("x.yaml", "a: 1\n--- \nb: 2\n", "broken YAML"),
        ("x.yaml", "a: \x07\n", "broken YAML"),
    ],
)
def test_what_is_no_plain_data_is_refused(name: str, text: str, says: str, local: Path) -> None:
    (local / name).write_text(text, encoding="utf-8")
    assert any(says in p.what for p in problems(local)), problems(local)


def test_what_cannot_be_read_is_said_once(local: Path) -> None:
    file = local / "fleet.yaml"
    text = file.read_text(encoding="utf-8").replace("set_clock: false", "set_clock: !!bool no")
    file.write_text(text, encoding="utf-8")
    (problem,) = problems(local)
    assert problem.what == "the tag tag:yaml.org,2002:bool stands here"


def test_words_of_yaml_1_1_are_words(local: Path) -> None:
    file = local / "roles.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("what keeps it busy", "no"), encoding="utf-8")
    assert load(local).roles["worker"].packages["htop"] == "no"
    assert load(local).fabric.scopes["sync"].on == ("mirror",)

"""Editors get the model that the loader uses."""

from __future__ import annotations

from typing import Any

from model.fleet import Fleet
from model.schema import files, schema, text
from tests.model.change import STACKS, facts

REFERENCE = "# yaml-language-server: $schema=../schema.json"


def test_the_schema_files_are_up_to_date() -> None:
    for file, said in files().items():
        assert file.read_text(encoding="utf-8") == text(said), "run `python -m model.schema`"


def test_every_file_of_a_roster_names_its_schema() -> None:
    for pattern, name in (("*/roster/*.yaml", "../../roster"), ("*/roster/people/*.yaml", "../../../person")):
        found = sorted(STACKS.glob(pattern))
        assert len(found) >= 4
        for file in found:
            first = file.read_text(encoding="utf-8").splitlines()[0]
            assert first == f"# yaml-language-server: $schema={name}.schema.json", file


def test_every_file_of_a_stack_names_the_schema() -> None:
    files = sorted(STACKS.glob("*/*.yaml"))
    assert len(files) > 10
    for file in files:
        assert file.read_text(encoding="utf-8").splitlines()[0] == REFERENCE, file


def test_a_file_may_hold_any_part_and_nothing_else() -> None:
    whole = schema()
    assert "required" not in whole
    assert set(whole["properties"]) == set(Fleet.model_fields)
    assert set(facts("local")) | set(facts("prod")) <= set(whole["properties"])


def test_every_record_refuses_unknown_keys() -> None:
    whole = schema()
    records: dict[str, Any] = {"": whole, **whole["$defs"]}
    loose = [name for name, record in records.items() if record.get("additionalProperties") is not False]
    assert loose == []
    assert len(records) > 30


def test_keys_are_those_that_people_write() -> None:
    assert "from" in schema()["$defs"]["Opening"]["properties"]
    assert "from_" not in text()

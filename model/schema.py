"""The model as JSON Schema, so that editors complete and flag a stack's files. Written by `python -m model.schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model.fleet import Fleet
from model.roster import Person, Roster
from model.services import Service

FILE = Path(__file__).resolve().parent.parent / "stacks" / "schema.json"
SERVICE_FILE = FILE.with_name("service.schema.json")
PERSON_FILE = FILE.with_name("person.schema.json")
ROSTER_FILE = FILE.with_name("roster.schema.json")
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema of one file of a stack: any of the fleet's parts, since files hold some each."""
    whole = Fleet.model_json_schema(by_alias=True)
    whole.pop("required")
    return {
        "$schema": DIALECT,
        **whole,
        "title": "A file of a stack",
        "minProperties": 1,
    }


def service_schema() -> dict[str, Any]:
    """The schema of one service's file."""
    whole = Service.model_json_schema(by_alias=True)
    return {"$schema": DIALECT, **whole, "title": "A service"}


def person_schema() -> dict[str, Any]:
    """The schema of one person's file."""
    return {"$schema": DIALECT, **Person.model_json_schema(by_alias=True), "title": "A person"}


def roster_schema() -> dict[str, Any]:
    """The schema of one of the roster's own files: settings stand there as `roster:`, the organisation as `github:`."""
    parts = dict(Roster.model_json_schema(by_alias=True)["properties"])
    parts["roster"] = parts.pop("settings")
    del parts["people"]
    whole = schema()
    parts |= {key: said for key, said in whole["properties"].items() if key == "github"}
    return {
        "$schema": DIALECT,
        "$defs": whole["$defs"],
        "additionalProperties": False,
        "minProperties": 1,
        "properties": parts,
        "title": "A file of the roster",
        "type": "object",
    }


def files() -> dict[Path, dict[str, Any]]:
    """Every schema, by the file that it stands in."""
    return {
        FILE: schema(),
        SERVICE_FILE: service_schema(),
        PERSON_FILE: person_schema(),
        ROSTER_FILE: roster_schema(),
    }


def text(said: dict[str, Any] | None = None) -> str:
    """A schema as it stands in its file."""
    return json.dumps(said or schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for file, said in files().items():
        file.write_text(text(said), encoding="utf-8")
    print(f"wrote {', '.join(map(str, files()))}")

"""The model as JSON Schema, so that editors complete and flag a stack's files. Written by `python -m model.schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model.fleet import Fleet
from model.services import Service

FILE = Path(__file__).resolve().parent.parent / "stacks" / "schema.json"
SERVICE_FILE = FILE.with_name("service.schema.json")


def schema() -> dict[str, Any]:
    """The schema of one file of a stack: any of the fleet's parts, since files hold some each."""
    whole = Fleet.model_json_schema(by_alias=True)
    whole.pop("required")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **whole,
        "title": "A file of a stack",
        "minProperties": 1,
    }


def service_schema() -> dict[str, Any]:
    """The schema of one service's file."""
    whole = Service.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, "title": "A service"}


def text(said: dict[str, Any] | None = None) -> str:
    """A schema as it stands in its file."""
    return json.dumps(said or schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    SERVICE_FILE.write_text(text(service_schema()), encoding="utf-8")
    print(f"wrote {FILE} and {SERVICE_FILE}")

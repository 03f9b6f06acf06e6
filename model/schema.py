"""The model as JSON Schema, so that editors complete and flag a stack's files. Written by `python -m model.schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model.fleet import Fleet

FILE = Path(__file__).resolve().parent.parent / "stacks" / "schema.json"


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


def text() -> str:
    """The schema as it stands in its file."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"wrote {FILE}")

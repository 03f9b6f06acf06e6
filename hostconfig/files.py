"""Renders templates: same data, same bytes; a name the data does not give is an error."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"
MARK = "# Written by the fleet program; a change made here is reported, and stops the next apply."


@lru_cache(maxsize=1)
def _environment() -> Environment:
    # No autoescape: these are config files, and every value was checked against a pattern when it was loaded.
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def render(template: str, **values: object) -> str:
    """The text of templates/<template>.j2 with these values."""
    text = _environment().get_template(f"{template}.j2").render(mark=MARK, **values)
    return text if text.endswith("\n") else text + "\n"

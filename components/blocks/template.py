"""A file that Nomad writes into a task, filled from variables and registered services."""

from __future__ import annotations

from typing import Any

from model import Fleet
from model.services import Template
from model.templates import body, perms_of


def template_of(fleet: Fleet, service: str, place: str, template: Template) -> dict[str, Any]:
    """A template as Nomad's API takes it."""
    signal = template.on_change if template.on_change.startswith("SIG") else None
    made: dict[str, Any] = {
        "DestPath": place,
        "EmbeddedTmpl": body(fleet, service, template),
        "Perms": perms_of(place, template),
        "ChangeMode": "signal" if signal else template.on_change,
        "ChangeSignal": signal,
        "Envvars": True if template.environment or template.keys else None,
        "Uid": template.uid,
        "Gid": template.gid,
    }
    if template.delimiters is not None:
        made |= {"LeftDelim": template.delimiters[0], "RightDelim": template.delimiters[1]}
    return {key: value for key, value in made.items() if value is not None}

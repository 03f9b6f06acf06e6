"""What a template becomes: its text, who may read it, and which Nomad variables it reads."""

from __future__ import annotations

import re
from collections.abc import Callable

from model import devspace, directory
from model.fleet import Fleet
from model.services import Template

SECRETS = "secrets/"


def perms_of(place: str, template: Template) -> str:
    """Who may read a file: below secrets/ the task alone, unless the data say otherwise."""
    return template.perms or ("0600" if place.startswith(SECRETS) else "0644")


def body(fleet: Fleet, service: str, template: Template) -> str:
    """The text of a template, as Nomad takes it."""
    path = template.variable or f"nomad/jobs/{service}"
    if template.file is not None:
        return fleet.service_files.get(service, {}).get(template.file, "")
    if template.key is not None:
        return f'{{{{ with nomadVar "{path}" }}}}{{{{ index . "{template.key}" }}}}{{{{ end }}}}\n'
    if template.keys:
        lines = (f'{name}={{{{ (index . "{key}").Value | toJSON }}}}\n' for name, key in sorted(template.keys.items()))
        return f'{{{{ with nomadVar "{path}" -}}}}\n{"".join(lines)}{{{{ end }}}}\n'
    if template.facts is not None:
        return _FACTS[template.facts](fleet)
    return template.text or ""


def certificate_facts(fleet: Fleet) -> str:
    """What has to be known to ask for the front's certificate, a line each: directory, contact, and every name."""
    lines = []
    if fleet.control is not None:
        acme = fleet.control.acme
        lines += [f"directory {acme.directory}", f"contact {acme.contact.removeprefix('mailto:')}"]
    if fleet.front is not None:
        lines += [f"name {name}" for name in fleet.front.certificate.names]
    return "".join(f"{line}\n" for line in lines)


_FACTS: dict[str, Callable[[Fleet], str]] = {
    "certificate": certificate_facts,
    "devspace": devspace.login_facts,
    # Nomad refuses a template of nothing; who reads this finds no certificate, and lets nobody in.
    "authorities": lambda fleet: directory.authorities(fleet) or "no authority of this fleet is recorded yet\n",
}

_VARIABLE = re.compile(r'nomadVar(?:Exists)?\s+"([^"]+)"')


def variables_in(text: str) -> tuple[str, ...]:
    """The Nomad variables that a template's text reads."""
    return tuple(sorted(set(_VARIABLE.findall(text))))

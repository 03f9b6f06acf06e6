"""Rules about the files a task is given: one body each, secrets kept close, and only variables that it may read."""

from __future__ import annotations

from collections.abc import Iterator

from model import devspace, directory
from model.checks.access import matches
from model.checks.rule import Found
from model.fleet import Fleet
from model.placement import Placed, all_groups
from model.reading import Where
from model.services import Template
from model.templates import SECRETS, body, perms_of, variables_in


def _templates(fleet: Fleet) -> Iterator[tuple[Placed, str, Where, str, Template]]:
    """Every template: its group, its task, where it is said, its place in the task."""
    for _, placed in all_groups(fleet):
        for task, path, it in placed.tasks:
            for place, template in it.templates.items():
                yield placed, task, (*path, "templates", place), place, template


def templates_have_one_body(fleet: Fleet) -> Iterator[Found]:
    """A template's body comes from one place: `file`, `text`, `key`, `keys` or `facts`."""
    for _, _, path, _, template in _templates(fleet):
        given = [f for f in ("file", "text", "key", "facts") if getattr(template, f) is not None]
        given += ["keys"] if template.keys else []
        if len(given) != 1:
            what = f"says {' and '.join(given)}" if given else "says none of them"
            yield Found(path, what, "keep or write one")


def devspace_has_whom_to_ask(fleet: Fleet) -> Iterator[Found]:
    """What tells devspace whom to let in has a directory to ask, and a team that grants devspace."""
    for _, _, path, _, template in _templates(fleet):
        if template.facts != "devspace":
            continue
        if not directory.hosts(fleet):
            yield Found(
                (*path, "facts"), "the fleet has no directory of people", "add `netauth:` to roster/settings.yaml"
            )
        elif not devspace.groups(fleet):
            yield Found((*path, "facts"), "no team grants devspace", "write `devspace: true` in a team's grants")


def template_files_are_there(fleet: Fleet) -> Iterator[Found]:
    """A template's file stands in services/files/<service>/."""
    for placed, _, path, _, template in _templates(fleet):
        there = fleet.service_files.get(placed.service, {})
        if template.file is not None and template.file not in there:
            what = f"services/files/{placed.service}/{template.file} is not there"
            yield Found((*path, "file"), what, f"write it, or name one of: {', '.join(sorted(there)) or 'none'}")


def template_files_are_used(fleet: Fleet) -> Iterator[Found]:
    """A file of services/files/ belongs to a service and is the body of one of its templates."""
    used: dict[str, set[str]] = {}
    for placed, _, _, _, template in _templates(fleet):
        used.setdefault(placed.service, set()).add(template.file or "")
    for service, files in sorted(fleet.service_files.items()):
        for file in sorted(set(files) - used.get(service, set())):
            path: Where = ("services", service) if service in fleet.services else ("service_files", service)
            what = f"services/files/{service}/{file} is no template's body"
            yield Found(path, what, "remove it, or write it as `file:` of a template")


def secrets_are_kept_close(fleet: Fleet) -> Iterator[Found]:
    """What holds a secret is written below secrets/, and nobody but the task's own user reads it."""
    for placed, _, path, place, template in _templates(fleet):
        if not variables_in(body(fleet, placed.service, template)):
            continue
        perms = perms_of(place, template)
        if not place.startswith(SECRETS):
            yield Found(path, f"{place} holds a secret outside secrets/", f"write {SECRETS}{place.rpartition('/')[2]}")
        elif int(perms, 8) & 0o077:
            yield Found((*path, "perms"), f"{perms} lets others read it", "leave `perms` out, or write 0400")


def variables_are_granted(fleet: Fleet) -> Iterator[Found]:
    """A job reads variables of its own, or such as a policy bound to it lets it read."""
    for placed, task, path, _, template in _templates(fleet):
        service = fleet.services[placed.service]
        own = f"nomad/jobs/{placed.service}"
        may = {"nomad/jobs", own, f"{own}/{placed.name}", f"{own}/{placed.name}/{task}"}
        for said in variables_in(body(fleet, placed.service, template)):
            variable, _, namespace = said.partition("@")
            namespace = namespace or service.namespace
            if variable in may and namespace == service.namespace:
                continue
            if not _granted(fleet, service.namespace, placed.service, namespace, variable):
                what = f"{placed.service} reads {variable} of {namespace}, and no policy bound to it lets it"
                field = "variable" if template.variable else "file" if template.file else "text"
                way_out = f"bind a policy to {service.namespace}/{placed.service} in access.nomad.policies"
                yield Found((*path, field), what, way_out)


def _granted(fleet: Fleet, home: str, job: str, namespace: str, variable: str) -> bool:
    for policy in fleet.access.nomad.policies.values() if fleet.access else ():
        if policy.job is None or (policy.job.namespace, policy.job.job) != (home, job):
            continue
        for pattern, rule in policy.rules.namespaces.items():
            for path, verbs in rule.variables.items():
                if matches(pattern, namespace) and matches(path, variable) and "read" in verbs:
                    return True
    return False


RULES = (
    templates_have_one_body,
    devspace_has_whom_to_ask,
    template_files_are_there,
    template_files_are_used,
    secrets_are_kept_close,
    variables_are_granted,
)

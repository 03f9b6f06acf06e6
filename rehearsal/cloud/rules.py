"""What annotations cannot say of a type, carried from the providers' published rules; and what a cloud has on offer."""

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Rules:
    """The rules of one resource type.

    replace_on: paths whose change makes a new resource (`bootDisk.initializeParams.image` covers what is below it too).
    computed: outputs only the cloud knows; also_computed: inputs the cloud fills in when the program does not.
    autoname: the property that gets the logical name and seven random digits when it is not given.
    sets: lists whose order means nothing. catalog: inputs that must name something on offer. choices: what an input may
    say. defaults: as the provider's. conflicts: groups of which one may be given.
    """

    token: str
    required: tuple[str, ...] = ()
    replace_on: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    also_computed: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    autoname: str = ""
    catalog: dict[str, str] = field(default_factory=dict)
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    conflicts: tuple[tuple[str, ...], ...] = ()


@functools.cache
def rules_of(package: str) -> dict[str, Rules]:
    """Rules by type token. A type that is not here is not supported by the stand-in."""
    data = yaml.safe_load((_HERE / "rules" / f"{package}.yaml").read_text())
    found: dict[str, Rules] = {}
    for entry in data["resources"].values():
        lists = ("required", "replace_on", "computed", "also_computed", "secret", "sets")
        known: dict[str, Any] = {key: tuple(entry[key]) for key in lists if key in entry}
        known["choices"] = {key: tuple(values) for key, values in entry.get("choices", {}).items()}
        known["conflicts"] = tuple(tuple(group) for group in entry.get("conflicts", ()))
        rest = {key: entry[key] for key in ("token", "autoname", "catalog", "defaults") if key in entry}
        found[entry["token"]] = Rules(**known, **rest)
    return found


@functools.cache
def nested_required(package: str) -> dict[str, frozenset[str]]:
    """Properties of nested objects that must be set, where the published rules say more than the SDK."""
    data = yaml.safe_load((_HERE / "rules" / f"{package}.yaml").read_text())
    return {name: frozenset(entry["required"]) for name, entry in (data.get("types") or {}).items()}


@functools.cache
def catalog(package: str) -> dict[str, Any]:
    """Regions, sizes, images and the like that the cloud has: lists, or mappings from a name to its facts."""
    data: dict[str, Any] = yaml.safe_load((_HERE / "catalog" / f"{package}.yaml").read_text())
    return data

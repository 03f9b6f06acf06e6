"""Names and types of a provider's properties, read from the installed SDK's own annotations.

The SDK's modules are read as text and never imported: importing them takes seconds, and only the classes of the types
in use are parsed. The result is kept as JSON under FLEET_CACHE, keyed by package and version.
"""

import ast
import functools
import importlib.metadata
import importlib.util
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rehearsal.cloud.errors import RehearsalError

# Raised when the shape of what is cached changes.
_FORMAT: Final = 3
_SCALARS: Final = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "Any": "any"}

# A type is "string", "integer", "number", "boolean", "any", ["list", T], ["map", T] or ["object", "<class name>"].
Type = Any


@dataclass(frozen=True)
class Shape:
    """The properties of a resource's inputs or of a nested object."""

    properties: dict[str, Type]
    required: frozenset[str]


@dataclass(frozen=True)
class ResourceSchema:
    """One resource type: what it takes, the nested objects, what it tells, what of that is secret."""

    token: str
    inputs: Shape
    outputs: dict[str, Type]
    secret: frozenset[str]
    objects: dict[str, Shape]


def version_of(package: str) -> str:
    """The version of the installed SDK."""
    try:
        return importlib.metadata.version(f"pulumi_{package}")
    except importlib.metadata.PackageNotFoundError:
        raise RehearsalError(
            f"pulumi_{package} is not installed in this Python, and the stand-in for {package} takes names and types "
            "from it: activate the project's environment (. ./activate)"
        ) from None


def snake(name: str) -> str:
    """A file's name from a token's part: keyPair -> key_pair."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def cache_folder() -> Path:
    """Where derived things are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("FLEET_CACHE") or Path(base) / "void-fleet")


@functools.cache
def resource(token: str) -> ResourceSchema:
    """The schema of a type token such as `aws:ec2/keyPair:KeyPair`."""
    package = token.partition(":")[0]
    version = version_of(package)
    plain = re.sub(r"[^A-Za-z0-9]+", "-", token)
    kept = cache_folder() / "schemas" / f"{package}-{version}-{_FORMAT}" / f"{plain}.json"
    try:
        return _from_json(json.loads(kept.read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        found = _extract(token)
    _keep(kept, found)
    return found


def provider(package: str) -> ResourceSchema:
    """The schema of a package's own configuration."""
    return resource(f"{package}:index/provider:Provider")


def _keep(path: Path, schema: ResourceSchema) -> None:
    """Write the cache. A read-only cache only costs time."""
    beside = path.with_suffix(f".tmp-{os.getpid()}-{id(schema)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(_to_json(schema), indent=1, sort_keys=True))
        beside.replace(path)
    except OSError:
        return


def _to_json(schema: ResourceSchema) -> dict[str, Any]:
    def shape(one: Shape) -> dict[str, Any]:
        return {"properties": one.properties, "required": sorted(one.required)}

    return {
        "token": schema.token,
        "inputs": shape(schema.inputs),
        "outputs": schema.outputs,
        "secret": sorted(schema.secret),
        "objects": {name: shape(one) for name, one in schema.objects.items()},
    }


def _from_json(data: dict[str, Any]) -> ResourceSchema:
    def shape(one: dict[str, Any]) -> Shape:
        return Shape(one["properties"], frozenset(one["required"]))

    return ResourceSchema(
        token=data["token"],
        inputs=shape(data["inputs"]),
        outputs=data["outputs"],
        secret=frozenset(data["secret"]),
        objects={name: shape(one) for name, one in data["objects"].items()},
    )


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(f"pulumi_{package}")
    if spec is None or not spec.submodule_search_locations:
        raise RehearsalError(f"pulumi_{package} is not installed in this Python")
    return Path(next(iter(spec.submodule_search_locations)))


def _extract(token: str) -> ResourceSchema:
    package, path, name = token.split(":")
    module, _, leaf = path.partition("/")
    folder = _folder(package) if module == "index" else _folder(package) / module
    file = folder / f"{snake(leaf)}.py"
    if not file.exists():
        raise RehearsalError(f"the installed pulumi_{package} {version_of(package)} has no type {token}")
    text = file.read_text()
    pending: list[str] = []
    # Where a nested object of another type is called the same, the SDK gives the resource's own a longer name.
    own = f"{name}InitArgs" if f"\nclass {name}InitArgs" in text else f"{name}Args"
    inputs = _shape(_class(text, own, file), pending)
    outputs = {} if name == "Provider" else _getters(_class(text, name, file), [])
    secret = re.search(r"additional_secret_outputs=\[([^\]]*)\]", text)
    nested = folder / "_inputs.py"
    nested_text = nested.read_text() if pending and nested.exists() else ""
    objects: dict[str, Shape] = {}
    while pending:
        one = pending.pop()
        if one not in objects:
            objects[one] = _shape(_class(nested_text, f"{one}Args", nested), pending)
    names = frozenset(re.findall(r'"(\w+)"', secret.group(1))) if secret else frozenset()
    return ResourceSchema(token, inputs, outputs, names, objects)


def _class(text: str, name: str, file: Path) -> ast.ClassDef:
    """Parse one class out of a large file: some of these files have a hundred thousand lines."""
    found = re.search(rf"^class {name}(?=[(:])", text, re.MULTILINE)
    if found is None:
        raise RehearsalError(f"{file.name} of the installed SDK has no class {name}")
    end = re.compile(r"^[@\w]", re.MULTILINE).search(text, found.end())
    tree = ast.parse(text[found.start() : end.start() if end else len(text)])
    node = tree.body[0]
    assert isinstance(node, ast.ClassDef)
    return node


def _shape(node: ast.ClassDef, pending: list[str]) -> Shape:
    required: set[str] = set()
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            for argument, default in zip(method.args.kwonlyargs, method.args.kw_defaults, strict=True):
                if default is None:
                    required.add(argument.arg)
    types = _getters(node, pending)
    spelled = _spellings(node)
    return Shape(types, frozenset(spelled[name] for name in required if name in spelled))


def _spellings(node: ast.ClassDef) -> dict[str, str]:
    """Python's names to the engine's: key_name -> keyName."""
    found: dict[str, str] = {}
    for method in node.body:
        if not isinstance(method, ast.FunctionDef):
            continue
        for decorator in method.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            target = call.func if call else decorator
            if isinstance(target, ast.Attribute) and target.attr == "getter" and _is_pulumi(target.value):
                given = (
                    [key.value.value for key in call.keywords if isinstance(key.value, ast.Constant)] if call else []
                )
                found[method.name] = str(given[0]) if given else method.name
    return found


def _is_pulumi(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "pulumi"


def _getters(node: ast.ClassDef, pending: list[str]) -> dict[str, Type]:
    spelled = _spellings(node)
    return {
        spelled[method.name]: _type(method.returns, pending)
        for method in node.body
        if isinstance(method, ast.FunctionDef) and method.name in spelled and method.returns is not None
    }


def _type(node: ast.expr, pending: list[str]) -> Type:
    if isinstance(node, ast.Subscript):
        outer = _last(node.value)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer in ("Input", "Output", "Optional"):
            return _type(parts[0], pending)
        if outer in ("Sequence", "List"):
            return ["list", _type(parts[0], pending)]
        if outer in ("Mapping", "Dict"):
            return ["map", _type(parts[1], pending)]
        if outer == "Union":
            # A union is a scalar beside an enumeration of its usual values, or a class beside its TypedDict.
            return _type(parts[0], pending)
        return "any"
    name = _last(node)
    if name in _SCALARS:
        return _SCALARS[name]
    if name in ("Asset", "Archive", "AssetOrArchive"):
        return "asset"
    if name.endswith("Args"):
        pending.append(name[:-4])
        return ["object", name[:-4]]
    # Outputs name their nested classes without `Args`; their insides are not checked. An enumeration is a string.
    return "any" if isinstance(node, ast.Constant) and "." in str(node.value) else "string"


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Constant):
        return str(node.value).rpartition(".")[2]
    return ""

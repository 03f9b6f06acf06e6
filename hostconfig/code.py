"""A digest of the code and templates that a layer uses: a changed template with unchanged data is a difference too.

Comments of Python files do not count; those of templates do, for they go to the hosts.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from functools import lru_cache
from pathlib import Path

from hostconfig.plan import LAYERS

PACKAGE = Path(__file__).parent
TEMPLATES = PACKAGE / "templates"


@lru_cache(maxsize=8)
def code(layer: str) -> str:
    """Short name of everything that turns a layer's data into what is on a host."""
    files = files_of(layer)
    lines = [f"{file.relative_to(PACKAGE)}\n{_text(file)}" for file in files]
    return hashlib.sha256("\0".join(lines).encode()).hexdigest()[:16]


def files_of(layer: str) -> tuple[Path, ...]:
    """The layer's record and concerns with all that they import from here, and every template they name."""
    chosen = LAYERS[layer]
    waiting = [Path(inspect.getfile(it)) for it in (chosen.record, *chosen.concerns)]
    found: set[Path] = set()
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += _imported(module)
    templates = {template for module in found for template in _named(module)}
    return tuple(sorted(found | templates))


def _tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text())


def _imported(module: Path) -> list[Path]:
    names = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("hostconfig"):
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names if alias.name.startswith("hostconfig")]
    paths = [PACKAGE.parent / (name.replace(".", "/") + ".py") for name in names]
    return [path for path in paths if path.is_file()]


def _named(module: Path) -> set[Path]:
    """Templates by name, wherever in the module the name stands."""
    words = {node.value for node in ast.walk(_tree(module)) if isinstance(node, ast.Constant)}
    paths = {TEMPLATES / f"{word}.j2" for word in words if isinstance(word, str) and "/" in word and "\n" not in word}
    return {path for path in paths if path.is_file()}


def _text(file: Path) -> str:
    text = file.read_text()
    if file.suffix != ".py":
        return text
    return "\n".join(line for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))

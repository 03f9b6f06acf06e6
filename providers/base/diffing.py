"""What differs between two property bags, path by path."""

import re
from collections.abc import Mapping
from typing import Any, Final

from providers.base.values import UNKNOWN, Asset, Secret

ADD: Final = "ADD"
DELETE: Final = "DELETE"
UPDATE: Final = "UPDATE"

_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*\Z")


def join(path: str, key: str | int) -> str:
    """One step further down a property path, quoted where the key has a dot or the like: `hosts["a.example"][0]`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if _PLAIN_KEY.match(key):
        return f"{path}.{key}" if path else key
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'{path}["{quoted}"]'


def top(path: str) -> str:
    """The property a path begins with."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def same(old: Any, new: Any) -> bool:
    """Whether two values are the same. Unknown is like nothing, secrecy does not count, assets go by hash."""
    return not detailed({"_": old}, {"_": new})


def detailed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Every difference as `{path: ADD | DELETE | UPDATE}`, at the deepest path that shows it.

    A property of null counts as absent. A new value that is still unknown is an UPDATE: it may turn out the same.
    """
    found: dict[str, str] = {}
    _compare_maps("", old, new, found)
    return found


def _compare_maps(path: str, old: Mapping[str, Any], new: Mapping[str, Any], found: dict[str, str]) -> None:
    for key, value in old.items():
        if value is not None and new.get(key) is None:
            found[join(path, key)] = DELETE
    for key, value in new.items():
        if value is None:
            continue
        before = old.get(key)
        if before is None:
            found[join(path, key)] = ADD
        else:
            _compare(join(path, key), before, value, found)


def _compare(path: str, old: Any, new: Any, found: dict[str, str]) -> None:
    if isinstance(old, Secret):
        old = old.value
    if isinstance(new, Secret):
        new = new.value
    if new is UNKNOWN or old is UNKNOWN:
        found[path] = UPDATE
    elif isinstance(old, dict) and isinstance(new, dict):
        _compare_maps(path, old, new, found)
    elif isinstance(old, list) and isinstance(new, list):
        if old is new:
            return
        shared = min(len(old), len(new))
        for index in range(shared):
            _compare(join(path, index), old[index], new[index], found)
        for index in range(shared, len(old)):
            found[join(path, index)] = DELETE
        for index in range(shared, len(new)):
            found[join(path, index)] = ADD
    elif isinstance(old, Asset) and isinstance(new, Asset):
        if not old.same_as(new):
            found[path] = UPDATE
    elif isinstance(old, bool) is not isinstance(new, bool) or old != new:
        # True == 1 in Python and not in a property bag.
        found[path] = UPDATE

"""The fabric document behind an asset, and what changed in it.

The state holds only path and hash of the file, so a copy of each version applied is kept by its hash: with it a preview
names the peers that change, without it the file as a whole.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from providers.base.diffing import detailed, join
from providers.base.values import Asset

_SEEN: set[str] = set()
FOLDER = Path(".fleet/documents")


@functools.lru_cache(maxsize=64)
def content(asset: Asset) -> str | None:
    """The text of an asset, from itself, its file or the kept copies; None where no one has it any more."""
    if asset.text is not None:
        return asset.text
    for place in (Path(asset.path) if asset.path else None, _kept(asset.hash)):
        try:
            text = place.read_text() if place else None
        except (OSError, UnicodeError):
            continue
        if text is not None and (not asset.hash or hashlib.sha256(text.encode()).hexdigest() == asset.hash):
            return text
    return None


def keep(asset: Asset) -> None:
    """Keep a copy of this version for the next preview. A checkout that cannot be written to only shows less."""
    copy = _kept(asset.hash)
    if asset.hash in _SEEN:
        return
    _SEEN.add(asset.hash)
    if copy is None or copy.exists() or (text := content(asset)) is None:
        return
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        part = copy.with_suffix(f".part-{id(asset)}")
        part.write_text(text)
        part.replace(copy)
    except OSError:
        return


def _kept(digest: str) -> Path | None:
    return FOLDER / f"{digest}.json" if digest.isalnum() else None


def split(path: str, old: Any, new: Any, found: dict[str, str]) -> None:
    """Put the entries that differ between two documents in the place of the bare `path`."""
    if path not in found or not isinstance(old, Asset) or not isinstance(new, Asset):
        return
    before, after = content(old), content(new)
    if before is None or after is None:
        return
    entries = {}
    for section, part in _sections(before, after):
        entries.update({join(path, section) + rest: kind for rest, kind in part.items()})
    if entries:
        del found[path]
        found.update(entries)


@functools.lru_cache(maxsize=16)
def _sections(before: str, after: str) -> list[tuple[str, dict[str, str]]]:
    """What differs, section by section. Worked out once for all hosts that share the two documents."""
    try:
        old, new = json.loads(before), json.loads(after)
    except ValueError:
        return []
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return []
    found = []
    for section in sorted({*old, *new}):
        olds, news = old.get(section), new.get(section)
        if isinstance(olds, Mapping) and isinstance(news, Mapping):
            # One line for each peer: which of its three values changed is for the page that reviews it.
            part = {}
            for entry in sorted({*olds, *news}):
                kinds = detailed({entry: olds.get(entry)}, {entry: news.get(entry)})
                if kinds:
                    whole = kinds.get(join("", entry))
                    part[_step(entry)] = whole or "UPDATE"
            found.append((section, part))
    return found


def _step(entry: str) -> str:
    step = join("", entry)
    return step if step.startswith("[") else f".{step}"

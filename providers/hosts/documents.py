"""The fabric document by hash: the state keeps path and hash only, so earlier ones are kept to name what changed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from providers.base.diffing import detailed
from providers.base.values import Asset

FOLDER = Path(".fleet") / "documents"


def keep(asset: Any) -> None:
    """Put a copy of the document aside, under its hash."""
    if isinstance(asset, Asset) and (text := _read(asset)) is not None:
        copy = FOLDER / f"{asset.hash}.json"
        if not copy.is_file():
            FOLDER.mkdir(parents=True, exist_ok=True)
            part = copy.with_suffix(".part")
            part.write_text(text)
            part.replace(copy)


def text_of(asset: Any) -> str | None:
    """The document's text, by its hash; None when this checkout never saw it."""
    if isinstance(asset, str):
        return asset
    return _read(asset) if isinstance(asset, Asset) else None


def changes(path: str, old: Any, new: Any) -> dict[str, str] | None:
    """What differs between two documents, peer by peer, below `path`; None when one of them is not to be had."""
    before, after = text_of(old), text_of(new)
    if before is None or after is None:
        return None
    return {f"{path}.{rest}": kind for rest, kind in detailed(json.loads(before), json.loads(after)).items()}


def _read(asset: Asset) -> str | None:
    for candidate in (FOLDER / f"{asset.hash}.json", Path(asset.path or "")):
        if candidate.is_file():
            data = candidate.read_bytes()
            if hashlib.sha256(data).hexdigest() == asset.hash:
                return data.decode()
    return asset.text

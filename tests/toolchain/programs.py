"""Programs that tests of the installer find on PATH."""

from pathlib import Path


def program(folder: Path, name: str, text: str) -> Path:
    """A program that prints a text."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{text}'\n")
    path.chmod(0o755)
    return path

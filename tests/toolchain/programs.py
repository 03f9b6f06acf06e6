"""Programs that tests of the installer find on PATH."""

from pathlib import Path

from tests.executable import executable


def program(folder: Path, name: str, text: str) -> Path:
    """A program that prints a text."""
    return executable(folder / name, f"#!/bin/sh\necho '{text}'\n")

"""Certificates for tests."""

from __future__ import annotations

import subprocess
from pathlib import Path


def authority(folder: Path, name: str) -> str:
    """A new authority's certificate, in PEM."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += [
        "-days",
        "2",
        "-subj",
        f"/CN={name}",
        "-keyout",
        str(folder / f"{name}.key"),
        "-out",
        str(folder / name),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return (folder / name).read_text()

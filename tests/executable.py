"""Programs that tests write and run."""

import subprocess
from pathlib import Path


def executable(path: Path, text: str) -> Path:
    """Write a program and return its path.

    By a process of its own: a file that is open for writing cannot be run ("text file busy"), and a child that another
    thread is just starting holds all that this process has open, until it has become what it shall be.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["/usr/bin/install", "-m", "755", "/dev/stdin", str(path)], input=text.encode(), check=True)
    return path

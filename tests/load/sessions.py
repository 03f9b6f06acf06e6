"""Sessions that somebody of the rehearsal holds open: on a host, in devspace, and one that asks the directory."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from typing import Any

from rehearsal import people
from toolchain.places import ROOT

# What only watches must not slow down what it watches: leavers have machines of their own, and here there is one.
ASIDE = ("nice", "-n", "10")


class Session:
    """A live session on a host, and what sudo remembers in it."""

    def __init__(self, argv: list[str], secret: str) -> None:
        self.argv, self.secret = argv, secret
        self.heard = self.root = 0.0
        self.begin()

    def begin(self) -> None:
        """Come in."""
        self.child = subprocess.Popen(
            self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.child.stdin is not None
        # Who is refused does not listen.
        with contextlib.suppress(OSError):
            self.child.stdin.write(f"{self.secret}\n")
            self.child.stdin.flush()
        threading.Thread(target=self._listen, args=[self.child], daemon=True).start()

    def _listen(self, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        for line in child.stdout:
            self.heard = time.monotonic()
            if line.strip() == "root":
                self.root = self.heard

    def close(self) -> None:
        """End it from this side."""
        self.child.kill()
        self.child.wait(10)


class Asking:
    """One people_calls that is asked again and again: a start of Python each time would fill a processor."""

    def __init__(self, doors: people.Doors) -> None:
        self.doors = doors
        self.child = subprocess.Popen(
            [*ASIDE, *people.calls("--lines")], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, what: dict[str, Any]) -> dict[str, Any]:
        """Have it do something, as people.ask does."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.write(f"{people.question(self.doors, what)}\n")
        self.child.stdin.flush()
        found: dict[str, Any] = json.loads(self.child.stdout.readline())
        return found

    def close(self) -> None:
        """End it."""
        self.child.kill()
        self.child.communicate(timeout=10)


class Files:
    """A live session in devspace, that lists a folder every second."""

    def __init__(self, argv: list[str]) -> None:
        self.argv, self.heard = argv, 0.0
        self.begin()

    def begin(self) -> None:
        """Come in."""
        self.child = subprocess.Popen(
            self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        threading.Thread(target=self._ask, args=[self.child], daemon=True).start()
        threading.Thread(target=self._listen, args=[self.child], daemon=True).start()

    def _ask(self, child: subprocess.Popen[str]) -> None:
        assert child.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            while child.poll() is None:
                child.stdin.write("ls\n")
                child.stdin.flush()
                time.sleep(1)

    def _listen(self, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        for line in child.stdout:
            # Every home shows this folder; the command itself is echoed before it is carried out.
            if "public" in line.split():
                self.heard = time.monotonic()

    def close(self) -> None:
        """End it from this side."""
        self.child.kill()
        self.child.wait(10)

"""Numbered UDP at a steady rate between two hosts: `flow.py send ADDRESS PORT RATE` and `flow.py hear PORT`.

Runs inside a host's network namespace with the machine's own Python; nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import sys
import time
from typing import Any


class Ended(Exception):  # noqa: N818 - not an error: the parent has had enough
    """The parent asks for the result."""


def send(address: str, port: int, rate: int) -> int:
    """Send numbers until told to stop; returns how many were due, sent or not."""
    number, begun = 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        try:
            while True:
                due = begun + number / rate
                time.sleep(max(0.0, due - time.monotonic()))
                # No route for a moment: this number is missing at the other end, which is what is counted.
                with contextlib.suppress(OSError):
                    line.sendto(str(number).encode(), (address, port))
                number += 1
        except Ended:
            return number


def hear(port: int) -> list[int]:
    """Every number that arrives until told to stop."""
    found: list[int] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        line.bind(("0.0.0.0", port))
        print("ready", flush=True)
        try:
            while True:
                found.append(int(line.recv(64)))
        except Ended:
            return found


def stop(_number: int, _frame: Any) -> None:
    """End what runs."""
    raise Ended


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    if sys.argv[1] == "send":
        print(json.dumps(send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
    else:
        print(json.dumps(hear(int(sys.argv[2]))))

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

# The buffer may be as large as is asked for, whatever the machine's limit; Python has no name for it.
SO_RCVBUFFORCE = 33


def send(address: str, port: int, rate: int, ended: list[int]) -> int:
    """Send numbers until told to stop; returns how many were due, sent or not."""
    number, begun = 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        while not ended:
            late = time.monotonic() - begun - number / rate
            # A machine that was held up goes on at the same rate: a burst would overrun queues, which is no loss.
            begun += max(0.0, late - 0.05)
            time.sleep(max(0.0, -late))
            # No route for a moment: this number is missing at the other end, which is what is counted.
            with contextlib.suppress(OSError):
                line.sendto(str(number).encode(), (address, port))
            number += 1
    return number


def hear(port: int, ended: list[int]) -> list[int]:
    """Every number that arrives until told to stop, and what has arrived by then."""
    found: list[int] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
        line.bind(("0.0.0.0", port))
        line.settimeout(0.1)
        print("ready", flush=True)
        while True:
            try:
                found.append(int(line.recv(64)))
            except TimeoutError:
                if ended:
                    return found


if __name__ == "__main__":
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    if sys.argv[1] == "send":
        print(json.dumps(send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), told)))
    else:
        print(json.dumps(hear(int(sys.argv[2]), told)))

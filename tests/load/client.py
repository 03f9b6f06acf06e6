"""A client that never retries: many connections over TLS, each asking one question after the other.

Whatever a patient browser would hide is counted by its kind: connections refused or reset, answers cut short, texts
that are not the expected ones, silence, and each status. A connection that the server closes politely (it said so in
its last answer) is no failure: a new one takes its place. `python tests/load/client.py --help` for use by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import signal
import socket
import ssl
import sys
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Load:
    """What is asked, of whom, and how hard."""

    address: str
    port: int
    name: str
    paths: tuple[str, ...]
    connections: int
    seconds: float
    reopen: int = 0
    """A connection is ended by the client after about this many answers, so that new ones keep coming; 0: never."""
    pause: float = 0.0
    """Between an answer and the next question."""
    expected: dict[str, str] = field(default_factory=dict)
    """Path -> SHA-256 of the text that is right; of several, with commas between them."""
    silence: float = 20.0
    plain: bool = False


class FailedError(Exception):
    """A question without a right answer; the message is the kind."""


class Count:
    """What came of it all."""

    def __init__(self) -> None:
        self.answers = 0
        self.opened = 0
        self.bytes = 0
        self.statuses: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.slowest = 0.0
        self.started = time.monotonic()

    def fail(self, kind: str) -> None:
        """One question failed."""
        self.failed[kind] += 1

    def report(self) -> dict[str, object]:
        """Plain data."""
        return {
            "answers": self.answers,
            "opened": self.opened,
            "bytes": self.bytes,
            "statuses": dict(self.statuses),
            "failed": dict(self.failed),
            "slowest": round(self.slowest, 3),
        }


class Line(asyncio.Protocol):
    """One connection and its questions."""

    def __init__(self, load: Load, count: Count, over: asyncio.Future[None]) -> None:
        self.load, self.count, self.over = load, count, over
        self.left = random.randint(1, 2 * load.reopen) if load.reopen else -1
        self.waiting = False
        self.done = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.count.opened += 1
        self.ask()

    def ask(self) -> None:
        """The next question."""
        if self.done:
            return
        if self.transport.is_closing():
            # Closed while it was idle and nothing was asked: nobody lost anything.
            self.end()
            return
        self.path = random.choice(self.load.paths)
        self.asked = time.monotonic()
        self.head: bytes | None = b""
        self.status = 0
        self.to_come: int | None = None
        self.polite = False
        self.digest = hashlib.sha256()
        self.waiting = True
        self.transport.write(f"GET {self.path} HTTP/1.1\r\nHost: {self.load.name}\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        self.count.bytes += len(data)
        if not self.waiting:
            self.lose("unasked")
            return
        if self.head is not None:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            data = self.head[end + 4 :]
            if not self.read_head(self.head[:end].decode("latin-1")):
                return
            self.head = None
        assert self.to_come is not None
        self.digest.update(data)
        self.to_come -= len(data)
        if self.to_come <= 0:
            self.answered()

    def read_head(self, head: str) -> bool:
        """Whether the answer's head makes sense."""
        lines = head.lower().split("\r\n")
        words = lines[0].split()
        fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        if len(words) < 2 or not words[1].isdigit() or not fields.get("content-length", "").isdigit():
            self.lose("nonsense")
            return False
        self.status = int(words[1])
        self.to_come = int(fields["content-length"])
        self.polite = fields.get("connection") == "close"
        return True

    def answered(self) -> None:
        """A whole answer is there."""
        self.waiting = False
        self.count.answers += 1
        self.count.statuses[str(self.status)] += 1
        self.count.slowest = max(self.count.slowest, time.monotonic() - self.asked)
        if self.status != 200:
            self.count.fail(f"status {self.status}")
        elif self.to_come or (found := self.digest.hexdigest()) not in self.load.expected.get(self.path, found).split(
            ","
        ):
            self.count.fail("wrong body")
        self.left -= 1
        if self.polite or self.left == 0 or time.monotonic() > self.count.started + self.load.seconds:
            self.end()
        elif self.load.pause:
            asyncio.get_running_loop().call_later(self.load.pause * random.uniform(0.5, 1.5), self.ask)
        else:
            self.ask()

    def lose(self, kind: str) -> None:
        """This connection is of no use any more."""
        if not self.done:
            self.count.fail(kind)
        self.end()

    def end(self) -> None:
        """Politely, from our side."""
        self.done = True
        if self.transport.is_closing():
            self.transport.abort()
        self.transport.close()
        if not self.over.done():
            self.over.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiting and not self.done:
            cut = self.head is None or bool(self.head)
            self.count.fail("truncated" if cut else "reset" if exc else "closed unanswered")
        self.done = True
        if not self.over.done():
            self.over.set_result(None)


def unverified() -> ssl.SSLContext:
    """TLS with whoever answers."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


async def one(load: Load, count: Count, context: ssl.SSLContext | None, delay: float) -> None:
    """Keeps one connection there until the time is over."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(delay)
    while time.monotonic() < count.started + load.seconds:
        over: asyncio.Future[None] = loop.create_future()
        line = Line(load, count, over)
        try:
            opening = loop.create_connection(
                lambda line=line: line,
                load.address,
                load.port,
                ssl=context,
                server_hostname=load.name if context else None,
            )
            await asyncio.wait_for(opening, load.silence)
        except TimeoutError:
            count.fail("no connection in time")
            continue
        except (OSError, ssl.SSLError) as error:
            count.fail(f"not connected: {type(error).__name__}")
            await asyncio.sleep(0.05)
            continue
        while not over.done():
            await asyncio.wait([over], timeout=1)
            if line.waiting and not line.done and time.monotonic() - line.asked > load.silence:
                line.lose("silence")


async def run(load: Load) -> Count:
    """All connections side by side."""
    context = None if load.plain else unverified()
    count = Count()
    # Whoever does not know beforehand how long it takes ends it with this signal, and gets the report.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, setattr, count, "started", -load.seconds)
    spread = min(1.0, load.connections / 500)
    await asyncio.gather(
        *(one(load, count, context, spread * number / load.connections) for number in range(load.connections))
    )
    return count


def download(load: Load, rate: int) -> dict[str, object]:
    """One file over one connection, at a bounded pace, as somebody with a slow line takes it."""
    started, path, failed = time.monotonic(), load.paths[0], ""
    digest, got = hashlib.sha256(), 0
    line: socket.socket | None = None
    try:
        line = socket.create_connection((load.address, load.port), timeout=load.silence)
        line = line if load.plain else unverified().wrap_socket(line, server_hostname=load.name)
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: {load.name}\r\nConnection: close\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            more = line.recv(1)
            if not more:
                raise FailedError("closed unanswered")
            head += more
        fields = dict(text.split(": ", 1) for text in head.decode().lower().split("\r\n")[1:] if ": " in text)
        wanted = int(fields["content-length"])
        while got < wanted:
            more = line.recv(min(65536, wanted - got))
            if not more:
                raise FailedError("truncated")
            digest.update(more)
            got += len(more)
            ahead = got / rate - (time.monotonic() - started)
            if ahead > 0:
                time.sleep(ahead)
        if load.expected.get(path, digest.hexdigest()) != digest.hexdigest():
            raise FailedError("wrong body")
    except (OSError, FailedError) as error:
        failed = str(error) or type(error).__name__
    if line:
        line.close()
    return {"bytes": got, "seconds": round(time.monotonic() - started, 1), "failed": failed}


def main(arguments: list[str]) -> int:
    """By hand: prints what came of it as JSON, and fails if any question did."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("address")
    parser.add_argument("name")
    parser.add_argument("paths", nargs="+", help="a path, or path=sha256 of its right text")
    numbers = {"port": 443, "connections": 100, "seconds": 10.0, "reopen": 0, "pause": 0.0}
    for option, default in numbers.items():
        parser.add_argument(f"--{option}", type=type(default), default=default)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--download", type=int, metavar="RATE", help="one download at so many bytes a second instead")
    given = parser.parse_args(arguments)
    pairs = [path.partition("=") for path in given.paths]
    load = Load(
        address=given.address,
        name=given.name,
        paths=tuple(path for path, _, _ in pairs),
        expected={path: right for path, _, right in pairs if right},
        plain=given.plain,
        **{option: getattr(given, option) for option in numbers},
    )
    report = download(load, given.download) if given.download else asyncio.run(run(load)).report()
    print(json.dumps(report))
    return 1 if report["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

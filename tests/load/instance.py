"""What stands behind a front: an instance of a service, and a Consul that says what a file says. For tests only.

`python tests/load/instance.py service ADDRESS PORT NAME` answers every question with its name, the path and what the
front said of the client; `consul ADDRESS PORT FOLDER` answers with the file of a service in the folder.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

SLOW = 0.3


class Question(NamedTuple):
    """What was asked."""

    method: str
    path: str
    fields: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """What is said to it."""

    status: int
    text: bytes
    after: float = 0.0
    fields: str = ""


async def serve(address: str, port: int, answer: Callable[[Question], Answer | None]) -> None:
    """Answer until the process is ended. None breaks the connection off."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *rest = head.decode("latin-1").split("\r\n")
                method, path, _ = first.split(" ", 2)
                fields = {key.lower(): text for key, _, text in (line.partition(": ") for line in rest) if key}
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                if fields.get("upgrade") == "echo":
                    # What a web socket is to whoever passes it on: bytes both ways.
                    writer.write(b"HTTP/1.1 101 X\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
                    while heard := await reader.read(1000):
                        writer.write(heard.upper())
                    break
                said = answer(Question(method, path, fields, body))
                if said is None:
                    break
                if said.after:
                    await asyncio.sleep(said.after)
                words = f"HTTP/1.1 {said.status} X\r\nContent-Length: {len(said.text)}\r\n{said.fields}\r\n"
                writer.write(words.encode() + said.text)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, address, port, backlog=1024)
    await server.serve_forever()


def service(name: str) -> Callable[[Question], Answer | None]:
    """An instance that says what it heard; some paths make it behave badly."""

    def answer(asked: Question) -> Answer | None:
        if asked.path.startswith("/broken"):
            return Answer(503, b"this one is broken\n")
        if asked.path.startswith("/breaks-off"):
            return None
        if asked.path.startswith("/same"):
            return Answer(200, b"every instance says this\n")
        told = ("host", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "connection", "upgrade")
        heard = "".join(f"{key}: {asked.fields[key]}\n" for key in told if key in asked.fields)
        text = f"{name} {asked.method} {asked.path} {len(asked.body)}\n{heard}"
        after = SLOW if asked.path.startswith("/slow") else 0.0
        return Answer(200, text.encode(), after, "Cache-Control: private\r\n")

    return answer


def consul(folder: Path) -> Callable[[Question], Answer | None]:
    """Consul's health of services, as the files in a folder say it. No file: an error, as without a leader."""

    def answer(asked: Question) -> Answer | None:
        file = folder / f"{urlsplit(asked.path).path.rpartition('/')[2]}.json"
        return Answer(200, file.read_bytes()) if file.is_file() else Answer(500, b"No cluster leader")

    return answer


if __name__ == "__main__":
    kind, address, port, what = sys.argv[1:]
    asyncio.run(serve(address, int(port), service(what) if kind == "service" else consul(Path(what))))

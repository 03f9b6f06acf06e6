"""As much of GitHub's interface as the roster's verbs ask for, over HTTP on the loopback; and a bridge to a channel."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "of-this-test-alone"


@dataclass
class Hub:
    """An organisation `o` with a repository `members`. `broken` holds beginnings of `METHOD /path` that fail."""

    logins: dict[int, str] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, list[str]] = field(default_factory=dict)
    channel: list[dict[str, str]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        """Status and body."""
        self.asked.append(f"{method} {path}")
        if any(self.asked[-1].startswith(one) for one in self.broken):
            return 502, {"message": "Server Error"}
        if path == "/bridge":
            self.channel.append(body)
            return 204, None
        if found := re.fullmatch(r"/user/(\d+)", path):
            login = self.logins.get(int(found[1]))
            return (200, {"login": login, "id": int(found[1])}) if login else (404, {"message": "Not Found"})
        if found := re.fullmatch(r"/orgs/o/memberships/(\S+)", path):
            if found[1] not in self.members:
                return 404, {"message": "Not Found"}
            self.members.remove(found[1])
            return 204, None
        if found := re.fullmatch(r"/repos/o/members/issues(?:/(\d+)(/comments)?)?", path):
            number = int(found[1]) if found[1] else None
            first = query.get("page", ["1"]) == ["1"]
            return self._issues(method, number, bool(found[2]), first, body)
        return 404, {"message": "Not Found"}

    def _issues(self, method: str, number: int | None, comments: bool, first: bool, body: Any) -> tuple[int, Any]:
        if number is None:
            if method == "GET":
                return 200, list(self.issues.values()) if first else []
            made = max(self.issues, default=0) + 1
            self.issues[made] = {"number": made, "state": "open", **body}
            return 201, self.issues[made]
        if number not in self.issues:
            return 404, {"message": "Not Found"}
        if comments:
            if method == "POST":
                self.comments.setdefault(number, []).append(body["body"])
                return 201, body
            return 200, [{"body": one} for one in self.comments.get(number, ())] if first else []
        if method == "PATCH":
            self.issues[number] |= body
        return 200, self.issues[number]


@contextlib.contextmanager
def serving() -> Iterator[Hub]:
    """Run it for as long as the block lasts."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            known = parts.path == "/bridge" or self.headers.get("authorization") == f"Bearer {TOKEN}"
            answer = hub.answer(self.command, parts.path, parse_qs(parts.query), body) if known else (401, {})
            text = b"" if answer[1] is None else json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()

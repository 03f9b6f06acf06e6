"""The rehearsal's GitHub: an organisation on disk behind the real interface's paths, answers, limits and refusals.

It is asked by `call` as the real one is by HTTP: by the stand-in for GitHub's provider, by tests, and through the
cloud's control socket. Time for its limits is its own clock, which whoever has to wait moves on instead of waiting.
"""

from __future__ import annotations

import re
import threading
import time
import weakref
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from rehearsal.cloud.facts import born
from rehearsal.cloud.store import Record, Store
from rehearsal.cloud.world import World

PACKAGE: Final = "github"
ADDRESS: Final = "https://api.github.com"
# As the interface's documentation says: requests an hour; points a minute; requests that make something.
AN_HOUR: Final = 5000
POINTS_A_MINUTE: Final = 900
MAKING_A_MINUTE: Final = 80
MAKING_AN_HOUR: Final = 500
INVITATIONS_A_DAY: Final = 500
_WRITING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_LOGIN: Final = re.compile(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}")
_DOCS: Final = "https://docs.github.com/rest"


@dataclass(frozen=True)
class Answer:
    """What comes back: status, headers, body as JSON."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class No(Exception):  # noqa: N818 - reads as what the interface says
    """A refusal, in the interface's own shape."""

    def __init__(
        self, status: int, message: str, *errors: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        said: dict[str, Any] = {"message": message, "documentation_url": _DOCS, "status": str(status)}
        if errors:
            said["errors"] = [dict(error) for error in errors]
        self.answer = Answer(status, said, headers or {})


def invalid(resource: str, name: str, code: str, message: str = "", said: str = "Validation Failed") -> No:
    """422: a field of what was sent is not taken."""
    error = {"resource": resource, "code": code, "field": name} | ({"message": message} if message else {})
    return No(422, said, error)


def missing() -> No:
    """404, which also stands for what the asker may not see."""
    return No(404, "Not Found")


class Clock:
    """The time, and how far those who had to wait have moved it on."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._ahead

    def wait(self, seconds: float) -> None:
        """Be so much later."""
        with self._lock:
            self._ahead += seconds


class Limits:
    """How much one token may ask."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.used = 0
        self.reset = clock.now() + 3600
        self._points: deque[tuple[float, int]] = deque()
        self._making: deque[float] = deque()

    def take(self, method: str) -> dict[str, str]:
        """Count one request; the headers that tell. Raises No where there were too many."""
        now = self.clock.now()
        if now >= self.reset:
            self.used, self.reset = 0, now + 3600
        if self.used >= AN_HOUR:
            raise No(403, "API rate limit exceeded for user ID 1.", headers=self.headers())
        while self._points and self._points[0][0] <= now - 60:
            self._points.popleft()
        while self._making and self._making[0] <= now - 3600:
            self._making.popleft()
        points = 5 if method in _WRITING else 1
        making = method == "POST"
        lately = sum(1 for at in self._making if at > now - 60)
        spent = sum(one for _, one in self._points) + points
        wait = 60 if spent > POINTS_A_MINUTE or (making and lately >= MAKING_A_MINUTE) else 0
        if making and len(self._making) >= MAKING_AN_HOUR:
            wait = int(self._making[0] + 3600 - now) + 1
        if wait:
            said = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
            raise No(403, said, headers={**self.headers(), "retry-after": str(wait)})
        self.used += 1
        self._points.append((now, points))
        if making:
            self._making.append(now)
        return self.headers()

    def headers(self) -> dict[str, str]:
        """What is left, as every answer says it."""
        return {
            "x-ratelimit-limit": str(AN_HOUR),
            "x-ratelimit-remaining": str(AN_HOUR - self.used),
            "x-ratelimit-used": str(self.used),
            "x-ratelimit-reset": str(int(self.reset)),
            "x-ratelimit-resource": "core",
        }


@dataclass(frozen=True)
class Request:
    """One request, as its handler sees it."""

    words: tuple[str, ...]
    body: Mapping[str, Any]
    query: Mapping[str, str]
    actor: str

    def text(self, key: str, resource: str) -> str:
        """A text that must be there."""
        value = self.body.get(key)
        if not isinstance(value, str) or not value.strip():
            raise invalid(resource, key, "missing_field")
        return value


Handler = Callable[["Hub", Request], Any]
_ROUTES: list[tuple[str, re.Pattern[str], Handler, int]] = []


def route(method: str, path: str, status: int = 200) -> Callable[[Handler], Handler]:
    """Answer a method and a path; `*` in it is one word that the handler gets."""
    pattern = re.compile("/".join("([^/]+)" if word == "*" else re.escape(word) for word in path.split("/")))

    def taken(handler: Handler) -> Handler:
        _ROUTES.append((method, pattern, handler, status))
        return handler

    return taken


class Hub:
    """One organisation, in the cloud's own store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = Clock()
        # The official provider asks one thing after the other, whatever the engine does side by side.
        self.turn = threading.RLock()
        self._limits: dict[str, Limits] = {}

    # What is kept.

    def put(self, kind: str, key: str, said: dict[str, Any]) -> dict[str, Any]:
        """Keep a thing under its key."""
        before = self.store.get(PACKAGE, kind, key)
        serial = before.serial if before is not None else self.store.number(f"{PACKAGE}-{kind}")
        said.setdefault("id", 1000 + serial)
        self.store.put(Record(PACKAGE, kind, key, "", {}, said, serial))
        return said

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """A thing, or None."""
        found = self.store.get(PACKAGE, kind, key)
        return found.outputs if found is not None else None

    def need(self, kind: str, key: str) -> dict[str, Any]:
        """A thing; its absence is a 404."""
        found = self.get(kind, key)
        if found is None:
            raise missing()
        return found

    def every(self, kind: str, prefix: str = "") -> list[dict[str, Any]]:
        """All things of a kind, oldest first; of those whose keys begin so."""
        return [one.outputs for one in self.store.all(PACKAGE, kind) if one.id.startswith(prefix)]

    def drop(self, kind: str, key: str) -> None:
        """Forget a thing."""
        found = self.store.get(PACKAGE, kind, key)
        if found is not None:
            self.store.drop(found)

    def drop_all(self, kind: str, prefix: str) -> None:
        """Forget all things of a kind whose keys begin so."""
        for one in self.store.all(PACKAGE, kind):
            if one.id.startswith(prefix):
                self.store.drop(one)

    def user(self, login: str) -> dict[str, Any]:
        """An account at GitHub. Every login that could be one is somebody's, with an id of its own."""
        if not _LOGIN.fullmatch(login):
            raise missing()
        key = login.lower()
        found = self.get("user", key)
        return found or self.register(login, 10_000_000 + zlib.crc32(key.encode()) % 80_000_000)

    def register(self, login: str, number: int) -> dict[str, Any]:
        """Have an account with this id, also where another one had the login before."""
        said = {"login": login, "id": number, "node_id": f"U_{number}", "type": "User", "site_admin": False}
        return self.put("user", login.lower(), said)

    # What is asked.

    def call(self, method: str, target: str, body: Mapping[str, Any] | None = None, *, actor: str = "token") -> Answer:
        """One request in somebody's name."""
        # The handlers are in modules of their own.
        from rehearsal.cloud import github_issues, github_people, github_repositories  # noqa: F401

        parts = urlsplit(target)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        with self.store.lock:
            limits = self._limits.setdefault(actor, Limits(self.clock))
            try:
                headers = limits.take(method)
                for verb, pattern, handler, status in _ROUTES:
                    if verb == method and (fits := pattern.fullmatch(parts.path.rstrip("/"))):
                        found = handler(self, Request(fits.groups(), body or {}, query, actor))
                        if isinstance(found, Answer):
                            return Answer(found.status, found.body, {**headers, **found.headers})
                        if isinstance(found, list):
                            return _page(found, parts.path, query, headers)
                        return Answer(204 if found is None else status, found, headers)
                raise missing()
            except No as no:
                return Answer(no.answer.status, no.answer.body, {**limits.headers(), **no.answer.headers})


def _page(found: list[Any], path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
    """A part of a list, with links to the others."""
    size = min(max(int(query.get("per_page", "30")), 1), 100)
    number = max(int(query.get("page", "1")), 1)
    last = max(-(-len(found) // size), 1)
    links = {"next": number + 1, "last": last} if number < last else {}
    links |= {"first": 1, "prev": number - 1} if number > 1 else {}
    text = ", ".join(f'<{ADDRESS}{path}?per_page={size}&page={at}>; rel="{word}"' for word, at in links.items())
    part = found[(number - 1) * size : number * size]
    return Answer(200, part, {**headers, **({"link": text} if text else {})})


_HUBS: weakref.WeakKeyDictionary[World, Hub] = weakref.WeakKeyDictionary()
_OPENING: Final = threading.Lock()


def hub_of(world: World) -> Hub:
    """The one GitHub of a world."""
    with _OPENING:
        return _HUBS.setdefault(world, Hub(world.store))


def stamp() -> dict[str, str]:
    """When something was made."""
    return {"created_at": born(), "updated_at": born()}

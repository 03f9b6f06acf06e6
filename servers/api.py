"""One system's HTTP API: JSON in, JSON out, never a stale answer.

Nomad answers from the leader unless told otherwise; Consul is asked for `?consistent`; Vault's standbys forward. A
token travels as a header and is nowhere else: no `repr`, no error and no log shows it.
"""

from __future__ import annotations

import contextlib
import functools
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

import httpx

from servers.errors import ApiError, refused, unanswered

System = Literal["nomad", "consul", "vault"]
TOKEN_HEADERS: Final = {"nomad": "X-Nomad-Token", "consul": "X-Consul-Token", "vault": "X-Vault-Token"}
# How long to wait before asking again, once for each entry.
_AGAIN: Final = (0.2, 0.6)
_ELECTION_POLL: Final = 0.5
# A server that starts has what the others know within a few seconds.
_CATCHING_UP: Final = 6.0
_LOST = (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


@dataclass(frozen=True)
class Answer:
    """A success: its status, headers, and body as JSON (text, where it is no JSON)."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Api:
    """One address of one system, with at most one token.

    `connect_to` dials "address:port" instead of resolving the name; the certificate is still checked against the name.
    `patience` is how many seconds a request is repeated while no server leads, or one has yet to hear of a token that
    was good before; 0 tells it at once.
    """

    def __init__(
        self,
        system: System,
        address: str,
        token: str | None = None,
        *,
        ca_file: str | None = None,
        connect_to: str | None = None,
        timeout: float = 10.0,
        patience: float = 0.0,
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ApiError(None, "no address", f"{address!r} is no address of {system}: write https://<name>")
        self.system = system
        self.address = address.rstrip("/")
        self.connect_to = connect_to
        self.ca_file = ca_file
        self.timeout = timeout
        self.patience = patience
        # Whether the token has opened anything yet.
        self._known = False
        self._token = token.strip() if token else None
        self._host = parts.netloc
        self._name = parts.hostname
        self._base = self.address
        if connect_to:
            self._base = f"{parts.scheme}://{connect_to}{parts.path.rstrip('/')}"

    def __repr__(self) -> str:
        return f"Api({self.system}, {self.address}{', with a token' if self._token else ''})"

    @property
    def has_token(self) -> bool:
        """Whether requests go in anybody's name."""
        return bool(self._token)

    @property
    def headers(self) -> dict[str, str]:
        """What goes with each request; for those who speak to a server by other means than HTTP requests."""
        found = {"Host": self._host}
        if self._token:
            found[TOKEN_HEADERS[self.system]] = self._token
        return found

    @functools.cached_property
    def trust(self) -> ssl.SSLContext:
        """Whom this client believes: the given authorities, else SSL_CERT_FILE, else the system's."""
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ApiError(
                None, str(error), f"cannot read the trusted certificates {self.ca_file} for {self.system}: {error}"
            ) from error

    @functools.cached_property
    def _client(self) -> httpx.Client:
        # A proxy of the workplace is no way to the fleet's servers, and TLS to them must end there and nowhere else.
        return httpx.Client(
            verify=self.trust if self.address.startswith("https:") else False,
            trust_env=False,
            timeout=httpx.Timeout(self.timeout, connect=min(self.timeout, 5.0)),
            # Where one of the name's addresses is silent, a new connection may take seconds.
            limits=httpx.Limits(keepalive_expiry=30.0),
        )

    def get(self, path: str, *, missing_ok: bool = False, **params: Any) -> Any:
        """Read; with `missing_ok`, None for what is not there."""
        try:
            return self.ask("GET", path, None, **params).body
        except ApiError as error:
            if missing_ok and error.status == 404:
                return None
            raise

    def put(self, path: str, body: Any = None, **params: Any) -> Any:
        return self.ask("PUT", path, body, **params).body

    def post(self, path: str, body: Any = None, **params: Any) -> Any:
        return self.ask("POST", path, body, **params).body

    def delete(self, path: str, body: Any = None, **params: Any) -> Any:
        return self.ask("DELETE", path, body, **params).body

    def ask(self, method: str, path: str, body: Any = None, **params: Any) -> Answer:
        """One request. A read is repeated when the connection breaks, ours or one behind the server that was asked; a
        write only if it never got to who decides.
        """
        asked = f"{method} {path}"
        pauses = list(_AGAIN)
        begun = time.monotonic()
        while True:
            request = self._request(method, path, body, params)
            try:
                answer = self._client.send(request)
            except httpx.HTTPError as error:
                unsent = isinstance(error, httpx.ConnectError)
                certain = _is_certificate(error)
                if pauses and not certain and (unsent or (method == "GET" and isinstance(error, _LOST))):
                    time.sleep(pauses.pop(0))
                    continue
                raise unanswered(self.system, self.address, self.connect_to, asked, error) from error
            if answer.status_code >= 300:
                refusal = refused(self.system, self.address, asked, answer.status_code, answer.text)
                torn = method == "GET" and refusal.torn
                if torn and pauses:
                    time.sleep(pauses.pop(0))
                    continue
                if time.monotonic() - begun < (self.patience if torn else self._patience_with(refusal)):
                    time.sleep(_ELECTION_POLL)
                    continue
                raise refusal
            self._known = self.has_token
            return Answer(answer.status_code, answer.headers, _body(answer))

    def _patience_with(self, refusal: ApiError) -> float:
        """For how many seconds asking again may help; nothing was done yet.

        A token that was good a moment ago is refused by a server that has just started and has yet to hear of it.
        """
        if refusal.undelivered:
            return self.patience
        return min(self.patience, _CATCHING_UP) if self._known and refusal.status == 403 else 0.0

    def stream(self, path: str, **params: Any) -> Iterator[bytes]:
        """A body as it comes, for as long as the server keeps sending: logs and events."""
        request = self._request("GET", path, None, params, timeout=httpx.Timeout(None, connect=5.0))
        asked = f"GET {path}"
        try:
            answer = self._client.send(request, stream=True)
            with contextlib.closing(answer):
                if answer.status_code >= 300:
                    answer.read()
                    raise refused(self.system, self.address, asked, answer.status_code, answer.text)
                yield from answer.iter_bytes()
        except httpx.HTTPError as error:
            raise unanswered(self.system, self.address, self.connect_to, asked, error) from error

    def close(self) -> None:
        """Let go of the connections."""
        if "_client" in self.__dict__:
            self._client.close()

    def _request(
        self, method: str, path: str, body: Any, params: Mapping[str, Any], timeout: httpx.Timeout | None = None
    ) -> httpx.Request:
        given = {key: _text(value) for key, value in params.items() if value is not None and value is not False}
        if self.system == "consul" and method == "GET" and "stale" not in given:
            given.setdefault("consistent", "")
        return self._client.build_request(
            method,
            f"{self._base}{quote(path, safe='/%:@~+=,')}",
            params=given or None,
            json=body,
            headers=self.headers,
            extensions={"sni_hostname": self._name} if self.connect_to else None,
            timeout=timeout or httpx.Timeout(self.timeout, connect=min(self.timeout, 5.0)),
        )


def _text(value: Any) -> str:
    return "true" if value is True else str(value)


def _body(answer: httpx.Response) -> Any:
    if not answer.content:
        return None
    if "json" in answer.headers.get("content-type", ""):
        return answer.json()
    return answer.text


def _is_certificate(error: BaseException | None) -> bool:
    return error is not None and ("CERTIFICATE_VERIFY_FAILED" in str(error) or _is_certificate(error.__cause__))

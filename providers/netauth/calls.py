"""How a NetAuth server is called: one connection, deadlines, patience while it restarts, and errors as sentences."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc

from providers.netauth import wire
from providers.netauth.wire import METHODS, Method, message

TOKEN: Final = "FLEET_NETAUTH_TOKEN"
TRUST: Final = "FLEET_NETAUTH_CA"

CALL_SECONDS: Final = 5.0
PATIENCE: Final = 30.0
_AGAIN: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class NetAuthError(Exception):
    """What the server said no to, or that it did not answer; the text is for the person at the terminal."""

    def __init__(self, text: str, code: grpc.StatusCode) -> None:
        super().__init__(text)
        self.code = code

    @property
    def missing(self) -> bool:
        """Whether the thing asked about is not there."""
        return self.code is grpc.StatusCode.NOT_FOUND

    @property
    def taken(self) -> bool:
        """Whether a name or number is somebody's already."""
        return self.code is grpc.StatusCode.ALREADY_EXISTS

    @property
    def silent(self) -> bool:
        """Whether there was no answer."""
        return self.code in _AGAIN


@dataclass(frozen=True)
class Place:
    """Where the server is, and who it must show that it is.

    `authorities`: PEM of those whose word counts; the file that $FLEET_NETAUTH_CA names goes before it.
    """

    server: str
    address: str = ""
    port: int = 1729
    authorities: str = ""

    @property
    def target(self) -> str:
        """What is dialled."""
        host = self.address or self.server
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


class Calls:
    """The calls themselves; connects at the first one. Safe for many threads."""

    def __init__(
        self,
        place: Place,
        *,
        token: Callable[[], str] = lambda: os.environ.get(TOKEN, ""),
        patience: float = PATIENCE,
    ) -> None:
        self.place = place
        self.patience = patience
        self.cancelled = False
        self._token = token
        self._channel: grpc.Channel | None = None
        self._guard = threading.Lock()

    def token(self, name: str, secret: str) -> str:
        """A token of somebody who knows their password: what they may do, for as long as the server lets it live."""
        request = message("AuthRequest", entity=message("Entity", id=name), secret=secret)
        return str(self.call("AuthGetToken", request).token)

    def well(self) -> bool:
        """Whether the server says that it is well."""
        return bool(self.call("SystemStatus", message("Empty")).ok)

    def close(self) -> None:
        """Let go of the connection."""
        with self._guard:
            if self._channel is not None:
                self._channel.close()
            self._channel = None

    def call(self, method: Method, request: Any, *, write: bool = False) -> Any:
        """Ask until there is an answer or patience ends. `write`: the token goes with it. Raises NetAuthError."""
        end = time.monotonic() + self.patience
        pause = 0.1
        metadata = [("client-name", "fleet"), ("service-name", "fleet")]
        if write:
            if not (token := self._token()):
                raise NetAuthError(
                    f"no token for NetAuth at {self.place.target}: `fleet login` gets one, or set {TOKEN}",
                    grpc.StatusCode.UNAUTHENTICATED,
                )
            metadata.append(("authorization", token))
        while True:
            try:
                _, comes = METHODS[method]
                call = self._connected().unary_unary(
                    f"{wire.SERVICE}{method}",
                    request_serializer=lambda it: it.SerializeToString(),
                    response_deserializer=wire.parser(comes),
                )
                return call(request, timeout=CALL_SECONDS, metadata=metadata)
            except grpc.RpcError as error:
                code: grpc.StatusCode = error.code()
                if code not in _AGAIN or time.monotonic() + pause > end or self.cancelled:
                    raise NetAuthError(self._said(method, code, str(error.details() or "")), code) from None
            time.sleep(pause)
            pause = min(pause * 2, 2.0)

    def _connected(self) -> grpc.Channel:
        with self._guard:
            if self._channel is None:
                try:
                    trusted = self._trusted()
                except OSError as error:
                    raise NetAuthError(
                        f"${TRUST} names {error.filename}, which cannot be read: {error.strerror}",
                        grpc.StatusCode.FAILED_PRECONDITION,
                    ) from None
                options = [
                    ("grpc.ssl_target_name_override", self.place.server),
                    ("grpc.enable_http_proxy", 0),
                    ("grpc.max_reconnect_backoff_ms", 1000),
                    ("grpc.initial_reconnect_backoff_ms", 100),
                    # Not shared with a client that trusts somebody else.
                    ("grpc.use_local_subchannel_pool", 1),
                ]
                credentials = grpc.ssl_channel_credentials(root_certificates=trusted)
                self._channel = grpc.secure_channel(self.place.target, credentials, options=options)
            return self._channel

    def _trusted(self) -> bytes:
        if path := os.environ.get(TRUST):
            with open(path, "rb") as file:
                return file.read()
        if not self.place.authorities:
            raise NetAuthError(
                f"nobody vouches for {self.place.server}: no authority of the fleet is recorded yet; `fleet record` "
                f"writes them down, or let {TRUST} name a PEM file",
                grpc.StatusCode.FAILED_PRECONDITION,
            )
        return self.place.authorities.encode()

    def _said(self, method: Method, code: grpc.StatusCode, text: str) -> str:
        where = f"NetAuth at {self.place.target}"
        match code:
            case grpc.StatusCode.UNAUTHENTICATED:
                if method in ("AuthEntity", "AuthGetToken"):
                    return f"{where} does not let them in: wrong name or password, or locked"
                return f"{where} refuses the token: it is over, or of another server; `fleet login` gets a new one"
            case grpc.StatusCode.PERMISSION_DENIED:
                return f"{where}: the token's holder may not do this ({method}): it takes a group with that capability"
            case grpc.StatusCode.NOT_FOUND:
                return f"{where} does not know it ({method})"
            case grpc.StatusCode.ALREADY_EXISTS:
                return f"{where}: the name or the number is somebody's already"
            case grpc.StatusCode.UNIMPLEMENTED:
                return f"{where} takes no changes: it is read-only, or no NetAuth of the second protocol"
            case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.DEADLINE_EXCEEDED:
                return f"{where} does not answer ({text.splitlines()[0][:160] if text else code.name.lower()})"
            case _:
                return f"{where}: {method} failed ({code.name.lower()}: {text[:200]})"

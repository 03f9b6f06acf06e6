"""A command inside a running service, over Nomad's web socket: as if it were started here."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import signal
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import websocket

from cli.allocations import Allocation, allocations, find, task_of
from cli.asking import say
from cli.mistake import Mistake
from cli.way_in import TOKEN, WayIn

# Nomad and the way in both end a connection on which nothing moves.
BEAT_SECONDS = 10.0


def execute(way: WayIn, service: str, command: Sequence[str], task: str | None, on: str | None) -> int:
    """Run a command in a service; returns its exit code."""
    nomad = way.api("nomad")
    running = [one for one in allocations(nomad, find(nomad, service), on) if one.running]
    if not running:
        raise Mistake(
            service, "does not run", "a command runs inside a running allocation", "see `fleet status` for why"
        )
    chosen = min(running, key=lambda one: (one.node, one.id))
    name = task_of(chosen, task)
    if len(running) > 1:
        say(f"in {chosen.short}, one of {len(running)} (--on HOST for another)")
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    connection = connect(way, chosen, name, command, terminal)
    with contextlib.closing(connection):
        return _talk(connection, terminal)


def connect(way: WayIn, chosen: Allocation, task: str, command: Sequence[str], terminal: bool) -> websocket.WebSocket:
    """Open the web socket. The token goes through it and stands in no address."""
    api = way.api("nomad")
    asked = {"task": task, "command": json.dumps(list(command)), "tty": str(terminal).lower(), "ws_handshake": "true"}
    parts = urlsplit(api.address)
    scheme = "wss" if parts.scheme == "https" else "ws"
    url = f"{scheme}://{parts.netloc}/v1/client/allocation/{chosen.id}/exec?{urlencode(asked)}"
    try:
        connection = websocket.create_connection(
            url,
            timeout=10,
            sslopt={"context": api.trust} if scheme == "wss" else None,
            http_no_proxy=["*"],
            suppress_origin=True,
        )
        connection.send(json.dumps({"version": 1, "auth_token": os.environ.get(TOKEN["nomad"], "")}))
    except (OSError, websocket.WebSocketException) as error:
        raise Mistake(
            f"{chosen.short} {task}", f"no connection for a command ({_reason(error)})", *_ways(error)
        ) from None
    connection.settimeout(None)
    return connection


def _talk(connection: websocket.WebSocket, terminal: bool) -> int:
    send = _sender(connection)
    ended = threading.Event()
    with _raw(terminal), _resizing(terminal, send):
        for work in (_pump, _beat):
            threading.Thread(target=work, args=(send, ended), daemon=True).start()
        try:
            return _listen(connection)
        finally:
            ended.set()


def _listen(connection: websocket.WebSocket) -> int:
    """Pass on what the command says, until it has ended."""
    places = {"stdout": sys.stdout, "stderr": sys.stderr}
    held = b""
    while True:
        try:
            # Frame by frame: answering a farewell fails where the server is gone already, and hides its reason.
            piece = connection.recv_frame()  # type: ignore[no-untyped-call]
            if piece.opcode == websocket.ABNF.OPCODE_PING:
                connection.pong(piece.data)
        except (OSError, websocket.WebSocketException) as error:
            raise _broken(_reason(error)) from None
        if piece.opcode == websocket.ABNF.OPCODE_CLOSE:
            raise _broken(piece.data[2:].decode("utf-8", errors="replace"))
        if piece.opcode in (websocket.ABNF.OPCODE_PING, websocket.ABNF.OPCODE_PONG):
            continue
        held += piece.data
        if not piece.fin:
            continue
        said: dict[str, Any] = json.loads(held or b"{}")
        held = b""
        for name, place in places.items():
            text = (said.get(name) or {}).get("data")
            if text:
                _write(place, base64.b64decode(text))
        if said.get("exited"):
            return int((said.get("result") or {}).get("exit_code", 0))


def _broken(reason: str) -> Mistake:
    if "Permission denied" in reason or "403" in reason:
        rule, way_out = _ways(reason)
    else:
        rule, way_out = "a command lives as long as its connection", "try again; see `fleet status` if it stays so"
    return Mistake(
        "fleet exec", f"the connection ended before the command ({reason or 'no reason given'})", rule, way_out
    )


def _ways(error: object) -> tuple[str, str]:
    if any(word in str(error) for word in ("403", "401", "Permission denied")):
        return "a command needs the right alloc-exec in the job's namespace", "get other rights with `fleet login`"
    return "commands go through the public name of Nomad", "see what answers with `fleet status`"


def _reason(error: Exception) -> str:
    return str(error).split("\n", 1)[0].split(" -+-+-", 1)[0] or type(error).__name__


def _sender(connection: websocket.WebSocket) -> Callable[[dict[str, Any]], bool]:
    """Sends one frame; False when the connection is gone."""

    def send(frame: dict[str, Any]) -> bool:
        try:
            connection.send(json.dumps(frame))
        except (OSError, websocket.WebSocketException):
            return False
        return True

    return send


def _pump(send: Callable[[dict[str, Any]], bool], ended: threading.Event) -> None:
    """Standard input to the command, to its end."""
    source = sys.stdin.fileno()
    while not ended.is_set():
        ready, _, _ = select.select([source], [], [], 0.2)
        if not ready:
            continue
        piece = os.read(source, 32768)
        if not piece:
            send({"stdin": {"close": True}})
            return
        if not send({"stdin": {"data": base64.b64encode(piece).decode()}}):
            return


def _beat(send: Callable[[dict[str, Any]], bool], ended: threading.Event) -> None:
    """An empty frame from time to time."""
    while not ended.wait(BEAT_SECONDS):
        if not send({}):
            return


def _write(place: Any, data: bytes) -> None:
    """Bytes as they are, where the place takes bytes."""
    raw = getattr(place, "buffer", None)
    if raw is None:
        place.write(data.decode("utf-8", errors="replace"))
    else:
        raw.write(data)
    place.flush()


@contextlib.contextmanager
def _raw(terminal: bool) -> Iterator[None]:
    """The terminal passes every key on while the command runs, and is as before afterwards."""
    if not terminal:
        yield
        return
    here = sys.stdin.fileno()
    before = termios.tcgetattr(here)
    tty.setraw(here)
    try:
        yield
    finally:
        termios.tcsetattr(here, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _resizing(terminal: bool, send: Callable[[dict[str, Any]], bool]) -> Iterator[None]:
    """The command's terminal is as large as the person's, also when that changes."""
    if not terminal:
        yield
        return

    def tell(*_: object) -> None:
        size = os.get_terminal_size(sys.stdout.fileno())
        send({"tty_size": {"height": size.lines, "width": size.columns}})

    tell()
    before = signal.signal(signal.SIGWINCH, tell)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)

"""Stands before a server and does to its clients what a broken one would: refuses, says nothing, is late, or raves."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Fault = Literal["", "refused", "silent", "slow", "garbage", "raving"]
LATE = 30.0


@dataclass
class Faulty:
    """Listens on a port of the loopback. `fault` may change at any time and counts for new connections."""

    port: int
    behind: int
    pair: tuple[Path, Path]
    fault: Fault = ""
    late: float = LATE
    listener: socket.socket | None = None
    open: list[socket.socket] = field(default_factory=list)

    def set(self, fault: Fault, behind: int | None = None) -> None:
        """From now on. Whoever is connected is cut off."""
        self.fault, self.behind = fault, behind or self.behind
        self._stop()
        if fault != "refused":
            self._start()

    def _start(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def _stop(self) -> None:
        if self.listener:
            # A thread in accept() is woken by this alone.
            with contextlib.suppress(OSError):
                self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
        self.listener = None
        for link in self.open:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()
        self.open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            self.open.append(link)
            threading.Thread(target=self._serve, args=(link, self.fault, self.behind), daemon=True).start()

    def _serve(self, link: socket.socket, fault: Fault, behind: int) -> None:
        with contextlib.suppress(OSError):
            if fault == "silent":
                while link.recv(65536):
                    pass
            elif fault == "garbage":
                link.recv(65536)
                link.sendall(os.urandom(4096))
                link.close()
            elif fault == "raving":
                self._rave(link)
            else:
                self._pass_on(link, behind, self.late if fault == "slow" else 0.0)

    def _rave(self, link: socket.socket) -> None:
        """With the right certificate: what it then says is HTTP/2 to begin with, and noise after."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.pair)
        context.set_alpn_protocols(["h2"])
        with context.wrap_socket(link, server_side=True) as secured:
            secured.sendall(b"\0\0\0\x04\0\0\0\0\0")  # empty settings: it is what it claims to be
            secured.recv(65536)
            secured.sendall(os.urandom(4096))
            time.sleep(0.1)

    def _pass_on(self, link: socket.socket, behind: int, late: float) -> None:
        server = socket.create_connection(("127.0.0.1", behind))
        for end in (link, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open.append(server)
        threading.Thread(target=self._copy, args=(link, server, 0.0), daemon=True).start()
        self._copy(server, link, late)

    def _copy(self, source: socket.socket, target: socket.socket, late: float) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                time.sleep(late)
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

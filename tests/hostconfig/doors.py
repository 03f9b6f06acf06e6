"""Control hosts' nginx on loopback addresses of this machine, and pretended servers of Nomad, Consul and Vault."""

from __future__ import annotations

import contextlib
import getpass
import http.client
import http.server
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostconfig import ways_in
from hostconfig.desired import Desired, WaysIn, parse
from hostconfig.parts import Platform
from hostconfig.ways_in import Places
from tests.executable import executable
from tests.hostconfig.enrolment import openssl
from tests.hostconfig.samples import sample

PLATFORM = Platform("debian", "runit", kernel_wireguard=False)
HOSTS = {"a-ams-nl": "127.77.1.1", "b-fra-de": "127.77.1.2", "c-nyc-us": "127.77.1.3"}
NAMES = {"nomad": "nomad.fleet.example", "consul": "consul.fleet.example", "vault": "vault.fleet.example"}
# Beside the real ones, so that a server that runs on this machine is never met.
# Below those that `free_ports` gives to servers of other tests.
PORTS = {"nomad": (4646, 14646), "consul": (8501, 18501), "vault": (8200, 18200)}
HTTP, HTTPS = 18080, 18443
SANS = "DNS:server.global.nomad,DNS:server.dc1.consul,DNS:vault.service.consul"


def desired(own: str = "a-ams-nl", hosts: dict[str, str] | None = None, **acme: str) -> Desired:
    """The ground of a control host, as far as this concern goes."""
    record = {
        "names": NAMES,
        "acme": {"directory": "https://acme.example:14000/dir", "contact": "mailto:root@fleet.example", **acme},
        "servers": hosts or HOSTS,
        "own": own,
        "region": "global",
        "datacenter": "dc1",
    }
    return parse(sample(hostname=own, ways_in=record))


class Authority:
    """A private authority of the test's own."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir()
        self.folder = folder
        new = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        openssl("req", *new, "-subj", f"/CN={name}", "-keyout", str(folder / "key"), "-out", str(folder / "ca.pem"))

    def leaf(self) -> str:
        """Path of a certificate with its key, for the servers' names."""
        key, request, both = (self.folder / part for part in ("leaf.key", "request", "leaf.pem"))
        new = ["-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=leaf"]
        openssl("req", *new, "-keyout", str(key), "-out", str(request), "-addext", f"subjectAltName={SANS}")
        words = ["-req", "-in", str(request), "-CA", str(self.folder / "ca.pem"), "-CAkey", str(self.folder / "key")]
        both.write_text(key.read_text() + openssl("x509", *words, "-days", "1", "-copy_extensions", "copy"))
        return str(both)


class Server:
    """Answers over TLS with what it was asked, and remembers it. `behave` may do something else with a question."""

    def __init__(self, address: str, port: int, certificate: str) -> None:
        self.asked: list[dict[str, Any]] = []
        self.behave: Callable[[http.server.BaseHTTPRequestHandler], bool] = lambda _: False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                server.asked.append(
                    {"method": self.command, "path": self.path, "body": body, "headers": dict(self.headers)}
                )
                if not server.behave(self):
                    self.say(200, f"{address} {self.command} {self.path} {body}")

            def say(self, status: int, text: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - the base class calls them so

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
                """Say nothing."""

        self._http = http.server.ThreadingHTTPServer((address, port), Handler)
        self._http.daemon_threads = True
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign]
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Nobody listens here any more."""
        self._http.shutdown()
        self._http.server_close()


class Door:
    """One control host's nginx, by its own configuration but for the addresses that it listens on."""

    def __init__(self, folder: Path, own: str, ca: str, wish: WaysIn | None = None) -> None:
        self.address = HOSTS[own]
        self.place = Places.below(folder, HTTP, HTTPS)
        known = wish or desired(own).ways_in
        assert known is not None
        self.wish = known
        for path in (self.place.nginx, self.place.ca, self.place.prepare, self.place.conf, self.place.pid):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(self.place.ca).write_text(ca)
        self.script(self.place.prepare, ways_in.prepare_script(self.wish, self.place))
        subprocess.run([self.place.prepare], check=True, capture_output=True)
        Path(self.place.nginx).write_text(self.conf())
        command = ["nginx", "-c", self.place.nginx, "-g", "daemon off;"]
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stderr=log, stdout=log)
        self.wait()

    def conf(self) -> str:
        """The rendered text, on this host's own address and the test's ports."""
        text = ways_in.nginx_conf(self.wish, PLATFORM, self.place)
        lines = [line for line in text.splitlines() if "listen [::]" not in line]
        text = "\n".join(lines).replace("listen ", f"listen {self.address}:")
        for real, ours in PORTS.values():
            text = text.replace(f":{real};", f":{ours};")
        return text.replace("user www-data;", f"user {getpass.getuser()};" if os.geteuid() == 0 else "")

    def script(self, path: str, text: str) -> None:
        """Put a script of this host in place."""
        executable(Path(path), text)

    def wait(self) -> None:
        """Until it listens."""
        for _ in range(1200):
            with contextlib.suppress(OSError), socket.create_connection((self.address, HTTPS), timeout=1):
                return
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def close(self) -> None:
        """Stop it, with its workers."""
        self.process.terminate()
        self.process.wait(10)

    def tls(self, name: str | None, version: ssl.TLSVersion | None = None, ca: str | None = None) -> ssl.SSLSocket:
        """A connection that names a host. Without `ca`, any certificate is taken."""
        context = ssl.create_default_context(cafile=ca)
        context.check_hostname = ca is not None
        context.verify_mode = ssl.CERT_REQUIRED if ca else ssl.CERT_NONE
        if version:
            context.minimum_version = context.maximum_version = version
        return context.wrap_socket(socket.create_connection((self.address, HTTPS), timeout=10), server_hostname=name)

    def ask(
        self, system: str, path: str, method: str = "GET", body: str | bytes | None = None, **headers: str
    ) -> tuple[int, str, http.client.HTTPMessage]:
        """A question to one of the three names."""
        connection = http.client.HTTPSConnection(self.address, HTTPS)
        connection.sock = self.tls(NAMES[system])
        connection.request(method, path, body, {"Host": NAMES[system], **headers})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text, answer.headers

    def plain(self, host: str, path: str) -> tuple[int, str, str | None]:
        """A question over plain HTTP: status, text, where it leads."""
        connection = http.client.HTTPConnection(self.address, HTTP, timeout=10)
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        found = answer.status, answer.read().decode(), answer.headers.get("Location")
        connection.close()
        return found

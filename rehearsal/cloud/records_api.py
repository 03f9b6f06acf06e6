"""DigitalOcean's HTTP interface to the records of a zone, as far as a program needs it that answers ACME's challenges.

What is asked for by it is kept beside what came through Pulumi, so that the same zone files and the same DNS server
show it. Answers come when the DNS server shows the change; statuses and bodies are those of the real interface.
"""

from __future__ import annotations

import hmac
import json
import re
import ssl
import threading
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from rehearsal.cloud.digitalocean_network import fqdn
from rehearsal.cloud.store import Record
from rehearsal.cloud.world import World

PORT: Final = 443
# The folder in the rehearsal's own that holds its certificate and its token.
PART: Final = "records-api"
_NAME: Final = "digitalocean"
# What a name may be in a record, and what this interface is asked to write; all else of a zone is Pulumi's.
_LABEL: Final = re.compile(r"(?i)@|[a-z0-9_*]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_LARGEST: Final = 65536

Answer = tuple[int, dict[str, Any] | None]


class Records:
    """What the interface answers, without the HTTP around it."""

    def __init__(self, world: World, token: Callable[[], str]) -> None:
        self.world = world
        self.token = token

    def answer(self, method: str, target: str, authorization: str, body: bytes) -> Answer:
        """One request: its status and body."""
        wanted = f"Bearer {self.token()}"
        if not hmac.compare_digest(authorization.encode(), wanted.encode()):
            return _said(401, "Unauthorized", "Unable to authenticate you")
        parts = urllib.parse.urlsplit(target)
        path, query = parts.path.strip("/").split("/"), urllib.parse.parse_qs(parts.query)
        if path[:2] != ["v2", "domains"] or len(path) < 3:
            return _said(404, "not_found", "The resource you were accessing could not be found.")
        zone, rest = path[2], path[3:]
        if self.world.store.get(_NAME, "Domain", zone) is None:
            return _said(404, "not_found", "The resource you were accessing could not be found.")
        if method == "GET" and not rest:
            return 200, {"domain": {"name": zone, "ttl": 1800, "zone_file": None}}
        if rest == ["records"]:
            return self.listed(zone, query) if method == "GET" else self.create(zone, body) if method == "POST" else NOT
        if len(rest) == 2 and rest[0] == "records" and method == "DELETE":
            return self.delete(zone, rest[1])
        return NOT

    def listed(self, zone: str, query: dict[str, list[str]]) -> Answer:
        """The zone's records, of one full name and one type where these are said."""
        kind, name = query.get("type", [""])[0], query.get("name", [""])[0]
        found = [
            _shown(one)
            for one in self.world.store.all(_NAME, "DnsRecord")
            if one.inputs["domain"] == zone and kind in ("", one.inputs["type"]) and name in ("", fqdn(one.inputs))
        ]
        return 200, {"domain_records": found, "links": {}, "meta": {"total": len(found)}}

    def create(self, zone: str, body: bytes) -> Answer:
        """A new TXT record."""
        try:
            asked = json.loads(body)
            kind, name, data, ttl = asked["type"], asked["name"], asked["data"], asked.get("ttl", 1800)
        except (ValueError, KeyError, TypeError, AttributeError):
            return _said(422, "unprocessable_entity", "Record type, name and data can't be blank")
        if kind != "TXT" or not isinstance(name, str) or not _LABEL.fullmatch(name) or not isinstance(data, str):
            return _said(422, "unprocessable_entity", "the rehearsal takes TXT records with a name and data here")
        if not isinstance(ttl, int) or ttl < 30:
            return _said(422, "unprocessable_entity", "Ttl must be greater than or equal to 30")
        inputs = {"domain": zone, "type": kind, "name": name, "value": data, "ttl": ttl}
        store = self.world.store
        with store.lock:
            if any(
                one.inputs["type"] == "CNAME" and (one.inputs["domain"], one.inputs["name"]) == (zone, name)
                for one in store.all(_NAME, "DnsRecord")
            ):
                return _said(422, "unprocessable_entity", "CNAME records cannot share a name with other records")
            serial = store.number(f"{_NAME}-DnsRecord")
            outputs = {**inputs, "fqdn": fqdn(inputs)}
            record = Record(_NAME, "DnsRecord", str(1_700_000_000 + serial), "", inputs, outputs, serial, {"by": "api"})
            store.put(record)
        self.world.publish()
        return 201, {"domain_record": _shown(record)}

    def delete(self, zone: str, number: str) -> Answer:
        """Take away what came by this interface. What Pulumi made is Pulumi's, here as by everybody's good manners."""
        record = self.world.store.get(_NAME, "DnsRecord", number)
        if record is None or record.inputs["domain"] != zone:
            return _said(404, "not_found", "The resource you were accessing could not be found.")
        if record.private.get("by") != "api":
            return _said(403, "forbidden", "the rehearsal's program made this record: it is not this interface's")
        self.world.store.drop(record)
        self.world.publish()
        return 204, None


NOT: Answer = (405, {"id": "method_not_allowed", "message": "not what the rehearsal's interface is for"})


def _said(status: int, word: str, message: str) -> Answer:
    return status, {"id": word, "message": message}


def _shown(record: Record) -> dict[str, Any]:
    it = record.inputs
    said = {"id": int(record.id), "type": it["type"], "name": it["name"], "data": it["value"]}
    return {**said, "priority": it.get("priority"), "port": it.get("port"), "ttl": record.outputs.get("ttl")}


class _Handler(BaseHTTPRequestHandler):
    server_version = "rehearsal"
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        assert isinstance(self.server, Server)
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LARGEST:
            self.close_connection = True
            self.send_error(413)
            return
        body = self.rfile.read(length)
        status, said = self.server.records.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
        text = b"" if said is None else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if said is not None:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = do_PUT = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """The cloud's log is for people: requests are not in it, and so no token ever is."""


class Server(ThreadingHTTPServer):
    """The interface at an address, by TLS."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], records: Records, certificate: Path, key: Path) -> None:
        super().__init__(address, _Handler)
        self.records = records
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        # The handshake is left to each connection's own thread: one that never speaks holds up nobody.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)


def serve(world: World, address: tuple[str, int], folder: Path) -> Server:
    """Answer at an address from now on. The folder holds cert.pem, cert.key, and the file `token`."""

    def token() -> str:
        return (folder / "token").read_text().strip()

    server = Server(address, Records(world, token), folder / "cert.pem", folder / "cert.key")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
    return server

"""Looks at the mirrors' front as clients outside would: every name at every mirror, and what must be refused."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from components.mirror_proxy.plan import front
from model import Fleet
from rehearsal.checks import Check, settled

STRANGER = "nobody-has-this-name.example"
SECONDS = 15.0


@dataclass(frozen=True)
class Answer:
    """What a mirror said."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class SilentError(Exception):
    """No answer: no connection, no handshake, or the connection was closed without a word."""


def ask(
    address: str, name: str, path: str = "/", *, ca: str | None = None, plain: bool = False, method: str = "GET"
) -> Answer:
    """One request to one address in a public name; over HTTPS the certificate must convince. Raises SilentError."""
    try:
        with socket.create_connection((address, 80 if plain else 443), SECONDS) as raw:
            line = raw if plain else ssl.create_default_context(cafile=ca).wrap_socket(raw, server_hostname=name)
            line.sendall(f"{method} {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
            answer = http.client.HTTPResponse(line, method=method)
            answer.begin()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise SilentError(f"{type(error).__name__}: {error}") from error


def names(fleet: Fleet, hosts: Mapping[str, Mapping[str, Any]], ca: str | None) -> Check:
    """Every public name answers at every mirror with a certificate to trust; plain HTTP leads there.

    Waits a while: a mirror takes up its first certificate, and a service's first instance, a few seconds after `up`.
    """
    return settled(lambda: _names_now(fleet, hosts, ca))


def _names_now(fleet: Fleet, hosts: Mapping[str, Mapping[str, Any]], ca: str | None) -> Check:
    check = Check("public names at every mirror")
    questions = [
        (host, str(address), name, redirect)
        for host in fleet.mirrors
        if host in hosts
        for address in filter(None, (hosts[host].get("ipv4"), hosts[host].get("ipv6")))
        for name, redirect in (*_names(fleet, host), (STRANGER, None))
    ]
    check.asked = len(questions)
    with ThreadPoolExecutor(16) as pool:
        for host, wrong in pool.map(lambda it: (it[0], _wrong(it[1], it[2], it[3], ca)), questions):
            check.wrong += [f"{host}: {text}" for text in wrong]
    return check


def _names(fleet: Fleet, host: str) -> Iterator[tuple[str, str | None]]:
    """Each name of a mirror's front, and where it leads if it leads elsewhere."""
    wish = front(fleet, host)
    said = [tree.names for tree in wish.trees.values()] + [service.names for service in wish.services.values()]
    yield from ((name, None) for names_there in said for name in names_there)
    yield from wish.redirects.items()


def _wrong(address: str, name: str, redirect: str | None, ca: str | None) -> list[str]:
    if name == STRANGER:
        return list(_answered(address, name))
    try:
        plain = ask(address, name, plain=True)
        found = ask(address, name, ca=ca)
    except SilentError as error:
        return [f"{name} at {address}: {error}"]
    wrong = []
    if plain.status != 308 or plain.headers.get("location") != f"https://{name}/":
        wrong.append(f"{name} at {address}: plain HTTP answers {plain.status} {plain.headers.get('location', '')}")
    if redirect is not None and not found.headers.get("location", "").startswith(f"https://{redirect}/"):
        wrong.append(f"{name} at {address}: does not lead to {redirect}, but answers {found.status}")
    if found.status >= 500:
        wrong.append(f"{name} at {address}: answers {found.status}")
    return wrong


def _answered(address: str, name: str) -> Iterator[str]:
    """What answers for a name that nobody has."""
    for plain in (True, False):
        try:
            found = ask(address, name, plain=plain)
        except SilentError:
            continue
        yield f"{name} is answered at {address} with {found.status}, over {'HTTP' if plain else 'HTTPS'}"

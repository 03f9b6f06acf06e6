"""The way to a stack's control plane: three public names, or one control host's own server under such a name.

Addresses come from the data, from what was recorded, or from DNS: neither the engine nor the fabric is needed.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal
from urllib.parse import urlsplit

from cli.mistake import Mistake
from cli.places import data_of, shown
from model import Fleet, load
from model.control import Control
from servers import Api

System = Literal["nomad", "consul", "vault"]
SYSTEMS: tuple[System, ...] = ("nomad", "consul", "vault")
ADDRESS = {"nomad": "NOMAD_ADDR", "consul": "CONSUL_HTTP_ADDR", "vault": "VAULT_ADDR"}
TOKEN = {"nomad": "NOMAD_TOKEN", "consul": "CONSUL_HTTP_TOKEN", "vault": "VAULT_TOKEN"}


@dataclass(frozen=True)
class WayIn:
    """A stack's control plane as people reach it."""

    stack: str
    fleet: Fleet
    control: Control
    at: Mapping[str, str] = field(default_factory=dict)
    """A control host to its public address and port, where it is known from elsewhere than the data."""

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """The control hosts, in name order."""
        return self.fleet.voters

    def name(self, system: System) -> str:
        """The public name of a system."""
        return str(getattr(self.control.names, system))

    def url(self, system: System) -> str:
        """Where a system is reached: its public name, or a loopback address that the environment names."""
        public = f"https://{self.name(system)}"
        said = os.environ.get(ADDRESS[system], "").rstrip("/")
        if not said or said == public:
            return public
        if not _loopback(said):
            # The token in the environment belongs to that address: it is not sent to another stack.
            raise Mistake(
                ADDRESS[system],
                f"is {said}, and stack {self.stack} is reached at {public}",
                "addresses and tokens in the environment are of one stack",
                f"leave that login's shell (or unset {ADDRESS[system]}), or name its stack with --stack",
            )
        return said

    def api(self, system: System, *, token: str | None = None, timeout: float = 10.0) -> Api:
        """A system as any of its servers answers, with the token given, or with that of the environment."""
        url = self.url(system)
        return Api(system, url, token or os.environ.get(TOKEN[system]), ca_file=self.ca_file, timeout=timeout)

    def anonymous(self, system: System) -> Api:
        """The same without any token: for logins, which must not fail on one that has run out."""
        return Api(system, self.url(system), ca_file=self.ca_file)

    def own(self, system: System, host: str, *, token: str | None = None, timeout: float = 10.0) -> Api:
        """The server of one control host, by that host's own address. What is asked there is not sent to another."""
        return Api(
            system,
            f"https://{self.name(system)}",
            token,
            ca_file=self.ca_file,
            connect_to=self.address(host),
            timeout=timeout,
        )

    def servers(self, system: System, token: str) -> tuple[Api, ...]:
        """Each server of a system; the one that the environment names, where it names one."""
        if self.url(system) != f"https://{self.name(system)}":
            return (self.api(system, token=token),)
        return tuple(self.own(system, host, token=token, timeout=3.0) for host in self.hosts)

    @property
    def ca_file(self) -> str | None:
        """Whom to trust beyond the system: as SSL_CERT_FILE says, else as the data says of the certificates' source."""
        variable = self.control.acme.trust_env
        return os.environ.get("SSL_CERT_FILE") or (os.environ.get(variable) if variable else None) or None

    def address(self, host: str) -> str:
        """A control host's public address with the port."""
        if host in self.at:
            return self.at[host]
        machine, recorded = self.fleet.machines[host], self.fleet.recorded.get(host)
        known = machine.public.ipv4 or (recorded.ipv4 if recorded else None)
        return f"{known or _resolved(self.fleet.fqdn(host))}:443"

    def named(self, words: list[str] | None) -> tuple[str, ...]:
        """The control hosts that a person named; none named: all of them."""
        for word in words or ():
            if word not in self.hosts:
                raise Mistake(word, "is no control host", "Vault runs there", f"name some of: {', '.join(self.hosts)}")
        return tuple(words or self.hosts)


def way_in(stack: str) -> WayIn:
    """The way to a stack's control plane, from its data."""
    folder = data_of(stack)
    fleet = load(folder)
    if fleet.control is None:
        raise Mistake(
            shown(folder),
            "no control plane is declared",
            "Nomad, Consul and Vault stand under `control` in the data",
            "add control.yaml (stacks/local has one), or name another stack with --stack",
        )
    return WayIn(stack, fleet, fleet.control)


def _loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _resolved(name: str) -> str:
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise Mistake(
            name,
            f"its address is not known ({error.strerror or error})",
            "a control host is reached by an address that the data states, that was recorded, or that DNS knows",
            "write it down with `fleet record`, or state machines.<host>.public.ipv4",
        ) from None
    return str(found[0][4][0])

"""A client as the environment says: addresses, tokens, trust. Tokens come from nowhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from servers.api import Api, System
from servers.errors import ApiError

ADDRESSES: Final = {"nomad": "NOMAD_ADDR", "consul": "CONSUL_HTTP_ADDR", "vault": "VAULT_ADDR"}
TOKENS: Final = {"nomad": "NOMAD_TOKEN", "consul": "CONSUL_HTTP_TOKEN", "vault": "VAULT_TOKEN"}
TRUST: Final = "SSL_CERT_FILE"


def from_environment(
    system: System,
    address: str | None = None,
    *,
    connect_to: str | None = None,
    timeout: float = 10.0,
    patience: float = 0.0,
    environment: Mapping[str, str] | None = None,
) -> Api:
    """The client for a system; `environment` is another process's, where this one asks on its behalf."""
    given = os.environ if environment is None else environment
    where = address or given.get(ADDRESSES[system], "")
    if not where:
        raise ApiError(
            None,
            "no address",
            f"nobody says where {system} is: give its address, or set {ADDRESSES[system]} (`. ./activate` does)",
        )
    return Api(
        system,
        _with_scheme(where),
        given.get(TOKENS[system]) or None,
        ca_file=given.get(TRUST) or None,
        connect_to=connect_to,
        timeout=timeout,
        patience=patience,
    )


def _with_scheme(address: str) -> str:
    """Consul's own tools write addresses without a scheme."""
    if "://" in address:
        return address
    local = address.partition(":")[0] in ("127.0.0.1", "localhost")
    return f"{'http' if local else 'https'}://{address}"

"""What a Vault says of its own state, whatever that is."""

from __future__ import annotations

from typing import Any, Final

from servers.api import Api

# A sealed or a new Vault answers with its state all the same, and so does one that does not lead, with a leader or not.
_CODES: Final = ("standbycode", "sealedcode", "uninitcode", "drsecondarycode", "haunhealthycode", "removedcode")
WHATEVER_ITS_STATE: Final[dict[str, Any]] = dict.fromkeys(_CODES, 200)


def vault_health(api: Api) -> Any:
    """The body of `sys/health`. Raises ApiError where nothing answers as a Vault does."""
    return api.get("/v1/sys/health", **WHATEVER_ITS_STATE)

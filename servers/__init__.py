"""Clients for the HTTP APIs of Nomad, Consul and Vault: one small class, and errors that people can act on."""

from servers.api import Answer, Api, System
from servers.environment import from_environment
from servers.errors import ApiError
from servers.vault_health import WHATEVER_ITS_STATE, vault_health

__all__ = ["WHATEVER_ITS_STATE", "Answer", "Api", "ApiError", "System", "from_environment", "vault_health"]

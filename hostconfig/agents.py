"""The layer `agents`: clients of Consul and Nomad, and the tokens of all agents, once policies exist."""

from __future__ import annotations

from hostconfig.consul import consul_client, own_services
from hostconfig.containers import containers
from hostconfig.nomad import nomad_client
from hostconfig.tokens import tokens

agents = (consul_client, own_services, containers, nomad_client, tokens)

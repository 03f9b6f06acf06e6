"""The layer `servers`: what a control host runs for the whole fleet, before any policy or token exists."""

from __future__ import annotations

from hostconfig.consul import consul_server
from hostconfig.containers import containers
from hostconfig.nomad import nomad_server
from hostconfig.restarting import restarting
from hostconfig.vault import vault_server

servers = (restarting, consul_server, vault_server, containers, nomad_server)

"""The agents of a host."""

from __future__ import annotations

from collections.abc import Callable

from hostconfig.desired_agents import Agents
from hostconfig.parts import Part, Platform

agents: tuple[Callable[[Agents, Platform], Part], ...] = ()

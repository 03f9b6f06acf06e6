"""The three servers of a control host."""

from __future__ import annotations

from collections.abc import Callable

from hostconfig.desired_servers import Servers
from hostconfig.parts import Part, Platform

servers: tuple[Callable[[Servers, Platform], Part], ...] = ()

"""The desired state of one host's agents, strict and frozen."""

from __future__ import annotations

from typing import ClassVar, Literal

from hostconfig.desired import Domain, Label, Strict


class Agents(Strict):
    """The agents of one host."""

    layer: ClassVar[str] = "agents"
    hostname: Label
    fqdn: Domain
    os: Literal["debian", "void"]

"""The desired state of one control host's servers, strict and frozen."""

from __future__ import annotations

from typing import ClassVar, Literal

from hostconfig.desired import Domain, Label, Strict


class Servers(Strict):
    """The servers of one control host."""

    layer: ClassVar[str] = "servers"
    hostname: Label
    fqdn: Domain
    os: Literal["debian", "void"]

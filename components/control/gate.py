"""The door before each system: what is asked of it waits until its servers can keep it."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from providers.hosts.sdk import Gate

# Who votes, and where each is to be asked; None where nobody knows yet.
Members = Mapping[str, pulumi.Input[str] | None]


def gate_of(
    system: str, address: str, digest: str, members: Members, parent: pulumi.Resource, name: str | None = None
) -> Gate:
    """The gate of a system. It depends on no host's state: one failed control host of three stops nothing.

    It belongs to the part that stands behind it, so that a part can be brought up to date alone.
    """
    return Gate(
        name or f"control-gate-{system}",
        system=system,
        address=address,
        members=members,
        digest=digest,
        opts=pulumi.ResourceOptions(parent=parent),
    )

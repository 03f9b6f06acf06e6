"""What a stack's config adds to the data: secrets by name. Nothing else is read from config by a component."""

from __future__ import annotations

import pulumi

NAMESPACE = "fleet"


def secret(name: str) -> pulumi.Output[str]:
    """A secret config value, set with `pulumi config set --secret fleet:<name>`. The engine names a missing one."""
    return pulumi.Config(NAMESPACE).require_secret(name)

"""The layers of the program as the engine's targets: `python -m components.layers ground servers` prints them.

Work on one layer goes by targets and not by leaving things out of the program: what is not registered would be deleted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

# In the order in which they are made; nothing in a layer needs a later one.
LAYERS: dict[str, tuple[str, ...]] = {
    "ground": ("machines", "dns", "fabric"),
    "servers": ("control:Servers",),
    "vault": ("control:Vault",),
    "policies": ("control:Vault", "control:Nomad", "control:Consul"),
    "agents": ("control:Agents",),
    "front": ("mirror_proxy",),
    "services": ("services",),
    "people": ("roster",),
}


class UnknownLayerError(ValueError):
    """A word that names no layer; the text says which there are."""


def patterns(layers: Sequence[str]) -> tuple[str, ...]:
    """Patterns of the resource names (URNs) of these layers; none at all for no layer, which means everything."""
    unknown = sorted(set(layers) - set(LAYERS))
    if unknown:
        raise UnknownLayerError(f"no layer is called {', '.join(unknown)}; the layers are {', '.join(LAYERS)}")
    parts = sorted({part for layer in layers for part in LAYERS[layer]})
    return tuple(f"urn:pulumi:*::*::fleet:{part}{'' if ':' in part else ':'}**" for part in parts)


def arguments(layers: Sequence[str]) -> list[str]:
    """The same as words of a Pulumi command line."""
    return [word for pattern in patterns(layers) for word in ("--target", pattern)]


def main(words: Sequence[str]) -> int:
    """Print the arguments, one a line, so that a shell reads each whole."""
    try:
        print("\n".join(arguments(words)))
    except UnknownLayerError as problem:
        print(f"ONLY: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

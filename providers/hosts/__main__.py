"""The plugin process: `python -m providers.hosts ENGINE_ADDRESS`."""

from __future__ import annotations

import sys

from providers.base.servicer import Provider
from providers.base.serving import serve
from providers.hosts.identity import Identity, Metal
from providers.hosts.state import State


class Hosts(Provider):
    """Metal, Identity and State."""

    name = "hosts"
    version = "0.1.0"


def main() -> None:
    """Serve until the engine ends."""
    provider = Hosts([Metal(), Identity(), State()])
    if len(sys.argv) > 1:
        provider._connect(sys.argv[1])
    serve(provider)


if __name__ == "__main__":
    main()

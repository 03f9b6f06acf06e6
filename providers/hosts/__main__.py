"""The plugin process: `python -m providers.hosts`."""

from __future__ import annotations

import sys
from typing import ClassVar

from providers.base.servicer import Provider
from providers.base.serving import serve
from providers.hosts.gate import Gate
from providers.hosts.identity import Identity
from providers.hosts.metal import Metal
from providers.hosts.state import State


class Hosts(Provider):
    """Hosts over ssh. It connects at the first real call only, so a preview needs neither key nor network."""

    name: ClassVar[str] = "hosts"
    version = "0.1.0"

    def cancel(self) -> None:
        for kind in self.kinds.values():
            if isinstance(kind, State):
                kind.cancel()


if __name__ == "__main__":
    provider = Hosts([Metal(), Identity(), State(), Gate()])
    if len(sys.argv) > 1:
        # An engine that makes no handshake tells its address here.
        provider._connect(sys.argv[1])
    serve(provider)

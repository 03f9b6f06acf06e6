"""One layer of each host, for plain pyinfra: `pyinfra hostconfig/inventory.py hostconfig/deploy.py --dry`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# pyinfra runs this file by its path, from wherever it was called.
if str(Path(__file__).resolve().parent.parent) not in sys.path:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyinfra import logger
from pyinfra.context import ctx_host, host, state

from hostconfig.deployment import HostError, configure

acknowledged = frozenset(filter(None, os.environ.get("FLEET_ACKNOWLEDGED", "").split(",")))
try:
    configured = configure(host.data.desired, layer=host.data.layer, acknowledged=acknowledged)
except (HostError, ValueError) as error:
    # This host stops, by name; the others go on.
    logger.error(f"{host.print_prefix}{error}")
    state.fail_hosts({ctx_host.get()})  # type: ignore[no-untyped-call]
else:
    for subject, what in configured.assessment.drift.items():
        logger.info(f"{host.print_prefix}{subject}: {what}")

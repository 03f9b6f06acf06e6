"""The process that runs pyinfra: `python -m providers.hosts.worker < request > one line of JSON per host`.

A process of its own, for pyinfra is gevent and the provider is gRPC. Lines come as each host is done.

A worker that applies and loses its provider goes on to its end: a host half done is worse than one done unseen, and the
inherited locks keep the next run away until then. One that only reads ends with its provider.
"""

from __future__ import annotations

if __name__ == "__main__":
    from gevent import monkey  # type: ignore[import-untyped, unused-ignore]

    # Before anything else is imported: paramiko's sockets and threads must all be gevent's.
    monkey.patch_all()

import contextlib
import ctypes
import json
import os
import signal
import sys
from dataclasses import asdict

_PR_SET_PDEATHSIG = 1


def _end_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(1)


def main() -> int:
    request = json.load(sys.stdin)
    if request["mode"] == "read":
        _end_with(request["parent"])
    # Results go out on the real standard output; whatever a library prints must not get between them.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    from hostconfig.connecting import Target
    from hostconfig.run import Result, run

    targets = [
        Target(**{**item, "users": tuple(item["users"]), "acknowledged": tuple(item["acknowledged"])})
        for item in request["targets"]
    ]

    def report(host: str, result: Result) -> None:
        # The provider may be gone; the other hosts go on all the same.
        with contextlib.suppress(OSError):
            out.write(json.dumps({"host": host, "result": asdict(result)}) + "\n")

    run(targets, request["mode"], report=report)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Running a provider: a port for the engine, and an end when the engine ends."""

import contextlib
import os
import signal
import sys
import threading
from concurrent import futures
from typing import Any

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from providers.base.servicer import Provider

# Calls of one layer wait for each other (they run as one batch), so there must be a thread for each of them.
WORKERS = 256
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def listen(provider: Provider, *, workers: int = WORKERS) -> tuple[Any, int]:
    """Start serving on a free port of the loopback; the server and the port. Threads start as calls arrive."""
    pool = futures.ThreadPoolExecutor(max_workers=workers, thread_name_prefix=provider.name)
    server = grpc.server(pool, options=_UNLIMITED)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def serve(provider: Provider) -> None:
    """The whole life of a plugin process: print the port, serve, end with a signal or with the engine.

    The parent is watched by its process number: PR_SET_PDEATHSIG fires when the *thread* that started us ends, and the
    engine's threads come and go.
    """
    parent = os.getppid()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    server, port = listen(provider)
    print(port, flush=True)
    while not stopped.wait(1.0):
        if os.getppid() != parent:
            break
    provider.cancelled = True
    with contextlib.suppress(Exception):
        provider.cancel()
    server.stop(grace=0.5).wait()
    sys.stdout.flush()
    # Worker threads may still be in a call nobody waits for any more; do not let them keep the process.
    os._exit(0)

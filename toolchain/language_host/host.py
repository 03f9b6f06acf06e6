"""The project's language host: what the engine asks of a language, answered for one Python environment.

It does less than Pulumi's own host: no virtual environments to make, no code generation, no package managers. What it
gains is in docs/decisions/0003-language-host.md. Run by `pulumi-language-python`, which lies beside this folder.
"""

from __future__ import annotations

import importlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# By its bare name: both files are copied beside the CLI, away from the project's packages.
runner = importlib.import_module("runner")


def bare_stubs() -> None:
    """Let the SDK's stubs be imported without the SDK: this process needs only messages, and the nursery the rest."""
    for entry in sys.path:
        folder = Path(entry or ".", "pulumi")
        if (folder / "runtime" / "proto").is_dir():
            for name in ("pulumi", "pulumi.runtime", "pulumi.runtime.proto"):
                package = types.ModuleType(name)
                package.__path__ = [str(folder.joinpath(*name.split(".")[1:]))]
                sys.modules[name] = package
            return
    sys.exit(f"no Pulumi SDK for {sys.executable}: run 'make tools', then '. ./activate'")


def serve(line: socket.socket) -> Any:
    """Start to answer the engine; the server stops when the object returned is dropped."""
    bare_stubs()
    from concurrent.futures import ThreadPoolExecutor

    import grpc
    from google.protobuf.empty_pb2 import Empty
    from pulumi.runtime.proto import language_pb2 as messages
    from pulumi.runtime.proto import language_pb2_grpc, plugin_pb2

    class Host(language_pb2_grpc.LanguageRuntimeServicer):
        """One method per question; what is not here answers "unimplemented", which the engine copes with."""

        def __init__(self) -> None:
            self.turn = threading.Lock()

        def Handshake(self, request: Any, context: Any) -> Any:
            return messages.LanguageHandshakeResponse()

        def GetPluginInfo(self, request: Any, context: Any) -> Any:
            from importlib.metadata import version

            return plugin_pb2.PluginInfo(version=version("pulumi"))

        def GetRequiredPackages(self, request: Any, context: Any) -> Any:
            # None in advance: the engine then loads exactly the providers that the stack registers, each in the version
            # its SDK names. A list of what is installed would demand plugins of clouds that the stack does not use.
            return messages.GetRequiredPackagesResponse()

        def GetRequiredPlugins(self, request: Any, context: Any) -> Any:
            return messages.GetRequiredPluginsResponse()

        def Run(self, request: Any, context: Any) -> Any:
            if request.attach_debugger:
                return messages.RunResponse(
                    error="this language host has no debugger: set FLEET_LANGUAGE_HOST=official"
                )
            with self.turn:
                runner.send(line, request.SerializeToString())
                answer = (runner.receive(line) or b"the program's process is gone").decode()
            if answer == "0":
                return messages.RunResponse()
            if answer == str(runner.SHOWN):
                return messages.RunResponse(bail=True)
            said = f"program exited with code {answer}" if answer.lstrip("-").isdigit() else answer
            return messages.RunResponse(error=said)

        def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:
            program = request.info.program_directory or request.program
            words = [program, *request.args]
            if request.kind == "analyzer":
                words = ["-m", "pulumi.policy", *request.args, program]
            plugin = subprocess.Popen(
                [sys.executable, "-u", *words],
                cwd=request.pwd or None,
                env=dict(entry.split("=", 1) for entry in request.env) or None,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            context.add_callback(plugin.terminate)
            said: queue.Queue[Any] = queue.Queue()
            readers = [
                threading.Thread(target=relay, args=(name, getattr(plugin, name), said), daemon=True)
                for name in ("stdout", "stderr")
            ]
            for reader in readers:
                reader.start()
            ended = 0
            while ended < len(readers):
                if (part := said.get()) is None:
                    ended += 1
                else:
                    yield messages.RunPluginResponse(**part)
            yield messages.RunPluginResponse(exitcode=plugin.wait())

        def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:
            yield messages.InstallDependenciesResponse(stdout=b"'make tools' installs what this project needs\n")

        def About(self, request: Any, context: Any) -> Any:
            return messages.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

        def GetProgramDependencies(self, request: Any, context: Any) -> Any:
            from importlib.metadata import distributions

            found = sorted({(entry.metadata["Name"], entry.version) for entry in distributions()})
            return messages.GetProgramDependenciesResponse(
                dependencies=[messages.DependencyInfo(name=name, version=version) for name, version in found]
            )

        def Cancel(self, request: Any, context: Any) -> Any:
            return Empty()

    big = ("grpc.max_receive_message_length", 400 * 1024 * 1024)
    server = grpc.server(ThreadPoolExecutor(max_workers=16), options=[big])
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Host(), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    return server


def relay(name: str, stream: Any, said: queue.Queue[Any]) -> None:
    """Pass on what a plugin prints, as it comes; None at its end."""
    while part := os.read(stream.fileno(), 65536):
        said.put({name: part})
    said.put(None)


def main() -> None:
    """Fork the nursery while nothing is imported and no thread runs, then serve until the engine is gone."""
    engine = next((word for word in reversed(sys.argv[1:]) if not word.startswith("-")), "")
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        runner.nursery(theirs, engine)
        return
    theirs.close()
    parent = os.getppid()
    server = serve(ours)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    # An engine that was killed says nothing: its place as our parent is then taken by another.
    while os.getppid() == parent:
        time.sleep(0.5)
    server.stop(None)
    os._exit(0)


if __name__ == "__main__":
    main()

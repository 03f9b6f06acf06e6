"""The floor: a bare program that registers as many resources, and a provider in Python that does nothing."""

from __future__ import annotations

from pathlib import Path

from tests.executable import executable

PROGRAM = """\
import pulumi

class Thing(pulumi.CustomResource):
    def __init__(self, name, opts=None):
        super().__init__("floor:index:Thing", name, {"name": name}, opts)

groups = [pulumi.ComponentResource("floor:index:Group", f"group-{i}") for i in range(COMPONENTS)]
for i in range(CUSTOM):
    Thing(f"thing-{i}", pulumi.ResourceOptions(parent=groups[i % len(groups)]))
"""

PROVIDER = """\
import os, threading, time
from concurrent import futures
import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

class Floor(provider_pb2_grpc.ResourceProviderServicer):
    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="0.1.0")
    def GetSchema(self, request, context):
        return provider_pb2.GetSchemaResponse(schema='{"name": "floor", "version": "0.1.0"}')
    def CheckConfig(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)
    def DiffConfig(self, request, context):
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)
    def Configure(self, request, context):
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=True)
    def Check(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)
    def Diff(self, request, context):
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)
    def Create(self, request, context):
        return provider_pb2.CreateResponse(id="" if request.preview else request.urn, properties=request.properties)
    def Delete(self, request, context):
        return empty_pb2.Empty()
    def Cancel(self, request, context):
        return empty_pb2.Empty()

server = grpc.server(futures.ThreadPoolExecutor(max_workers=64))
provider_pb2_grpc.add_ResourceProviderServicer_to_server(Floor(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
parent = os.getppid()
while os.getppid() == parent:
    time.sleep(0.5)
os._exit(0)
"""


def project(folder: Path, components: int, custom: int, python: str) -> Path:
    """Write the bare project; returns its folder."""
    plugin = folder / "plugin"
    plugin.mkdir(parents=True, exist_ok=True)
    (folder / "Pulumi.yaml").write_text(
        "name: floor\nruntime:\n  name: python\nmain: .\n"
        "plugins:\n  providers:\n    - name: floor\n      path: ./plugin\n"
    )
    (folder / "__main__.py").write_text(f"COMPONENTS, CUSTOM = {max(components, 1)}, {custom}\n{PROGRAM}")
    (plugin / "bench_provider.py").write_text(PROVIDER)
    executable(plugin / "pulumi-resource-floor", f'#!/bin/sh\nexec "{python}" "{plugin / "bench_provider.py"}"\n')
    return folder

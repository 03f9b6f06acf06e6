"""What a program says to get the provider's resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from hostconfig.code import code


class Metal(pulumi.CustomResource):
    """The first contact with a machine that somebody gave.

    `contact=False`: the machine is in the data and is never touched. `host_key`: what the machine must show.
    Outputs: reachable, ssh_host_key.
    """

    reachable: pulumi.Output[bool]
    ssh_host_key: pulumi.Output[str | None]

    def __init__(
        self,
        name: str,
        *,
        host: str,
        address: pulumi.Input[str] | None,
        provider: str,
        address6: pulumi.Input[str] | None = None,
        port: int = 22,
        contact: bool = True,
        host_key: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "host": host,
            "address": address,
            "address6": address6,
            "port": port,
            "provider": provider,
            "contact": contact,
            "host_key": host_key,
            "reachable": None,
            "ssh_host_key": None,
        }
        super().__init__("hosts:index:Metal", name, inputs, opts)


class Identity(pulumi.CustomResource):
    """What is born on a host: its WireGuard key, made there and never leaving it, and its ssh host key.

    A silent host does not fail: `reachable` is false, the keys are None, and the next preview shows what is to come.
    `machine` may be the provider's name for the machine: another machine then has another identity, wherever it is.
    `authority`: the host also makes a CA of its own, which lives `authority_days` and bears `authority_name`.
    Outputs: reachable, wireguard_public_key, ssh_host_key, facts (os, release, arch, init), authority_certificate (PEM,
    None where it is no authority), problem (why unreachable).
    """

    reachable: pulumi.Output[bool]
    wireguard_public_key: pulumi.Output[str | None]
    ssh_host_key: pulumi.Output[str | None]
    facts: pulumi.Output[Mapping[str, str]]
    authority_certificate: pulumi.Output[str | None]
    problem: pulumi.Output[str | None]

    def __init__(
        self,
        name: str,
        *,
        host: str,
        connection: Mapping[str, Any],
        fabric_interface: str,
        machine: pulumi.Input[str] | None = None,
        authority: bool = False,
        authority_days: int | None = None,
        authority_name: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs: dict[str, Any] = {
            "host": host,
            "connection": connection,
            "fabric_interface": fabric_interface,
            "machine": machine,
            "reachable": None,
            "wireguard_public_key": None,
            "ssh_host_key": None,
            "facts": None,
            "authority_certificate": None,
            "problem": None,
        }
        if authority:
            # Said only where it holds: an identity from before authorities shows no difference.
            inputs |= {"authority": True, "authority_days": authority_days, "authority_name": authority_name}
        super().__init__("hosts:index:Identity", name, inputs, opts)


class State(pulumi.CustomResource):
    """A host's whole desired state in one layer. Applied by pyinfra together with all hosts that change then.

    `members`: how many hosts the layer has, so that a batch knows when it is complete; no difference by itself.
    Input `code`, made here: a digest of the code and templates of the layer, so that a change of them is seen too.
    Outputs: desired_digest, applied, drift (subject to what; empty when clean), observed.
    """

    desired_digest: pulumi.Output[str]
    applied: pulumi.Output[Mapping[str, str]]
    drift: pulumi.Output[Mapping[str, str]]
    observed: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        host: str,
        layer: str,
        members: int,
        connection: Mapping[str, Any],
        desired: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "host": host,
            "layer": layer,
            "members": members,
            "connection": connection,
            "desired": desired,
            "code": code(layer),
            "desired_digest": None,
            "applied": None,
            "drift": None,
            "observed": None,
        }
        super().__init__("hosts:index:State", name, inputs, opts)


class Gate(pulumi.CustomResource):
    """Opens when a system's servers can keep what they are told: a stable leader, a quorum, and an open Vault.

    `members`: who votes, each with the public address to ask it at (None where unknown). `digest` stands for all that
    is asked behind the gate: whenever it changes, the gate waits anew. A preview asks nothing.
    Outputs: leader, ready.
    """

    leader: pulumi.Output[str]
    ready: pulumi.Output[bool]

    def __init__(
        self,
        name: str,
        *,
        system: str,
        address: str,
        members: Mapping[str, pulumi.Input[str] | None],
        digest: str,
        deadline_seconds: float = 120,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "system": system,
            "address": address,
            # The engine drops a null: an empty address keeps the member counted.
            "members": {host: to if to is not None else "" for host, to in members.items()},
            "digest": digest,
            "deadline_seconds": deadline_seconds,
            "leader": None,
            "ready": None,
        }
        super().__init__("hosts:index:Gate", name, inputs, opts)

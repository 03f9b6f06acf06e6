"""The control plane as data: which machines vote, how people reach it, and what each machine offers to jobs.

Left out here: who may do what (`access`), and the jobs themselves (`services`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from model.strict import Name, Strict, Text

DnsName = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+$", max_length=253)]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$")]
HostPath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9/._-]+$")]
Capability = Annotated[str, StringConstraints(pattern=r"^[a-z]+(_[a-z]+)*$", max_length=63)]
Driver = Literal["docker", "podman", "exec", "raw_exec"]


class HostVolume(Strict):
    """A folder of a machine that jobs may mount by the volume's name."""

    path: HostPath
    read_only: bool = False
    made: bool = Field(default=True, description="false: something else makes the folder (a socket, a system folder)")
    owner: int | None = Field(
        default=None, ge=1, le=65534, description="number of the account that its jobs run as; root's if not said"
    )


class Offer(Strict):
    """What machines of a role offer to jobs. A machine whose roles offer nothing runs no jobs.

    Where several roles of a machine offer, they must agree on datacenter and pool; drivers, meta and volumes add up.
    """

    datacenter: Label
    pool: Name = "default"
    drivers: tuple[Driver, ...] = Field(min_length=1)
    meta: dict[Label, Text] = {}
    volumes: dict[Label, HostVolume] = {}


class Node(Strict):
    """What one machine offers beyond its roles."""

    meta: dict[Label, Text] = {}
    volumes: dict[Label, HostVolume] = {}
    capabilities: tuple[Capability, ...] = Field(
        default=(), description="kernel capabilities that containers may ask for here beyond the usual ones"
    )


class PublicNames(Strict):
    """The public HTTPS names of the three APIs and their pages, one each."""

    nomad: DnsName
    consul: DnsName
    vault: DnsName


class Acme(Strict):
    """Where the control vhosts' certificates come from. People's browsers trust that authority."""

    directory: str = Field(pattern=r"^https://\S+$")
    contact: str = Field(pattern=r"^mailto:\S+@\S+$")
    trust_env: Text | None = Field(
        default=None, description="environment variable with the path of a PEM file to trust for the directory"
    )


class Pki(Strict):
    """The private authorities between agents; each control host is one. Days."""

    authority_days: int = Field(default=3650, ge=30)
    leaf_days: int = Field(default=30, ge=1, le=398)
    renew_days: int = Field(default=10, ge=1, description="a leaf is renewed when it has fewer days left")


class Unseal(Strict):
    """Who can open Vault: each holder has one share, and `threshold` of them together open it."""

    threshold: int = Field(ge=1, le=9)
    holders: tuple[Text, ...] = Field(min_length=1, max_length=9)


class Control(Strict):
    """Nomad, Consul and Vault: three servers each on the machines with `role`, clients wherever a role offers."""

    role: Name
    region: Name = "global"
    datacenter: Name = Field(description="Consul's; Nomad's datacenters stand with the roles that offer")
    names: PublicNames
    acme: Acme
    pki: Pki = Pki()
    unseal: Unseal
    raft_multiplier: int = Field(
        default=1, ge=1, le=10, description="above 1 where hosts share few cores: slower to react"
    )
    bridge: str = Field(default="172.26.64.0/20", description="network of each client's own bridge, for containers")

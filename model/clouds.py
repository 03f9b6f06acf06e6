"""What the fleet has at each cloud beside its machines. A cloud that a stack does not name is never contacted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from model.strict import Name, Network, PublicKey, Strict, Text


class SshKey(Strict):
    """A public key that a cloud puts on new machines. `public_key_secret` names a secret where it is not published.

    `public_key_env` names an environment variable with the path of the public key's file: the rehearsal makes its own.
    """

    public_key: PublicKey | None = None
    public_key_secret: Text | None = None
    public_key_env: Text | None = None


class Vpc(Strict):
    """A private network at DigitalOcean."""

    region: Text
    range: Network


class Bucket(Strict):
    """Object storage. Protected: it holds data."""

    region: Text
    use: Text
    protect: bool = True


class Project(Strict):
    """How the provider's own pages group what we have there."""

    purpose: Text
    environment: Literal["Development", "Staging", "Production"]
    description: Text = "kept by the fleet's program"
    machines: tuple[Name, ...] = ()
    buckets: tuple[Name, ...] = ()
    zones: tuple[Text, ...] = ()


class DigitalOcean(Strict):
    """DigitalOcean, beside the droplets."""

    ssh_keys: dict[Name, SshKey] = {}
    vpcs: dict[Name, Vpc] = {}
    buckets: dict[Name, Bucket] = {}
    projects: dict[Name, Project] = {}


class CloudNetwork(Strict):
    """A network of our own in one region, with one subnet and a way out."""

    region: Text
    zone: Text | None = Field(default=None, description="availability zone of the subnet (AWS)")
    range: Network


class Aws(Strict):
    """AWS, beside the instances."""

    ssh_keys: dict[Name, SshKey] = {}
    networks: dict[Name, CloudNetwork] = {}


class Gcp(Strict):
    """GCP, beside the instances."""

    project: Text
    ssh_keys: dict[Name, SshKey] = {}
    networks: dict[Name, CloudNetwork] = {}
